"""Which files of a tree a module runs, by the tree's place, and which packages those need."""

import ast
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from loop.repo.closure import imports, reached


def closure(module: str, root: Path = Path()) -> set[str]:
    """Paths from `root` of a module below its `src`, and of all that it reaches."""

    def text(path: str) -> str | None:
        return (root / path).read_text(encoding="utf-8") if (root / path).is_file() else None

    return reached([module], text)


def packages(files: Iterable[Path]) -> set[str]:
    """The top modules that files import."""
    return {module for file in files if file.suffix == ".py" for module in _tops(file)}


def relocked(before: str, after: str) -> frozenset[str]:
    """Top modules of packages that two texts of uv.lock hold differently, and of packages that need those."""
    old, new = (
        {one["name"]: one for one in tomllib.loads(text)["package"] if "editable" not in one["source"]}
        for text in (before, after)
    )
    found = {name for name in new if new[name] != old.get(name)} | (old.keys() - new.keys())
    while more := {name for name in new.keys() - found if found & _needs(new[name])}:
        found |= more
    return frozenset(
        top for top, owners in packages_distributions().items() if found & {*map(_plain, owners)}
    )


def _needs(package: dict[str, list[dict[str, str]]]) -> set[str]:
    return {one["name"] for one in package.get("dependencies", [])}


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


@cache
def _tops(file: Path) -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name in imports(ast.parse(file.read_text(encoding="utf-8"))))
