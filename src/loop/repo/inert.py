"""Which changed files nothing runs: known by an allow-list of names. All else is code, wherever it lies."""

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

_TEXTS = {".md", ".png", ".svg", ".jpg", ".gif"}
_FOLDERS = {  # folder -> ends of names in it that are only read
    "docs": _TEXTS,
    "reports": {*_TEXTS, ".json", ".csv", ".html"},
    "models": {*_TEXTS, ".json"},
    "data": {*_TEXTS, ".json", ".csv", ".parquet"},
}
_FILES = {"params.yaml", "dvc.lock", "LICENSE"}
_STEERING = {  # what DVC, git, make, pytest and BentoML obey in whatever folder it lies
    *(".dvcignore", "dvc.yaml", "dvc.lock", ".gitattributes", ".gitmodules", ".lfsconfig"),
    *("GNUmakefile", "makefile", "conftest.py", ".env", ".bentoignore"),
}
_LOADED = {
    "sitecustomize.py",
    "usercustomize.py",
    "pyvenv.cfg",
    ".python-version",
    ".python-versions",
    "uv.toml",
    "matplotlibrc",  # which may name a module to draw with
}
_ENDS = {".pth", ".so", ".pyc"}
_ENVIRONMENT = {".venv", ".tools"}
_NAMED = _STEERING | _LOADED | _ENDS | {".dvc", ".py"}  # kinds of what steers
_MACHINERY = {  # where what makes, judges or builds lies
    *("src", ".github", ".ci", "deploy", "Makefile", "dvc.yaml", "uv.lock", "pyproject.toml"),
    *("requirements-uv.txt", "bentofile.yaml", "setup.cfg", "tox.ini"),
    *("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"),
    *("ruff.toml", ".ruff.toml", "mypy.ini", ".mypy.ini"),
}

_LOOKED = {"src", *_ENVIRONMENT}

_OTHERS = 2  # the last rank
_LONGEST, _FEW = 4_000, 10  # characters of names, and names of a kind where these are more


def inert(path: str) -> bool:
    """Whether nothing runs a file, or obeys it."""
    if steers(path):
        return False
    place = PurePosixPath(path)
    if path in _FILES or place.name == ".gitignore" or (place.suffix == ".md" and _top(path) != "src"):
        return True
    return len(place.parts) > 1 and place.suffix in _FOLDERS.get(_top(path), set())


def steers(path: str) -> bool:
    """Whether DVC, git, Python or uv obey a file: another may make the stages' results others."""
    place = PurePosixPath(path)
    if path in _FILES:
        return False
    return place.name in _STEERING or ".dvc" in (place.suffix, *place.parts) or loaded(path)


def loaded(path: str) -> bool:
    """Whether Python or uv take it up whatever runs, so that it is in each stage and no stage lists it."""
    place = PurePosixPath(path)
    if place.name in _LOADED or place.suffix in _ENDS or not _ENVIRONMENT.isdisjoint(place.parts):
        return True
    if place.name == "__init__.py":  # of a package that is found before a library, or of ours
        return _top(path) == "src" or len(place.parts) == 2
    plugin = any(part.endswith((".dist-info", ".egg-info")) for part in place.parts)
    return plugin or (place.suffix == ".py" and str(place.parent) in (".", "src"))


def shown(paths: Iterable[str], known: Callable[[str], bool] = bool) -> list[str]:
    """Paths for a person: all that steers, makes or judges first, and then some of the others.

    Beyond so many characters each kind has a few names and a count, and no kind hides another. The `known`
    come first of their kind, with what is found before one of them: what else is new runs only by them. Then
    comes what lies where Python looks unasked.
    """

    def order(path: str) -> tuple[bool, bool, str]:
        there = known(path) or known(_instead_of(path))
        return not there, not ("/" not in path or _top(path) in _LOOKED), path

    kinds: dict[tuple[int, str], list[str]] = {}
    for path in sorted(paths, key=order):
        kinds.setdefault(_kind(path), []).append(path)
    whole = sum(len(path) for (rank, _), some in kinds.items() for path in some if rank < _OTHERS) < _LONGEST
    found = []
    for (rank, kind), some in sorted(kinds.items()):
        most = len(some) if whole and rank < _OTHERS else _FEW
        found += some[:most]
        found += [f"and {len(some) - most} more of {kind}"] if len(some) > most else []
    return found


def _instead_of(path: str) -> str:
    """The module beside it that a package, or a compiled module, of its name is found before."""
    folder, slash, name = path.rpartition("/")
    if name.startswith("__init__.") and folder:
        folder, slash, name = folder.rpartition("/")
    return f"{folder}{slash}{name.partition('.')[0]}.py"


def _kind(path: str) -> tuple[int, str]:
    """A rank, and one of a few names, whatever names somebody gives to files."""
    place = PurePosixPath(path)
    if steers(path):
        folders = (_ENVIRONMENT | {".dvc"}).intersection(place.parts)
        name = place.name if place.name in _STEERING | _LOADED else place.suffix
        return 0, min(folders, default=name if name in _NAMED else "packages' own files")
    if _top(path) in _MACHINERY:
        two = "/".join(place.parts[:2])
        return 1, two if two in ("src/loop", "src/problem", ".github/workflows") else _top(path)
    return _OTHERS, "other files"


def _top(path: str) -> str:
    return path.partition("/")[0]
