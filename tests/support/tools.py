"""Tools that no package manager of Python has: `make` brings each at its version when a test asks for it."""

import fcntl
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tool(name: str) -> Path:
    """The file that the Makefile calls `name`; where it cannot be made, the test is skipped and says why."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (place,) = re.findall(rf"^{name} := (\S+)", makefile, re.MULTILINE)
    path = ROOT / place
    if path.is_file():
        return path
    (ROOT / ".tools").mkdir(exist_ok=True)
    with (ROOT / ".tools/lock").open("w") as lock:  # workers ask at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", place], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode or not path.is_file():
        pytest.skip(f"make {place}: {done.stderr.strip()}")
    return path
