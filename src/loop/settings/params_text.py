"""params.yaml, and files like it, changed as a text: values by their keys, while comments and layout stay."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from loop.base.errors import LoopError
from loop.settings import yaml_file
from loop.settings.paths import PARAMS

Keys = tuple[str | int, ...]  # names, and places in lists
Value = int | float | str


def edit(text: str, values: Mapping[Keys, Value], todo: str, file: Path = PARAMS) -> str:
    """The text with these plain values in place of those that stand there, and not another sign changed.

    Raises LoopError, with `todo`, where the file is written in a way that cannot be edited so.
    """
    try:
        spans = {keys: span(text, keys) for keys in values}
        changed = text
        for keys, (start, end) in sorted(spans.items(), key=lambda item: item[1], reverse=True):
            changed = f"{changed[:start]}{written(values[keys])}{changed[end:]}"
        if yaml_file.parse(changed) == _expected(yaml_file.parse(text), values):
            return changed
    except (yaml.YAMLError, KeyError, IndexError, TypeError, AttributeError):
        pass
    raise LoopError(
        f"{file} cannot be changed without changing more of it",
        "plain values below plain keys, without anchors or aliases",
        todo,
    )


def span(text: str, keys: Keys) -> tuple[int, int]:
    """Where the plain value of dotted keys starts and ends in the text. Raises KeyError without one."""
    node: yaml.Node | None = yaml.compose(text, yaml_file.Loader)
    for key in keys:
        if isinstance(key, int) and isinstance(node, yaml.SequenceNode):
            node = node.value[key]
            continue
        if not isinstance(node, yaml.MappingNode):
            raise KeyError(key)
        node = next((value for name, value in node.value if name.value == key), None)
    if not isinstance(node, yaml.ScalarNode):
        raise KeyError(keys)
    return node.start_mark.index, node.end_mark.index


def value(text: str, keys: Keys) -> str:
    """A plain value as it is written. Raises KeyError or IndexError without one."""
    start, end = span(text, keys)
    return text[start:end]


def comment(text: str, keys: Keys) -> str:
    """What a comment says beside a value, behind it on its line; empty where there is none."""
    end = span(text, keys)[1]
    line = text[end:].partition("\n")[0]
    return found[1].strip() if (found := re.search(r"\s#(.*)", line)) else ""


def written(value: Value) -> str:
    """A value as YAML 1.2 reads it back: plain numbers without an exponent, a text plain where it can be."""
    if isinstance(value, str):
        plain = re.match("[A-Za-z]", value) and value.isprintable() and not re.search(r": |:$| #|\s$", value)
        if plain and yaml_file.parse(f"a: {value}") == {"a": value}:
            return value
        return str(yaml.dump(value, default_style='"', width=float("inf"))).rstrip("\n")
    if isinstance(value, int):
        return str(value).lower()  # true and false, too
    return np.format_float_positional(value, trim="0")


def _expected(values: Any, changes: Mapping[Keys, Value]) -> Any:
    values = _apart(values)
    for (*above, last), value in changes.items():
        here = values
        for key in above:
            here = here[key]
        here[last] = value
    return values


def _apart(value: Any) -> Any:
    """A copy in which no two places are one object, as an anchor and its alias are."""
    if isinstance(value, dict):
        return {key: _apart(one) for key, one in value.items()}
    return [_apart(one) for one in value] if isinstance(value, list) else value
