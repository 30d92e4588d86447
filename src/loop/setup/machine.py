"""What a machine and a clone need: for the pipeline, and, each with what is lost without it, for the rest."""

import shutil
import sys
from pathlib import Path

from loop.base import program
from loop.base.errors import LoopError
from loop.repo.git import git
from loop.settings import renamed
from loop.settings.paths import PARAMS
from loop.settings.yaml_file import load
from loop.setup.need import Need

OWNERS = Path(".github/CODEOWNERS")
PLACEHOLDER = "@your-organization/"
TIMEOUT = 300  # seconds


def needs() -> list[Need]:
    """Every need of this machine."""
    return [
        Need("the locked environment", "results may differ from everybody's", "make setup", _locked),
        Need(
            "the names of this version in params.yaml and src/problem",
            "nothing runs that reads what has an old name",
            "loop doctor --fix",
            lambda: not renamed.keys(load(PARAMS)) and not renamed.of_problem(),
        ),
        Need(
            "results that match dvc.lock",
            "the model here is not the branch's",
            "make run",
            lambda: _dvc("status", "--json").strip() in ("", "{}"),
        ),
        Need(
            "owners in .github/CODEOWNERS",
            "policy and workflows change without their owner's approval",
            f"sed -i 's|{PLACEHOLDER}ml-owners|@LOGIN-OR-TEAM|' {OWNERS}",
            lambda: OWNERS.is_file() and PLACEHOLDER not in OWNERS.read_text(encoding="utf-8"),
        ),
        Need(
            "a DVC remote",
            "each machine makes results for itself, and GitHub keeps its own cache",
            "dvc remote add -d store s3://BUCKET/PATH",
            lambda: bool(_dvc("remote", "list").strip()),
            optional=True,
        ),
        Need(
            "Chromium and its driver",
            "the tests of the pages in a browser are skipped",
            "apt install chromium chromium-driver",
            lambda: shutil.which("chromedriver") is not None,
            optional=True,
        ),
        Need(
            "Go, or act",
            "the tests that execute the workflows are skipped",
            "see https://go.dev/doc/install",
            lambda: shutil.which("go") is not None or shutil.which("act") is not None,
            optional=True,
        ),
    ]


def at_root() -> None:
    """Raise LoopError outside of the root of a clone."""
    if not Path("dvc.yaml").is_file() or Path(git("rev-parse", "--show-toplevel")) != Path.cwd():
        raise LoopError(f"{Path.cwd()} is not the root of a clone", "the folder with dvc.yaml", "cd there")


def _locked() -> bool:
    uv = shutil.which("uv") or ".tools/bin/uv"
    if not Path(uv).is_file():
        return False
    command = [uv, "sync", "--locked", "--check", "--quiet", "--python", sys.executable]
    return program.ask(command, seconds=TIMEOUT).code == 0


def _dvc(*arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    return program.run(command, seconds=TIMEOUT, expected="a clone", todo="make setup")
