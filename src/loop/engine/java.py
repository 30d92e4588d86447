"""The Java that Spark would take here, and whether it is one that Spark runs on."""

import os
import re
import shutil
from pathlib import Path

from loop.base import program
from loop.base.errors import LoopError

FIRST, LAST = 17, 21  # of Spark 4.0
MEND = "on Debian or Ubuntu: apt install openjdk-17-jre-headless; of several, JAVA_HOME names the one to take"
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')  # 1.8 is 8


def require() -> int:
    """The major version of the Java that Spark takes. Raises LoopError where none will do."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin/java")) if home else shutil.which("java")
    if java is None or not os.access(java, os.X_OK):
        where = f"JAVA_HOME is {home}, which has no bin/java" if home else "there is no Java here"
        raise _lacking(where)
    asked = program.ask([java, "-version"], seconds=60)
    found = _VERSION.search(asked.out + asked.errors)
    if found is None:
        raise _lacking(f"{java} does not say its version")
    version = int(found[1])
    if not FIRST <= version <= LAST:
        raise _lacking(f"{java} is Java {version}")
    return version


def _lacking(found: str) -> LoopError:
    return LoopError(found, f"Java {FIRST} to {LAST}, for Spark", MEND)
