"""What pydantic refused, in plain words: found and expected, for people who never heard of it."""

from collections.abc import Mapping
from typing import Any

MAPPING, LIST = "a mapping of keys", "a list"
TYPES = {
    **{"int": "a whole number", "float": "a number", "bool": "true or false", "string": "a text"},
    **{"list": LIST, "tuple": LIST, "dict": MAPPING, "model": MAPPING},
}


def problem(item: Mapping[str, Any], name: str = "") -> tuple[str, str]:
    """Found and expected of one of pydantic's errors; `name` is the key that it lies below."""
    key, kind = ".".join(filter(None, [name, *map(str, item["loc"])])), item["type"]
    if kind == "json_invalid":
        return "no JSON", "JSON"
    if kind == "missing":
        return f"`{key}` is missing", f"a `{item['loc'][-1]}`"
    if kind == "extra_forbidden":
        return f"`{key}` is not a key", "no such key"
    if kind == "value_error":
        found, *wanted = item["ctx"]["error"].args
        return f"`{key}` {found}", wanted[0] if wanted else "values that agree"
    return f"`{key}` is {shown(item['input'])}", expected(item)


def expected(item: Mapping[str, Any]) -> str:
    """What a value should have been."""
    kind, _, how = item["type"].partition("_")
    if kind in TYPES and how.startswith(("type", "parsing", "from", "attributes")):
        return TYPES[kind]
    wanted = str(item["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return f"a number {wanted}" if wanted.startswith(("greater", "less")) else wanted


def shown(value: Any) -> str:
    """A value as a person wrote it; what is large by its kind."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list | tuple):
        return MAPPING if isinstance(value, dict) else LIST
    return repr(value) if isinstance(value, str | int | float) else f"{value}"
