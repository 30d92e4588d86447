"""Results that a review brings back to its branch: dvc.lock and small files, each held to the head.

A lock is believed when its stages and commands are those of the head's dvc.yaml, its dependencies
in git have the hashes that it names, its params are the head's, and each file in git that a stage
writes came along with the hash that it names.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from loop.base.deadline import within
from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.production.results_commit import LOCK, result
from loop.publish.head import Head
from loop.repo import dvc_yaml
from loop.repo.dvc_yaml import Stage
from loop.settings import yaml_file

PIPELINE = "dvc.yaml"
MOST = 200  # stages, and dependencies of one
SECONDS = 120
_HASH = re.compile(r"[0-9a-f]{32}(\.dir)?")
_ENTRY = {"path": str, "hash": str, "md5": str, "size": int, "nfiles": int, "isexec": bool}
_STAGE = {"cmd", "deps", "params", "outs"}


def to_commit(files: dict[str, bytes], head: Head) -> dict[str, bytes]:
    """The files, by path, that the branch needs so that its lock matches it; none if it does already.

    Raises LoopError with the first thing that is not as it must be.
    """
    try:
        with within(SECONDS, _wrong(f"checking it takes more than {SECONDS} s")):
            return _needed(files, head)
    except LoopError:
        raise
    except Exception as error:  # both sides are foreign: whatever shape they have, it is only refused
        raise _wrong(f"it cannot be checked: {type(error).__name__}") from None


def _needed(files: dict[str, bytes], head: Head) -> dict[str, bytes]:
    if LOCK not in files or _same(files[LOCK], head.read(LOCK)):
        return {}
    lock = _yaml(files[LOCK], f"the artifact's {LOCK}")
    pipeline = _yaml(head.read(PIPELINE) or b"", PIPELINE)
    if set(lock) != {"schema", "stages"} or lock["schema"] != "2.0":
        raise _wrong(f"it has the keys {', '.join(map(str, lock))}")
    stages, asked = lock["stages"], pipeline.get("stages")
    few = isinstance(stages, dict) and len(stages) <= MOST
    if not few or not isinstance(asked, dict) or stages.keys() != asked.keys():
        raise _wrong(f"its stages are not those of {PIPELINE}")
    try:
        listed = dvc_yaml.stages(pipeline)
    except LoopError as why:
        raise _wrong(why.found) from None
    for stage in listed:
        _check_stage(stages[stage.name], asked[stage.name], stage, stages, head)
    small = [path for stage in listed for path in _small(stages[stage.name], stage, files)]
    return {path: files[path] for path in [LOCK, *small] if not _same(files[path], head.read(path))}


def _check_stage(found: Any, asked: Any, stage: Stage, stages: dict[str, Any], head: Head) -> None:
    name = stage.name
    if not isinstance(found, dict) or not isinstance(asked, dict) or not found.keys() <= _STAGE:
        raise _wrong(f"stage {name} has keys that DVC does not write")
    if len(found.get("deps") or []) > MOST:
        raise _wrong(f"stage {name} has more than {MOST} dependencies, which is not checked")
    if found.get("cmd") != asked.get("cmd"):
        raise _wrong(f"stage {name} has another command than {PIPELINE}")
    deps, outs = (_entries(name, found.get(kind)) for kind in ("deps", "outs"))
    if deps.keys() != set(stage.deps) or outs.keys() != stage.outs.keys():
        raise _wrong(f"stage {name} has other files than {PIPELINE}")
    made = {path: md5 for one in stages.values() for path, md5 in _entries("", one.get("outs")).items()}
    for path, md5 in deps.items():
        known = made[path] if path in made else _hash(path, head)
        if known is None and any(str(parent) in made for parent in PurePosixPath(path).parents):
            continue  # within a folder that a stage made, which is held by its own hash
        if known is None:
            raise _wrong(f"stage {name} depends on {path}: no file in git, and nobody's output")
        if known != md5:
            raise _wrong(f"stage {name} was run with another {path} than this branch has")
    if found.get("params", {}) != _params(stage, head):
        raise _wrong(f"stage {name} was run with other params than this branch has")


def _hash(path: str, head: Head) -> str | None:
    """A file's hash at the head, of itself or as its .dvc file names it; None for what has neither."""
    text, tracked = head.read(path), head.read(f"{path}.dvc")
    if text is not None or tracked is None:
        return _md5(text) if text is not None else None
    (out,) = _yaml(tracked, f"{path}.dvc")["outs"]
    return str(out["md5"])


def _entries(stage: str, listed: Any) -> dict[str, str]:
    """Path -> hash. Raises LoopError for an entry that DVC does not write."""
    found: dict[str, str] = {}
    for entry in listed or []:
        good = (
            isinstance(entry, dict)
            and {"path", "hash", "md5"} <= entry.keys() <= _ENTRY.keys()
            and all(type(value) is _ENTRY[key] for key, value in entry.items())
            and _HASH.fullmatch(entry["md5"])
            and entry["hash"] == "md5"
            and entry["path"] not in found
        )
        if not good:
            raise _wrong(f"stage {stage} has an entry that DVC does not write")
        found[entry["path"]] = entry["md5"]
    return found


def _params(stage: Stage, head: Head) -> dict[str, Any]:
    """The params of a stage as dvc.lock has them, read from the head's files."""
    found: dict[str, Any] = {}
    for entry in stage.params:
        files = entry if isinstance(entry, dict) else {"params.yaml": [entry]}
        for file, keys in files.items():
            values = _read(head, str(file))
            found.setdefault(str(file), {}).update({key: _at(values, str(key)) for key in keys or values})
    return found


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _small(found: dict[str, Any], stage: Stage, files: dict[str, bytes]) -> Iterator[str]:
    """Files of a stage that git keeps, each as its lock names it."""
    named = _entries(stage.name, found.get("outs"))
    for path in stage.in_git:
        if path not in files or not result(path):
            raise _wrong(f"the artifact lacks {path}, which stage {stage.name} writes")
        if _md5(files[path]) != named[path]:
            raise _wrong(f"{path} is not the one that stage {stage.name} wrote")
        yield path


@cache
def _read(head: Head, file: str) -> dict[str, Any]:
    return _yaml(head.read(file) or b"", file)


def _yaml(text: bytes, name: str) -> dict[str, Any]:
    try:
        return yaml_file.mapping(text, Path(name))
    except LoopError as why:
        raise _wrong(f"this is not YAML that can be read: {why.found}") from None


def _md5(text: bytes) -> str:
    return hashlib.md5(text).hexdigest()  # noqa: S324 - DVC's


def _same(new: bytes, old: bytes | None) -> bool:
    return old is not None and new.strip() == old.strip()


def _wrong(why: str) -> LoopError:
    return LoopError(
        f"{LOCK} of the review was not committed: {plain(why, 200)}",
        "a lock of this very head, as `loop run` makes it",
        "`make run` on the branch, then commit what it changed",
    )
