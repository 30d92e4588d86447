"""Old names become today's in params.yaml and src/problem, and not another sign changes.

A file that cannot be edited so is left as it is, and the error says what to write by hand.
"""

import ast
import io
import tokenize
from pathlib import Path
from typing import Any

import yaml

from loop.base import files
from loop.base.errors import LoopError
from loop.settings import renamed, yaml_file
from loop.settings.paths import PARAMS


def params() -> list[str]:
    """Rename what has an old name in params.yaml, and say it. Raises LoopError where it cannot be edited."""
    if not PARAMS.is_file():
        return []
    text = PARAMS.read_bytes().decode()
    old = renamed.keys(yaml_file.mapping(text.encode(), PARAMS))
    _replace(PARAMS, text, edit(text))
    return [f"{PARAMS}: {'.'.join(path)} -> {'.'.join((*path[:-1], new))}" for path, new in old.items()]


def problem() -> list[str]:
    """Rename what has an old name in src/problem, and say it. Raises LoopError where it cannot be edited."""
    found = renamed.of_problem().items()
    return [pair for name, table in found for pair in _module(renamed.FOLDER / name, table)]


def edit(text: str) -> str:
    """params.yaml with today's names. Raises LoopError where that would change more."""
    values = yaml_file.mapping(text.encode(), PARAMS)
    changed, old = text, renamed.keys(values)
    try:
        spans = {_span(yaml.compose(text, yaml_file.Loader), path): new for path, new in old.items()}
        for (start, end), new in sorted(spans.items(), reverse=True):
            changed = f"{changed[:start]}{new}{changed[end:]}"
        expected = renamed.current(values)
        if yaml_file.parse(changed) == expected and not renamed.keys(expected):
            return changed
    except (yaml.YAMLError, KeyError):
        pass
    raise _by_hand(PARAMS, {".".join(path): new for path, new in old.items()})


def edit_module(text: str, table: dict[str, str], path: Path) -> str:
    """A module of src/problem with today's names. Raises LoopError where one of them is taken."""
    short = {old.rpartition(".")[2]: new for old, new in table.items()}
    lines = list(io.StringIO(text))
    every = tokenize.generate_tokens(iter(lines).__next__)
    tokens = [one for one in every if one.type == tokenize.NAME]
    for one in reversed(tokens):
        if one.string in short:
            (row, start), (_, end) = one.start, one.end
            line = lines[row - 1]
            lines[row - 1] = f"{line[:start]}{short[one.string]}{line[end:]}"
    changed = "".join(lines)
    taken = {one.string for one in tokens} & set(short.values())
    if taken or ast.dump(ast.parse(changed)) != _expected(text, short):
        raise _by_hand(path, table)
    return changed


def _module(path: Path, table: dict[str, str]) -> list[str]:
    text = path.read_bytes().decode()
    _replace(path, text, edit_module(text, table, path))
    return [f"{path}: {old} -> {new}" for old, new in table.items()]


def _replace(path: Path, old: str, new: str) -> None:
    if new != old:
        with files.replacing(path) as place:
            place.write_bytes(new.encode())


def _span(node: yaml.Node | None, path: tuple[str, ...]) -> tuple[int, int]:
    """Where a key stands in its text. Raises KeyError without one."""
    found: Any = None
    for key in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found, node = next(((name, value) for name, value in pairs if name.value == key), (None, None))
    if found is None:
        raise KeyError(path)
    return found.start_mark.index, found.end_mark.index


def _expected(text: str, short: dict[str, str]) -> str:
    dumped = ast.dump(ast.parse(text))
    for old, new in short.items():
        dumped = dumped.replace(f"'{old}'", f"'{new}'")
    return dumped


def _by_hand(path: Path, table: dict[str, str]) -> LoopError:
    listed = "; ".join(f"`{old}` is `{new}` now" for old, new in table.items())
    return LoopError(
        f"old names in {path} cannot be replaced without changing more of it",
        "plain names, without a second meaning, anchors or aliases",
        f"rename them by hand: {listed}",
    )
