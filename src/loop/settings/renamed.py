"""Names that older versions had, and what they are called now, in params.yaml and in src/problem.

An old name in the working tree is an error that says the new one, and `loop doctor --fix` writes it. The
params.yaml of another commit is read as if it had the new ones: nobody rewrites history.
"""

import ast
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from loop.base.errors import LoopError

KEYS = {  # of params.yaml, by the whole path
    ("review", "minima"): "minimum_requirements",
    ("monitor", "hysteresis", "looks"): "runs",
}
PROBLEM = {  # file of src/problem -> top-level name, or CLASS.FIELD -> its name now
    "metrics.py": {"cohorts": "subgroups"},
    "schema.py": {"Repair.mend": "fix"},
}
FOLDER = Path("src/problem")
FIX = "`loop doctor --fix` renames them"


def keys(values: Any) -> dict[tuple[str, ...], str]:
    """The old keys that params hold, by their path, and the name of each now."""
    return {path: new for path, new in KEYS.items() if path[-1] in (_section(values, path) or {})}


def current(values: Any, at: tuple[str, ...] = ()) -> Any:
    """Params as if written with today's names; a key that is there by both names stays as it is."""
    if not isinstance(values, dict):
        return values
    new = {path[-1]: name for path, name in KEYS.items() if path[:-1] == at and name not in values}
    return {new.get(key, key): current(value, (*at, key)) for key, value in values.items()}


def refuse(values: Any, path: Path) -> None:
    """Raise LoopError that names every old key of params, or else every old name in src/problem."""
    old = {".".join(key): ".".join((*key[:-1], new)) for key, new in keys(values).items()}
    where = path if old else FOLDER
    if not old:
        old = {f"{name}: {was}": now for name, one in of_problem().items() for was, now in one.items()}
    if old:
        listed = "; ".join(f"`{was}` is `{now}` now" for was, now in old.items())
        raise LoopError(f"{where} has old names: {listed}", "the names of this version", FIX)


def of_problem(folder: Path = FOLDER) -> dict[str, dict[str, str]]:
    """The old names that files of src/problem define, and the name of each now."""
    found = {name: _defined(folder / name, table) for name, table in PROBLEM.items()}
    return {name: table for name, table in found.items() if table}


def other_version(error: ValidationError) -> bool:
    """Whether a JSON file was refused because an older or a newer version wrote it."""
    found = {one["loc"]: one["type"] for one in error.errors(include_url=False, include_input=False)}
    return found.get(("schema_version",), "missing") != "missing"


def _section(values: Any, path: tuple[str, ...]) -> dict[str, Any] | None:
    """The mapping that a key lies in; None where there is none."""
    for key in path[:-1]:
        values = values.get(key) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else None


def _defined(path: Path, table: dict[str, str]) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
        body = ast.parse(text).body if any(old.rpartition(".")[2] in text for old in table) else []
    except (OSError, SyntaxError, UnicodeDecodeError):
        return {}  # whoever imports it says more
    names = {name for one in body for name in _names(one)}
    return {old: new for old, new in table.items() if old in names}


def _names(one: ast.stmt) -> list[str]:
    """What a statement defines; the fields of a class as CLASS.FIELD."""
    if isinstance(one, ast.ClassDef):
        return [f"{one.name}.{name}" for part in one.body for name in _names(part)]
    if isinstance(one, ast.FunctionDef):
        return [one.name]
    targets = getattr(one, "targets", [getattr(one, "target", None)])
    return [target.id for target in targets if isinstance(target, ast.Name)]
