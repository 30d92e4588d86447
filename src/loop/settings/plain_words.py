"""What pydantic refused, in plain words: found and expected, for people who never heard of it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from loop.base.errors import LoopError
from loop.settings import renamed

M = TypeVar("M", bound=BaseModel)
MAPPING, LIST = "a mapping of keys", "a list"
TYPES = {"int": "a whole number", "float": "a number", "bool": "true or false", "string": "a text"}
TYPES |= {"list": LIST, "tuple": LIST, "dict": MAPPING, "model": MAPPING}


def read_json(model: type[M], text: bytes, refused: Callable[[str], LoopError], other: LoopError) -> M:
    """A JSON file. Raises `other` for one of another version, else what `refused` makes of the reason."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        if renamed.other_version(error):
            raise other from None
        raise refused(", expected ".join(problem(dict(error.errors()[0])))) from None


def problem(item: Mapping[str, Any], name: str = "") -> tuple[str, str]:
    """Found and expected of one of pydantic's errors; `name` is the key that it lies below."""
    parts = [str(part) for part in item["loc"] if part != "[key]"]  # of pydantic, for a key itself
    key, kind = repr(".".join(filter(None, [name, *parts])))[1:-1], item["type"]  # unseen signs as codes
    if kind == "json_invalid":
        return "no JSON", "JSON"
    if kind in ("missing", "extra_forbidden"):
        return f"`{key}` is {'missing' if kind == 'missing' else 'not a key'}", "the keys of this version"
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
    if isinstance(value, dict | list | tuple):
        return MAPPING if isinstance(value, dict) else LIST
    if value is None or isinstance(value, bool):
        return "empty" if value is None else str(value).lower()
    return repr(value) if isinstance(value, str) else f"{value}"
