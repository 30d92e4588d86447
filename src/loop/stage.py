"""`python3 src/loop/stage.py NAME`: how DVC runs a stage, by the code of its tree, whoever starts it.

Even a stage's imports end in one message.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path


def run(name: str) -> None:
    """Import the stage and run its `main`.

    Run by DVC it reads what is on record, and nothing else. What git keeps of its outputs stays where it
    fails. Raises LoopError for one that it did not write anew.
    """
    from loop.base.errors import LoopError
    from loop.repo import dvc_lock, dvc_yaml

    mine = [stage for stage in dvc_yaml.of() if stage.name == name]
    if "DVC_STAGE" in os.environ:
        if _two_files():  # DVC reads it when the stage has ended
            raise LoopError(
                "git keeps its index in two files here (core.splitIndex), which DVC cannot read",
                "an index of one file",
                "`.venv/bin/loop run`; for dvc itself `git config core.splitIndex false`, then "
                "`git update-index --no-split-index`",
            )
        dvc_lock.hold_inputs(path for stage in mine for path in stage.deps)
    kept = [Path(path) for stage in mine for path in stage.in_git]
    before = {path: _written(path) for path in kept}
    import_module(f"loop.pipeline.{name}").main()
    if old := [str(path) for path in kept if _written(path) in (None, before[path])]:
        raise LoopError(
            f"stage {name} did not write {', '.join(old)}",
            "each output that dvc.yaml lists",
            f"write it in src/loop/pipeline/{name}.py, or take it out of dvc.yaml",
        )


def _two_files() -> bool:
    """Whether git's index names a second file with most of it."""
    place = Path(".git")
    if place.is_file():  # of a worktree or a submodule
        place = Path(place.read_text(encoding="utf-8").removeprefix("gitdir:").strip())
    shared = [bytes.fromhex(path.suffix[1:]) for path in place.glob("sharedindex.*")]
    return bool(shared) and any(name in (place / "index").read_bytes() for name in shared)


def _written(path: Path) -> tuple[int, int] | None:
    """Which file is there, and since when."""
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).absolute().parents[1])  # src, instead of this folder
    from loop.base import environment

    environment.enter(__file__, *sys.argv[1:])
    from loop.base.errors import guard

    guard(lambda: run(sys.argv[1]))
