"""The pipeline of this checkout, run again by `loop run`: from cache or remote, or made anew."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from loop.base import program
from loop.base.errors import LoopError, guard
from loop.base.program import Done
from loop.base.warning import warn
from loop.repo import dvc_listings, dvc_yaml
from loop.settings.paths import PIPELINE_LOCK

OBJECTS = Path(".dvc/cache/files/md5")
_FAILED = re.compile(r"failed to reproduce '([^']*)'")
_REFUSED = re.compile(r"^ERROR: (failed to connect to .*)", re.MULTILINE)
_NOISE = re.compile(r"^(ERROR: failed to reproduce|> |WARNING: |Running stage |To |\s*$)")


def run(needed: Sequence[Path] = (), *, everything: bool = False) -> None:
    """Run what is out of date, or `everything`; what no cache has is made again, where it is needed.

    DVC's run cache, which says what a stage once made, is not asked: no hash holds it. Raises LoopError
    with the stage and what it said when one fails.
    """
    _distrust()
    whole = _hold()
    _bring([*needed, *_read_in_part()], pull=whole)
    anew = ["--force"] if everything else [*(["--pull"] if whole else []), "--allow-missing"]
    code, output = _loop_run(*anew, "--no-run-cache")
    outputs = [Path(path) for stage in dvc_yaml.of() for path in stage.outs] if code else needed
    if not all(path.exists() for path in outputs):
        note = "an output that is needed is in no cache: stages whose outputs are missing run again"
        print(note, flush=True)
        code, output = _loop_run("--no-run-cache")
    if code:
        raise LoopError(failure(output), "a pipeline that runs to its end", "`loop run` shows it all; fix it")


def made(home: Path = Path()) -> list[str]:
    """Files in git that the pipeline of a checkout writes: dvc.lock, and results that are not cached."""
    return [str(PIPELINE_LOCK), *(path for stage in dvc_yaml.of(home) for path in stage.in_git)]


def failure(output: list[str]) -> str:
    """The stage that failed, and the line that says why: ours if there is one, else the last."""
    stage = next((found[1] for found in map(_FAILED.search, output) if found), None)
    ours = [line.removeprefix("error: ") for line in output if line.startswith("error: ")]
    telling = [line for line in output if not _NOISE.match(line)]
    why = (ours or telling[-1:] or ["it said nothing"])[0].strip()[:300]
    return f"stage {stage} failed: {why}" if stage else f"the pipeline did not run: {why}"


def _distrust() -> None:
    """Let DVC hash what it takes from its cache, and drop what is false: it believes what is read-only.

    No object is a link: that would be another file's rights.
    """
    for path in OBJECTS.glob("??/*"):
        if path.is_symlink():
            path.unlink()
        elif path.stat().st_uid == os.geteuid():  # in a shared cache others' objects are theirs
            path.chmod(0o644)


def _read_in_part() -> list[Path]:
    """Folders of which a stage reads one file: DVC would bring that file alone, and no hash holds it."""
    stages = dvc_yaml.of()
    read = {str(parent) for stage in stages for dep in stage.deps for parent in Path(dep).parents}
    return [Path(out) for stage in stages for out in stage.outs if out in read]


def _hold() -> bool:
    """Whether every listing is in the cache, and true; a remote that gives none is a warning."""
    lacking = dvc_listings.hold()
    if refused := next(filter(None, lacking.values()), ""):
        warn(f"the remote of DVC gave nothing, and what is missing is made again: {refused}")
    return not lacking


def _bring(needed: Sequence[Path], *, pull: bool) -> None:
    """Outputs as dvc.lock names them, from cache or remote: a stage that has them need not run again.

    Not all are pulled where the listing of one was not held to its hash before.
    """
    if all(path.exists() for path in needed):
        return
    _dvc("checkout")
    missing = [str(path) for path in needed if not path.exists()]
    if missing and pull:
        refused = _REFUSED.search(_dvc("pull", *missing).errors)
        if refused:
            warn(f"the remote of DVC gave nothing, and what is missing is made again: {refused[1]}")


def _dvc(*arguments: str) -> Done:
    """A call of DVC that may fail: what it does not bring, a stage makes."""
    return program.ask([str(Path(sys.executable).with_name("dvc")), *arguments], seconds=program.DAY)


def _loop_run(*options: str) -> tuple[int, list[str]]:
    """`loop run`, its lines shown as they come; exit code and lines."""
    lines = []

    def show(line: str) -> None:
        print(line, end="", flush=True)
        lines.append(line.rstrip())

    code = program.follow([sys.executable, "-m", "loop.cli", "run", *options], show)
    return code, lines


if __name__ == "__main__":
    guard(run)
