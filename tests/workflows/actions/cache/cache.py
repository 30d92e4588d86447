"""Caches as GitHub keeps them for actions/cache 6, in the folder LOOP_CACHES.

A run sees those of its own branch, then those of the default branch. One is found by its very key, else as
the newest whose key starts with it or with a restore key, if it was saved for that path. None is replaced.
"""

import os
import shutil
import sys
from pathlib import Path
from urllib.parse import quote


def entry(caches: Path, ref: str, path: str, key: str) -> Path:
    """Where a cache lies."""
    return caches / quote(ref, safe="") / quote(path, safe="") / quote(key, safe="")


def find(caches: Path, refs: list[str], path: str, key: str, others: list[str]) -> Path | None:
    """The cache that a run gets."""
    for ref in refs:
        exact = entry(caches, ref, path, key)
        if exact.exists():
            return exact
        for start in [key, *others]:
            mine = list(exact.parent.glob("*")) if exact.parent.exists() else []
            mine = [one for one in mine if one.name.startswith(quote(start, safe=""))]
            if mine:
                return max(mine, key=lambda one: one.stat().st_mtime_ns)
    return None


def put(content: Path, where: Path) -> None:
    """Keep a folder; files are linked, since DVC's are never written to again."""
    where.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(content, where, copy_function=os.link)
    os.utime(where)


def main(verb: str) -> None:
    """A step of a workflow: neither of the two fails it."""
    caches, place, key = Path(os.environ["LOOP_CACHES"]), os.environ["PLACE"], os.environ["KEY"]
    own, main = os.environ["GITHUB_REF"], os.environ["LOOP_MAIN"]
    if verb == "restore":
        found = find(caches, [own, main], place, key, os.environ["ELSE"].split())
        if found:
            shutil.copytree(found, place, copy_function=os.link, dirs_exist_ok=True)
        print(f"Cache restored from key: {found.name}" if found else f"Cache not found for input keys: {key}")
    elif not Path(place).exists() or os.environ["LOOP_CAPPED"] or entry(caches, own, place, key).exists():
        print("::warning::Cache save failed.")
    else:
        put(Path(place), entry(caches, own, place, key))
        print(f"Cache saved with key: {key}")


if __name__ == "__main__":
    main(sys.argv[1])
