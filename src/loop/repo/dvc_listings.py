"""Listings of folders in DVC's cache and remotes, held before DVC acts on them: it writes wherever they say.

DVC makes a folder by the object that has its name, and asks neither whether that object has its hash nor
whether a path in it leads out of the folder: into the environment, say, where Python takes it up.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loop.base.errors import LoopError, first_line
from loop.repo.git import git
from loop.settings.yaml_file import load

DIR = ".dir"
HASH = re.compile(r"[0-9a-f]{32}(\.dir)?")  # by which DVC also names the file of an object
LARGEST = 200_000_000  # bytes; an entry has some 100


def hold() -> dict[str, str]:
    """Bring the listings that this tree names into the cache: those that cannot be had, and why if not gone.

    What the cache has under another hash is dropped. Raises LoopError for one whose paths lead out of its
    folder, and where a remote has one of another hash.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        opened = Repo()
    except DvcException as error:  # settings that DVC refuses, and later in its own words
        return {"": first_line(error, 200)}
    with opened as repo:
        cache = repo.cache.local
        _drop(Path(cache.path))
        places = {oid: Path(cache.oid_to_path(oid)) for oid in sorted(named())}
        lacking = [oid for oid, place in places.items() if not place.exists()]
        stores, refused = _remotes(repo) if lacking else ([], "")
        told = {oid: _brought(oid, stores, places[oid]) for oid in lacking}
        return {oid: why or refused for oid, why in told.items() if why is not None}


def named() -> set[str]:
    """The listings that locks and .dvc files of this tree name, by the names of their objects.

    Raises LoopError for a hash that is none.
    """
    listed = git("ls-files", "-z", "--cached", "--others", "--", "*.dvc", "*dvc.lock").split("\0")
    found = set[str]()
    for path in filter(Path.is_file, map(Path, filter(None, listed))):
        values = _read(path)
        hashes, paths = (list(_all(values, key)) for key in ("md5", "relpath"))
        if wrong := _wrong(paths, hashes):
            raise _refused(f"{path} {wrong}")
        found |= {md5 for md5 in hashes if md5.endswith(DIR)}
    return found


def check(oid: str, content: bytes) -> str:
    """What is wrong with a listing of this name; nothing where it is true, and stays in its folder."""
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != oid.removesuffix(DIR):
        return "has another hash than its name"
    try:
        entries = [(str(entry["relpath"]), str(entry["md5"])) for entry in json.loads(content)]
    except (ValueError, RecursionError, KeyError, TypeError):
        return "is no list of files"
    return _wrong(*zip(*entries, strict=True)) if entries else ""


def _wrong(paths: Iterable[str], hashes: Iterable[str]) -> str:
    """What of a listing leads elsewhere; nothing where all of it stays."""
    if out := [path for path in paths if {"", ".", ".."}.intersection(path.split("/")) or "\0" in path]:
        return f"names {out[0][:80]!a}, which is not in the folder"
    strange = [md5 for md5 in hashes if not HASH.fullmatch(md5)]
    return f"names the hash {strange[0][:80]!a}" if strange else ""


def _drop(cache: Path) -> None:
    """Take false listings out of the cache. Raises LoopError for a true one that leads out of its folder."""
    for path in cache.glob(f"??/*{DIR}"):
        wrong = check(path.parent.name + path.name, path.read_bytes())
        if wrong.startswith("names"):
            raise _refused(f"{path} {wrong}")
        if wrong:
            path.unlink()


def _brought(oid: str, stores: list[Any], to: Path) -> str | None:
    """Put a listing of a remote into the cache: None. Else why a remote does not answer, or nothing.

    One that does not is asked no more: its time may be minutes.
    """
    refused = ""
    for store in list(stores):
        try:
            with store.fs.open(store.oid_to_path(oid), "rb") as opened:
                content = opened.read(LARGEST)
        except Exception as error:  # a remote's parts have errors of their own
            cause = error.__cause__ or error
            silent = isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)
            if isinstance(error, FileNotFoundError) and not silent:  # so fsspec says it of both
                continue
            refused = first_line(cause, 200)
            stores.remove(store)
            continue
        if wrong := check(oid, content):
            raise _refused(f"the listing {oid[:12]} in the remote of DVC {wrong}")
        from loop.base import files  # with pandas

        with files.replacing(to) as draft:
            draft.write_bytes(content)
        return None
    return refused


def _remotes(repo: Any) -> tuple[list[Any], str]:
    """The remotes, and why one cannot be used."""
    found, refused = [], ""
    for name in repo.config["remote"]:
        try:
            found.append(repo.cloud.get_remote_odb(name))
        except Exception as error:  # as one whose package is not installed
            refused = first_line(error, 200)
    return found, refused


def _read(path: Path) -> Any:
    try:
        return load(path)
    except LoopError:
        return None  # DVC refuses it as well


def _all(value: Any, name: str) -> Iterable[str]:
    """Every value of this key, however deep."""
    if isinstance(value, list):
        for part in value:
            yield from _all(part, name)
    for key, part in value.items() if isinstance(value, dict) else ():
        if key == name:
            yield str(part)
        else:
            yield from _all(part, name)


def _refused(found: str) -> LoopError:
    return LoopError(
        found,
        "a list of the folder's own files, whose hash is its name",
        "look who may write there; then push the true one from where it was made (`dvc push`), or remove it: "
        "the stage makes the folder again",
    )
