"""Where a person may lie, place by place: what is there of them, and how it is taken away.

All of a place can be asked and erased again: what was done is simply no longer found.
"""

import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from glob import glob
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from loop.base import json_text, program
from loop.base.errors import LoopError
from loop.base.files import replacing
from loop.forget import cells, holding
from loop.forget import person as persons
from loop.forget.person import Person
from loop.model import tracking
from loop.repo import dvc_lock
from loop.repo.git import git
from loop.serve import collect
from loop.serve.log_writer import SEGMENTS
from loop.settings.yaml_file import load
from problem.features import VIEWS

TABLES, CACHE, REMOTE = "tables of the source", "DVC's cache", "DVC's remote"
LOG, STORE, RUNS, FILES = "prediction log", "feature store", "MLflow", "other files"
LEFT_ALONE = {".git", ".venv", ".tools", "__pycache__"}  # of the tree: code, and what git is asked for
APART = {Path(".dvc/cache"), Path(".deploy/environments")}  # searched by hash; packages of a host's servers
HERE = Path(".dvc/tmp")
PART = "\x1f"  # between view and entity in a key of the store


@dataclass(frozen=True)
class Place:
    """What was found in one place: how many rows or other spots, and what takes them away."""

    kind: str
    name: str
    rows: int
    erase: Callable[[], Any]


def tracked() -> list[Path]:
    """Tables that .dvc files track: files, and those in folders. What is not here is left out."""
    found: list[Path] = []
    for listed in _listed():
        for out in load(Path(listed)).get("outs", []):
            path = Path(listed).parent / out["path"]
            found += sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    return [path for path in found if path.is_file()]


def _listed() -> list[str]:
    """Every .dvc file here, committed or not."""
    return git("ls-files", "--cached", "--others", "--exclude-standard", "--", "*.dvc").splitlines()


def of_source() -> list[Path]:
    """Tables that lose rows and stay: what .dvc files track, and what the source reads in this tree."""
    read = [Path(os.path.relpath(name)) for one in persons.files_of_source() for name in glob(one.pattern)]
    here = sorted(path for path in read if _inside(path) and path.is_file())
    return list(dict.fromkeys([*tracked(), *here]))


def _inside(path: Path) -> bool:
    """Whether a path lies in this tree, however it is written."""
    return Path(os.path.abspath(path)).is_relative_to(Path.cwd())


def hold_tables(changed: bool) -> None:
    """Raise LoopError where an erasure would lose rows of others.

    A table must be here as its .dvc file names it, unless this erasure has `changed` it. No branch may name a
    version that was never merged: it would be deleted whole, and only what is here is written anew.
    """
    for listed in _listed():
        path = listed.removesuffix(".dvc")
        if not Path(path).exists():
            raise LoopError(
                f"{path} is not here", "the table that is to be written anew", "`dvc pull`, then again"
            )
        if not changed:
            dvc_lock.hold({path: dvc_lock.added(path)}, Path(listed))
        known = {
            _named(commit, listed) for commit in git("log", "--format=%H", "HEAD", "--", listed).splitlines()
        }
        for branch in git("for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes").splitlines():
            if (name := _named(branch, listed)) and name not in known:
                raise LoopError(
                    f"{branch} names a version of {path} that was never merged here",
                    "one line of versions: of another one, rows of others would be lost",
                    "merge that branch, or delete it, then run this again",
                )


def _named(commit: str, listed: str) -> str:
    """A .dvc file as a commit has it; nothing where it has none."""
    return (
        git("rev-parse", f"{commit}:{listed}") if git("ls-tree", "--name-only", commit, "--", listed) else ""
    )


def tables(who: Person) -> Iterator[Place]:
    """Rows in tables of the source; a new version of the table is tracked in place of the old."""
    for path in of_source():
        if rows := holding.rows(path, who):
            yield Place(TABLES, str(path), rows, partial(_without, path, who))


def _without(path: Path, who: Person) -> None:
    if path.is_symlink():  # into the cache, which must not change
        target = path.resolve()
        path.unlink()
        shutil.copyfile(target, path)
    holding.erase(path, who)


def track_again() -> None:
    """Let each .dvc file name the table beside it as it is now."""
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.ERROR)
    with Repo() as repo:
        for path in _listed():
            repo.commit(target=path, force=True, allow_missing=True)


class Objects:
    """Objects of DVC's cache and remotes: what each holds is asked once, by its hash."""

    def __init__(self, who: Person) -> None:
        self._who = who
        self.held: dict[str, int] = {}

    def places(self) -> Iterator[Place]:
        """Every object that holds them, here and in each remote."""
        from dvc.repo import Repo

        logging.getLogger("dvc").setLevel(logging.ERROR)
        with Repo() as repo:
            yield from self._of(repo.cache.local, CACHE, CACHE)
            for name in repo.config["remote"]:
                yield from self._of(repo.cloud.get_remote_odb(name), REMOTE, f"{REMOTE} {name}")

    def _of(self, store: Any, kind: str, name: str) -> Iterator[Place]:
        for oid in sorted(store.all()):
            path = store.oid_to_path(oid)
            if oid not in self.held:
                with store.fs.open(path, "rb") as stream:
                    self.held[oid] = holding.within(stream.read(), self._who)
            if self.held[oid]:
                yield Place(kind, f"{name} {oid[:12]}", self.held[oid], partial(_remove, store, path))


def _remove(store: Any, path: str) -> None:
    if store.fs.exists(path):  # a remote in this tree is searched as files too
        store.fs.remove(path)


def logged(who: Person, folders: Sequence[Path]) -> Iterator[Place]:
    """Rows of days, and lines that are no records."""
    for folder in folders:
        for path in sorted((folder / "days").glob("*.parquet")):
            table = pq.read_table(path)
            pairs = zip(table["request"].to_pylist(), table["entity"].to_pylist(), strict=True)
            mine = [
                who.logged(json_text.parse(request), json_text.parse(entity)) for request, entity in pairs
            ]
            if any(mine):
                kept = table.filter(pa.array([not one for one in mine]))
                yield Place(LOG, str(path), sum(mine), partial(_write, path, kept))
        for path in sorted((folder / collect.REJECTED).glob("*.txt")):
            if rows := holding.rows(path, who):
                yield Place(LOG, str(path), rows, path.unlink)


def segments(who: Person, folders: Sequence[Path]) -> Iterator[Place]:
    """Rows in segments that are not collected yet; those of a living server can be erased a minute later."""
    for folder in folders:
        for path in sorted((folder / SEGMENTS).glob("*")):
            if rows := max(_in_segment(path, who), holding.rows(path, who)):
                yield Place(LOG, str(path), rows, partial(_collected, who, folder))


def _collected(who: Person, folder: Path) -> None:
    collect.collect(folder, pd.Timestamp(0, tz="UTC"), 0)  # so long ago that no day is too old
    for one in logged(who, [folder]):
        one.erase()


def _in_segment(path: Path, who: Person) -> int:
    found = 0
    for line in path.read_bytes().splitlines()[1:]:
        try:
            found += sum(who.logged(request, request) for request in json_text.parse(line)["requests"])
        except (ValueError, KeyError, TypeError):
            continue  # a line that a server is about to end
    return found


def _write(path: Path, table: pa.Table) -> None:
    with replacing(path) as draft:
        pq.write_table(table, draft, compression="zstd")


def stored(who: Person, where: str) -> Iterator[Place]:
    """Rows of the feature store whose entity is theirs, of any definition of the features."""
    if "://" in where:
        yield from _in_redis(who, where)
        return
    for path in of_store(where):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            mine = [key for (key,) in database.execute("SELECT key FROM online") if _entity(key, who)]
        if mine:
            yield Place(STORE, str(path), len(mine), partial(_drop, path, mine))


def of_store(where: str) -> list[Path]:
    """Files of the feature store itself; none of a server."""
    return [] if "://" in where else sorted(Path(where).glob("*.sqlite"))


def _drop(path: Path, keys: Sequence[str]) -> None:
    """A file of the store without some keys, in its place: readers see it at their next request."""
    with replacing(path) as draft:
        shutil.copyfile(path, draft)
        with closing(sqlite3.connect(draft)) as database:
            database.executemany("DELETE FROM online WHERE key = ?", [(key,) for key in keys])
            database.commit()
            database.execute("VACUUM")


def _in_redis(who: Person, where: str) -> Iterator[Place]:
    import redis

    client = redis.Redis.from_url(where, socket_timeout=30, socket_connect_timeout=5)
    for name in sorted(client.scan_iter("loop:features:*")):
        mine = [key for key, _ in client.hscan_iter(name) if _entity(key.decode(), who)]
        if mine:
            yield Place(STORE, name.decode(), len(mine), partial(client.hdel, name, *mine))


def _entity(key: str, who: Person) -> bool:
    view, *parts = key.split(PART)
    return who.stored(next((one.entity for one in VIEWS if one.name == view), None), parts)


def runs(who: Person) -> Iterator[Place]:
    """Cells of MLflow's file of runs, or runs of a server; files of runs in this tree are `other files`."""
    uri = os.environ["MLFLOW_TRACKING_URI"]
    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///").partition("?")[0])
        if path.is_file() and (rows := holding.rows(path, who)):
            yield Place(RUNS, str(path), rows, partial(cells.clean, path, who))
        return
    yield from _on_server(who)


def _on_server(who: Person) -> Iterator[Place]:
    """Runs whose params, tags or files hold them; such a run is deleted: its parts cannot be edited."""
    client, experiment = tracking.connect()
    HERE.mkdir(parents=True, exist_ok=True)
    for run in client.search_runs([experiment], max_results=50_000):
        texts = [*run.data.params.values(), *run.data.tags.values()]
        rows = sum(holding.within(str(text).encode(), who) for text in texts)
        with tempfile.TemporaryDirectory(dir=HERE) as folder:  # a run that is killed is found there
            client.download_artifacts(run.info.run_id, "", folder)
            rows += sum(holding.rows(path, who) for path in Path(folder).rglob("*") if path.is_file())
        if rows:
            one = run.info.run_id
            yield Place(RUNS, f"run {one}", rows, partial(client.delete_run, one))


def others(who: Person, folders: Sequence[Path], but: Sequence[Path]) -> Iterator[Place]:
    """Files of the tree, and of other folders, that git does not keep: outputs, reports, journals, copies.

    `but` are files of which another place tells.
    """
    kept = {Path(name).absolute() for name in git("ls-files", "-z").split("\0") if name}
    kept |= {path.absolute() for path in but}
    roots = [Path(), *(folder for folder in folders if not _inside(folder))]
    for path in (path for root in roots for path in _walk(root)):
        known = path.absolute() in kept or _of_database(path)
        if not known and path.is_file() and (rows := _rows(path, who)):
            yield Place(FILES, str(path), rows, partial(path.unlink, missing_ok=True))


def _of_database(path: Path) -> bool:
    """Whether a file is what SQLite keeps beside a database: without it, writes of others would be lost."""
    name, _, ending = path.name.rpartition("-")
    return ending in ("wal", "shm", "journal") and path.with_name(name).is_file()


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        inside = [name for name in folders if name not in LEFT_ALONE and here / name not in APART]
        folders[:] = sorted(inside)
        yield from (here / name for name in sorted(names))


def _rows(path: Path, who: Person) -> int:
    """What a file holds of them, its name included."""
    return holding.rows(path, who) or who.mention.count(path.name.encode(errors="replace"))


def of_log(folders: Sequence[Path]) -> Iterator[Path]:
    """Files of the prediction log itself."""
    for folder in folders:
        for names in ("days/*.parquet", f"{collect.REJECTED}/*.txt", f"{SEGMENTS}/*"):
            yield from sorted(folder.glob(names))


def in_git(who: Person) -> list[str]:
    """What git holds in clear, by path or object: nobody can take it out of other clones.

    Files that differ from what git keeps, and git's own notes, are searched as they are.
    """
    found: list[str] = []
    names = dict(
        line.partition(" ")[::2]
        for line in git("rev-list", "--all", "--objects", "--reflog").splitlines()
        if " " in line
    )
    listed = git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype) %(objectsize)")
    objects = [line.split() for line in listed.splitlines()]
    for batch in _batches(objects):
        done = program.ask(
            ["git", "cat-file", "--batch"], seconds=600, text="".join(f"{one}\n" for one in batch)
        )
        at = 0
        for one in batch:
            start = done.raw.index(b"\n", at) + 1
            size = int(done.raw[at:start].split()[-1])
            if holding.within(done.raw[start : start + size], who):
                found.append(names.get(one, one[:12]))
            at = start + size + 1
    changed = {Path(name) for name in git("ls-files", "--modified", "-z").split("\0") if name}
    home = Path(git("rev-parse", "--git-common-dir"))
    notes = {path for path in [*home.glob("*"), *home.glob("logs/**/*")] if path.name != "index"}
    search = sorted(path for path in {*changed, *notes} - set(of_source()) if path.is_file())
    return sorted({*found, *(str(path) for path in search if _rows(path, who))})


def _batches(objects: Sequence[Sequence[str]], most: int = 64 * 2**20) -> Iterator[list[str]]:
    """Names of objects that are no trees, some megabytes at a time."""
    batch, size = list[str](), 0
    for name, kind, length in objects:
        if kind == "tree":
            continue
        batch.append(name)
        size += int(length)
        if size > most:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
