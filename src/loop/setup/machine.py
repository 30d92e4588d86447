"""What a machine and a clone need: for the pipeline, and, each with what is lost without it, for the rest."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from loop.base import program
from loop.base.errors import LoopError
from loop.engine import java
from loop.repo import machinery
from loop.repo.git import git
from loop.settings import engine_settings, renamed
from loop.settings.paths import BEGUN, PARAMS
from loop.settings.yaml_file import load
from loop.setup.need import LackError, Need, written

TIMEOUT = 300  # seconds
SHOWN = 5  # files that are named


def needs() -> list[Need]:
    """Every need of this machine."""
    checks: dict[str, Callable[[], bool]] = {
        "environment": _locked,
        "names": lambda: not renamed.keys(load(PARAMS)) and not renamed.of_problem(),
        "results": lambda: _dvc("status", "--json").strip() in ("", "{}"),
        "remote": lambda: bool(_dvc("remote", "list").strip()),
        "browser": lambda: shutil.which("chromedriver") is not None,
        "java": _java,
        "machinery": _machinery,
        "act": lambda: shutil.which("go") is not None or shutil.which("act") is not None,
    }
    return written("machine.yaml.j2", checks, own=BEGUN.is_file(), spark=_spark(), java=java.MEND)


def at_root() -> None:
    """Raise LoopError outside of the root of a clone."""
    if not Path("dvc.yaml").is_file() or Path(git("rev-parse", "--show-toplevel")) != Path.cwd():
        raise LoopError(f"{Path.cwd()} is not the root of a clone", "the folder with dvc.yaml", "cd there")


def _spark() -> bool:
    """Whether params.yaml asks for Spark, and is there to ask."""
    return PARAMS.is_file() and load(PARAMS).get("engine", engine_settings.DUCKDB) != engine_settings.DUCKDB


def _java() -> bool:
    try:
        return bool(java.require())
    except LoopError as error:
        raise LackError(error.found, error.expected, error.todo) from None


def _machinery() -> bool:
    if edited := machinery.edited(Path.cwd()):
        more = f" and {len(edited) - SHOWN} more" if edited[SHOWN:] else ""
        raise LackError(f"edited: {', '.join(edited[:SHOWN])}{more}", "files as they came", "")
    return True


def _locked() -> bool:
    uv = shutil.which("uv") or ".tools/bin/uv"
    if not Path(uv).is_file():
        return False
    group = ["--group", "spark"] if _spark() else []
    command = [uv, "sync", "--locked", "--check", "--quiet", *group, "--python", sys.executable]
    return program.ask(command, seconds=TIMEOUT).code == 0


def _dvc(*arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    return program.run(command, seconds=TIMEOUT, expected="a clone", todo="make setup")
