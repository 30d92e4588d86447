"""Which files of `src` a module runs: read from imports and names of templates, not from running it.

What a list kept by hand would say of code (what a stage depends on, what the image holds, what judges a
change) is derived here. Imports for types alone, below `if TYPE_CHECKING:`, do not count.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

Text = Callable[[str], str | None]  # a file's text by its path from the root; None where there is none
SRC = "src"


def reached(modules: Iterable[str], text: Text) -> set[str]:
    """Paths of `modules` and of every local module and template that they reach; no package's own file."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        base = f"{SRC}/{waiting.pop().replace('.', '/')}"
        path = next((one for one in (f"{base}.py", f"{base}/__init__.py") if text(one) is not None), None)
        if path is None or path in found:
            continue
        names, templates = _named(text(path) or "")
        if not path.endswith("/__init__.py"):
            found.add(path)
        found |= {f"{path.rpartition('/')[0]}/templates/{name}" for name in templates}
        waiting += names
    return found


def here(path: str) -> str | None:
    """A file of the working directory."""
    return Path(path).read_text(encoding="utf-8") if Path(path).is_file() else None


def imports(tree: ast.AST) -> list[str]:
    """Every module named by an import anywhere in the tree; `from a import b` gives a and a.b."""
    names = []
    for node in _run(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def loaded(text: str, package: str = "") -> list[str]:
    """Modules that a text imports as it is loaded; relative ones by the package that it lies in.

    What a function imports, or a `try` that expects it may be absent, does not count.
    """
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return []
    names = []
    for node in body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            of = ".".join([*filter(None, above), *filter(None, [node.module])])
            names += [of, *(f"{of}.{alias.name}" for alias in node.names)] if of else []
    return names


@cache
def _named(text: str) -> tuple[list[str], set[str]]:
    """Modules and templates that a text names; many modules reach the same few, which are parsed once."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return [], set()
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return imports(tree), {one for one in texts if one.removesuffix(".j2") not in ("", one)}


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree that run: all but those for a type checker."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
            continue
        yield from _run(child)
