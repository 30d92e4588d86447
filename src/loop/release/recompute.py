"""recompute: main's results come out again, by hash, before anything is built of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loop.base import files
from loop.base.errors import LoopError
from loop.repo import dvc_lock, rerun
from loop.repo.commit import Commit
from loop.repo.git import git
from loop.settings.paths import CARD, CARD_JSON, LINEAGE, MODEL, PIPELINE_LOCK, REFERENCE

NEEDED = (MODEL, LINEAGE, REFERENCE, CARD, CARD_JSON)  # what goes into the image


def main() -> int:
    """Run the pipeline from cache or remote, else anew; the lock that comes out must be main's.

    Raises LoopError that names each stage and path that differs.
    """
    committed = Commit("HEAD").yaml(PIPELINE_LOCK) or {}
    rerun.run(NEEDED)
    ours = dvc_lock.read()
    found = [*differing(committed, ours), *_files(ours)]
    if found:
        raise LoopError(
            "main's results do not come out again: " + "\n  ".join(found),
            f"what {PIPELINE_LOCK} on main says",
            "`make run` on a branch shows it; bring what comes out by a pull request. Nothing was released",
        )
    print(
        f"main's results came out again: {len(dvc_lock.outs(ours))} outputs of {len(ours['stages'])} stages"
    )
    return 0


def differing(committed: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """Each stage whose inputs or outputs are not the committed ones. Both are dvc.lock as read."""
    theirs, mine = committed.get("stages") or {}, ours.get("stages") or {}
    for name in sorted(theirs.keys() | mine.keys()):
        if name not in theirs or name not in mine:
            yield f"stage {name}: {'not in main' if name not in theirs else 'only in main'}'s {PIPELINE_LOCK}"
        elif dvc_lock.inputs(theirs[name]) != dvc_lock.inputs(mine[name]):
            yield f"stage {name}: {PIPELINE_LOCK} is older than {', '.join(_moved(theirs[name], mine[name]))}"
    for one in dvc_lock.differences(committed, ours):
        yield f"stage {one.stage}: {one.path} is {one.theirs[:12]} on main, {one.ours[:12]} when run again"


def _moved(theirs: dict[str, Any], mine: dict[str, Any]) -> list[str]:
    """The inputs of a stage that differ, by name."""
    was, now = dvc_lock.hashes(theirs, "deps"), dvc_lock.hashes(mine, "deps")
    paths = [path for path in sorted(was.keys() | now.keys()) if was.get(path) != now.get(path)]
    return paths or ["its command or params"]


def _files(ours: dict[str, Any]) -> Iterator[str]:
    """Files that are not what the lock says: a damaged cache, or a result in git that nothing made."""
    for stage, entry in (ours.get("stages") or {}).items():
        for path, md5 in dvc_lock.hashes(entry, "outs").items():
            if Path(path) in NEEDED and (not Path(path).is_file() or files.md5(Path(path)) != md5):
                yield f"stage {stage}: {path} is not the file whose hash {PIPELINE_LOCK} holds"
    changed = git("diff", "--name-only", "HEAD", "--", *rerun.made()).split()
    yield from (f"{path} is not the committed one" for path in changed if path != str(PIPELINE_LOCK))
