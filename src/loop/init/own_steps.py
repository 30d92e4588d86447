"""Classes and functions of a user's own module, cut out of it with all that they name."""

import ast
import importlib.util
import inspect
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loop.base.errors import LoopError

AS_IT_CAME = """# Written as it came: take these two lines out to have it checked.
# ruff: noqa
# mypy: ignore-errors"""
INSTALLED = tuple({Path(place).resolve() for place in sysconfig.get_paths().values()})


def is_own(module: str) -> bool:
    """Whether a module is a file of the user's: not Python's own, not installed, not the machinery."""
    if module.split(".", maxsplit=1)[0] in ("loop", "builtins"):
        return False
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # of a file that was loaded by its path
        return True
    return found is not None and _is_users(found.origin)


def _is_users(file: str | None) -> bool:
    if file is None or file in ("built-in", "frozen"):
        return False
    return not any(Path(file).resolve().is_relative_to(place) for place in INSTALLED)


def source(roots: Iterable[Any]) -> str:
    """The text of a module that holds these classes and functions, and nothing that they do not need.

    Raises LoopError where they come from several files, or need another file of the user's.
    """
    roots = list(roots)
    names = {file for one in roots if (file := inspect.getsourcefile(one))}
    if len(names) != 1:
        raise LoopError(
            f"classes of the pipeline come from {', '.join(sorted(names)) or 'no file'}",
            "one file that holds them all",
            "put them into one module",
        )
    path = Path(names.pop())
    text = path.read_text(encoding="utf-8")
    kept = _needed(ast.parse(text), {one.__name__ for one in roots})
    for node in kept:
        _refuse_own(node, path)
    lines = text.splitlines()
    parts = ["\n".join(lines[_first(node) - 1 : node.end_lineno]) for node in kept]
    about = f'"""Steps of the Pipeline that are this problem\'s own, from {path.name}."""'
    return "\n\n\n".join([f"{about}\n\n{AS_IT_CAME}", *parts])


def _needed(tree: ast.Module, wanted: set[str]) -> list[ast.stmt]:
    """The statements at the top of a module that bind what is wanted, and what these name in turn."""
    binds = [(node, _bound(node)) for node in tree.body]
    kept: set[int] = set()
    waiting = set(wanted)
    while waiting:
        name = waiting.pop()
        for at, (node, names) in enumerate(binds):
            if name in names and at not in kept:
                kept.add(at)
                waiting |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return [tree.body[at] for at in sorted(kept)]


def _bound(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return set()


def _first(node: ast.stmt) -> int:
    return min(int(one.lineno) for one in (node, *getattr(node, "decorator_list", ())))


def _refuse_own(node: ast.stmt, path: Path) -> None:
    named = {
        *([alias.name for alias in node.names] if isinstance(node, ast.Import) else []),
        *([node.module or "."] if isinstance(node, ast.ImportFrom) else []),
    }
    relative = isinstance(node, ast.ImportFrom) and node.level > 0
    if beside := [name for name in named if relative or is_own(name)]:
        raise LoopError(
            f"{path.name} takes a part of {beside[0]}, a file beside it",
            "one file that holds what the pipeline needs",
            f"put what it takes of {beside[0]} into {path.name}",
        )
