"""Which files of `src` a module runs: read from its imports and templates, not from running it."""

import ast
from functools import cache
from pathlib import Path

SRC = Path("src")


def closure(module: str, src: Path = SRC, root: Path = Path()) -> set[str]:
    """Paths of `module` and of all local modules and templates that it reaches, from `root`."""
    found: set[str] = set()
    todo = [module]
    while todo:
        path = _file(todo.pop(), src)
        if path is None or _name(path, root) in found:
            continue
        names, templates = _named(path.read_text(encoding="utf-8"))
        if path.name != "__init__.py":
            found.add(_name(path, root))
        found |= {_name(path.parent / "templates" / name, root) for name in templates}
        todo += names
    return found


@cache
def _named(text: str) -> tuple[list[str], set[str]]:
    """Modules and templates that a text names; many modules reach the same few, which are parsed once."""
    tree = ast.parse(text)
    return imports(tree), _templates(tree)


def _name(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def imports(tree: ast.Module) -> list[str]:
    """Every module named by an import anywhere in the tree; `from a import b` gives a and a.b."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _file(module: str, src: Path) -> Path | None:
    base = src / module.replace(".", "/")
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _templates(tree: ast.Module) -> set[str]:
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {text for text in texts if text.endswith(".j2")}
