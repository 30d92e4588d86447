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


def _written(path: Path) -> tuple[int, int] | None:
    """Which file is there, and since when."""
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).absolute().parents[1])  # src, instead of this folder
    from loop.base import environment

    environment.enter(__file__, *sys.argv[1:])
    from loop.base.errors import guard

    guard(lambda: run(sys.argv[1]))
