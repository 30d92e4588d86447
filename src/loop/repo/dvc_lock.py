"""dvc.lock as a record: what each stage read, and the hashes of what it made."""

from collections.abc import Iterator
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """An output whose hash is another in `theirs` than in `ours`, though the stage read the same."""

    stage: str
    path: str
    theirs: str
    ours: str


def outs(lock: dict[str, Any]) -> dict[str, str]:
    """Path -> md5 of every output that a dvc.lock names."""
    stages = (lock.get("stages") or {}).values()
    return {out["path"]: out.get("md5", "") for stage in stages for out in stage.get("outs", [])}


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
