"""dvc.lock as a record: what each stage read, and the hashes of what it made; and the tree held to it.

DVC believes a cache by its names, a run cache by its keys, and looks away where an ignore file says so.
What is read is therefore listed and hashed here.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from loop.base.errors import LoopError
from loop.settings.paths import PIPELINE_LOCK
from loop.settings.yaml_file import load


class Difference(NamedTuple):
    """An output whose hash is another in `theirs` than in `ours`, though the stage read the same."""

    stage: str
    path: str
    theirs: str
    ours: str


def of_tree() -> dict[str, Any]:
    """The lock of this tree, nothing where there is none. Raises LoopError for one that DVC did not write."""
    return read() if os.path.lexists(PIPELINE_LOCK) else {}


def read() -> dict[str, Any]:
    """The lock of this tree. Raises LoopError where there is none, or one that DVC did not write."""
    lock = load(PIPELINE_LOCK)
    stages = lock.get("stages", {})
    if lock and not (
        lock.get("schema") == "2.0" and isinstance(stages, dict) and all(map(_one, stages.values()))
    ):
        raise LoopError(
            f"{PIPELINE_LOCK} is no lock that DVC wrote",
            "schema '2.0', and stages with paths and params",
            f"`git checkout {PIPELINE_LOCK}` brings the committed one; `make run` makes it anew",
        )
    return lock


def _one(stage: Any) -> bool:
    """Whether a stage of a lock has its parts in the shape that DVC gives them."""
    if not isinstance(stage, dict):
        return False
    files, params = [stage.get(kind, []) for kind in ("deps", "outs")], stage.get("params", {})
    return (
        all(isinstance(kind, list) for kind in files)
        and all(isinstance(one, dict) and isinstance(one.get("path"), str) for kind in files for one in kind)
        and isinstance(params, dict)
        and all(isinstance(one, dict) for one in params.values())
    )


def outs(lock: dict[str, Any]) -> dict[str, str]:
    """Path -> md5 of every output that a dvc.lock names."""
    stages = (lock.get("stages") or {}).values()
    return {out["path"]: out.get("md5", "") for stage in stages for out in stage.get("outs", [])}


def named(lock: dict[str, Any]) -> dict[str, str]:
    """Path -> md5 of all that its stages read or made."""
    stages = (lock.get("stages") or {}).values()
    return {
        path: str(md5)
        for stage in stages
        for kind in ("deps", "outs")
        for path, md5 in hashes(stage, kind).items()
    }


def hold_inputs(read: Iterable[str]) -> None:
    """Raise LoopError where data that a stage reads are not what dvc.lock, or a .dvc file, names."""
    made = outs(of_tree())
    for path in read:
        for place in (path, *map(str, Path(path).parents)):
            if md5 := added(place):
                hold({place: md5}, Path(f"{place}.dvc"))
            elif place in made:
                hold({place: made[place]})


def hold_added(lock: dict[str, Any]) -> None:
    """Raise LoopError where a .dvc file names other data than the stages of a lock have read.

    A run follows data that were added anew; what is judged must have been made of them.
    """
    for path, md5 in named(lock).items():
        if (now := added(path)) and now != md5:
            raise LoopError(
                f"{path}.dvc names {now[:12]}, and {PIPELINE_LOCK} was made of {md5[:12]}",
                "results of the data as they are named",
                "`loop run`, then again",
            )


def added(path: str) -> str | None:
    """The hash by which a .dvc file names what lies beside it; None where there is no such file.

    Raises LoopError for a file that names another path, several, or no hash: it would hold nothing.
    """
    file = Path(f"{path}.dvc")
    if not file.is_file():
        return None
    found = load(file)
    match found.get("outs"):
        case [{"path": name, "md5": str(md5)}] if name == file.stem and "wdir" not in found:
            return md5
    raise LoopError(
        f"{file} does not name {path} by its hash",
        f"one output, `path: {file.stem}` with its `md5`, as DVC writes it",
        f"`dvc add {path}`",
    )


def hold(wanted: Mapping[str, Any], by: Path = PIPELINE_LOCK) -> None:
    """Raise LoopError for the first of these paths that is there with another content than it is named."""
    from loop.base import files  # with pandas, for which a run with nothing to do must not wait

    for path, md5 in wanted.items():
        if Path(path).exists() and (found := files.md5(Path(path))) != md5:
            raise LoopError(
                f"{path} has the hash {found[:12]}, and {by} names {str(md5)[:12]}",
                "to read exactly what is named, whatever a cache or an ignore file says",
                f"`rm -r {path} && chmod -R u+w $(dvc cache dir)`, then `loop run`: DVC drops what is not as "
                "it is named, and brings it or makes it again",
            )


def inputs(stage: dict[str, Any]) -> tuple[Any, ...]:
    """Command, dependencies and params of a stage: what its outputs are a function of."""
    return stage.get("cmd"), hashes(stage, "deps"), stage.get("params")


def hashes(stage: dict[str, Any], kind: str) -> dict[str, Any]:
    """Path -> md5 of the `deps` or `outs` of a stage."""
    return {str(entry["path"]): entry.get("md5") for entry in stage.get(kind) or []}


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[Difference]:
    """Outputs of a stage that differ though its command, dependencies and params are the same."""
    stages, made = theirs.get("stages") or {}, ours.get("stages") or {}
    for name, stage in stages.items():
        if name not in made or inputs(stage) != inputs(made[name]):
            continue
        was, now = hashes(stage, "outs"), hashes(made[name], "outs")
        for path in sorted(was.keys() | now.keys()):
            if was.get(path) != now.get(path):
                yield Difference(name, path, *(str(found.get(path, "absent")) for found in (was, now)))
