"""What features are, as a hash of the code that says so: of the problem, the kit, and packages of your own.

The store keeps rows by it. A whole environment and an image must find the same hash, so nothing counts that
one of them may lack: packages that only a function imports, and files that an image leaves out.
"""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from loop.repo.closure import SRC, here, loaded, reached

DEFINED_IN = ("problem.source", "problem.schema", "problem.features")
LIBRARIES = {  # that the template brings: tools, which define nothing
    *("duckdb", "ibis", "numpy", "pandas", "pandera", "pyarrow", "pydantic", "requests", "scipy", "sklearn"),
}
_KNOWN = {*sys.stdlib_module_names, *LIBRARIES, "loop", "problem"}
_OWN = "__init__.py"
_LEFT_OUT = {"tests", "__pycache__"}  # folders, and ends of names, that an image drops or a machine makes
_ENDS = {".pyc", ".pyi", ".pyx", ".pxd", ".h", ".so", ".dylib"}


def definition(home: Path | None = None) -> str:
    """The hash; of the tree that runs, or of one whose `src` is at `home`."""
    home = home or Path(str(import_module("problem").__file__)).parents[1]

    def place(path: str) -> Path:
        return home / Path(path).relative_to(SRC)

    found, texts = hashlib.sha256(), []
    for path in sorted(reached(DEFINED_IN, lambda path: here(str(place(path))))):
        content = place(path).read_bytes()
        found.update(content)
        texts.append(content.decode())
    for name, root in sorted(packages(texts).items()):
        for file in sorted(_held(root)):
            found.update(f"\0{name}/{file.relative_to(root.parent).as_posix()}\0".encode())
            found.update(file.read_bytes())
    return found.hexdigest()[:12]


def packages(texts: Iterable[str]) -> dict[str, Path]:
    """Folder or file of each package that texts load, and those load in turn; no library of the kit."""
    waiting = [name for text in texts for name in loaded(text, "problem")]
    roots, read, done = dict[str, Path](), set[Path](), set[str]()
    while waiting:
        name = waiting.pop()
        if name in done or name.partition(".")[0] in _KNOWN:
            continue
        done.add(name)
        along = list(_along(name))
        for module, file in along[:1]:
            roots[module] = _root(file)
        for module, file in along:
            if file not in read and file.suffix == ".py":
                package = module if file.name == _OWN else module.rpartition(".")[0]
                waiting += loaded(file.read_text("utf-8"), package)
            read.add(file)
    return roots


def _along(name: str) -> Iterator[tuple[str, Path]]:
    """The files that an import of a name runs: of the packages above it, and its own. Nothing is imported."""
    top, *rest = name.split(".")
    spec = find_spec(top)
    if spec is None:
        return
    places = [Path(one) for one in spec.submodule_search_locations or []]
    if spec.origin and spec.has_location:
        yield top, Path(spec.origin)
    for part in rest:
        top = f"{top}.{part}"
        known = [path for place in places for path in (place / part / _OWN, place / f"{part}.py")]
        file = next(filter(Path.is_file, known), None)
        if file is not None:
            yield top, file
        places = [_root(file)] if file else [place / part for place in places]  # a folder without such a file


def _root(file: Path) -> Path:
    """The folder of a package, or the one file of a module."""
    return file.parent if file.name == _OWN else file


def _held(root: Path) -> list[Path]:
    """The files of a package that count."""
    if root.is_file():
        return [root]
    return [
        path
        for path in root.rglob("*")
        if path.suffix not in _ENDS and path.is_file() and _LEFT_OUT.isdisjoint(path.relative_to(root).parts)
    ]
