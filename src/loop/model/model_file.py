"""The model as a file: the same bytes for the same model, and loaded only if its hash is known.

skops names the parts of its archive by memory addresses and stamps them with the time.
`write` puts numbers in their place, so that two trainings that agree give one file.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import skops.io

from loop.base.errors import LoopError
from loop.base.files import digest, replacing

_EPOCH = (1980, 1, 1, 0, 0, 0)


def write(model: Any, path: Path) -> None:
    """Store a fitted model as a skops archive whose bytes depend on the model alone."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as archive:
        schema = json.loads(archive.read("schema.json"))
        parts = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    names: dict[Any, str] = {}
    schema = _renumber(schema, names)
    with replacing(path) as draft, zipfile.ZipFile(draft, "w") as archive:
        for old in sorted(parts, key=lambda name: int(names[name].split(".")[0])):
            archive.writestr(zipfile.ZipInfo(names[old], _EPOCH), parts[old])
        archive.writestr(zipfile.ZipInfo("schema.json", _EPOCH), json.dumps(schema))


def read(path: Path, sha256: str, trusted: list[str]) -> Any:
    """The model in `path`, if its bytes have this hash and it holds only `trusted` types.

    Raises LoopError for a missing, changed or unreadable file; nothing is loaded before the
    hash was compared, because a malicious archive can crash the process.
    """
    todo = "run `dvc checkout --force models/model.skops`, or `dvc repro --force train` to make it anew"
    if not path.is_file():
        raise LoopError(f"{path} is missing", "the model that the lineage names", todo)
    found = digest(path, "sha256")
    if found != sha256:
        raise LoopError(
            f"{path} has sha256 {found[:12]}…", f"{sha256[:12]}…, which models/lineage.json names", todo
        )
    try:
        return _loaded(path, trusted)
    except LoopError:
        raise
    except Exception as error:  # whatever skops stumbles over in bytes that are none of a model
        raise LoopError(
            f"{path} is no model that skops can read: {type(error).__name__}",
            "a model that `loop run` wrote with the locked packages",
            "`make setup`; then `dvc repro --force train` makes it anew",
        ) from error


def _loaded(path: Path, trusted: list[str]) -> Any:
    unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - set(trusted))
    if unknown:
        raise LoopError(
            f"{path} holds types that nobody vouched for: {', '.join(unknown)}",
            "plain scikit-learn, or a type listed in TRUSTED of src/problem/model.py",
            "read what they do, then add them to TRUSTED",
        )
    return skops.io.load(path, trusted=trusted)


def _renumber(node: Any, names: dict[Any, str]) -> Any:
    """The same tree with ids counted in order of appearance; `names` maps old to new.

    A leaf that holds its own value gets a number of its own: whether Python shares two equal
    strings is an accident, and loading does not need it.
    """
    if isinstance(node, list):
        return [_renumber(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    leaf = node.get("is_json") or node.get("__loader__") == "TypeNode"
    done: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            number = str(len(names) + 1)
            done[key] = int(names.setdefault(object() if leaf else value, number))
        elif key == "file" and "__loader__" in node:
            number, suffix = str(len(names) + 1), Path(value).suffix
            done[key] = names.setdefault(value, number + suffix)
        else:
            done[key] = _renumber(value, names)
    return done
