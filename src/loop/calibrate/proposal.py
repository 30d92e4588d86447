"""What the data say of a number of params.yaml, beside what stands there, and which of the two counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from loop.settings import params_text
from loop.settings.params_text import Keys, Value

Became = Literal["set", "as it was", "by hand", "changed", "too few data"]
MARK = "by hand"  # in a comment beside a number: a person set it, and it stays


@dataclass(frozen=True)
class Proposal:
    """What the data say of a number, by its dotted key, and why; None where they say too little.

    Then `why` says how much would do. `explained`: the reason beside the number is to say the same.
    """

    key: str
    value: int | float | None
    why: str
    explained: bool = False

    @property
    def keys(self) -> Keys:
        """Its path in params.yaml."""
        return tuple(self.key.split("."))


@dataclass(frozen=True)
class Number:
    """A number as it stands, what the data say, and what becomes of it."""

    key: str
    old: Value
    found: int | float | None
    why: str
    became: Became
    keys: Keys
    explained: bool = False

    @property
    def value(self) -> Value:
        """The number that counts from now on."""
        return self.found if self.became == "set" and self.found is not None else self.old


def weigh(text: str, values: Any, found: Iterable[Proposal], before: Mapping[str, Value]) -> list[Number]:
    """Each number as it is in params.yaml (its text and its values) beside the proposal for it.

    `before` is what the last calibration left: where another value stands there now, a person set it since.
    """
    numbers = []
    for one in found:
        old = values
        for key in one.keys:
            old = old.get(key) if isinstance(old, dict) else None
        if not isinstance(old, int | float | str):
            continue  # a check that this policy does not have
        became: Became = "as it was" if one.value == old else "set"
        if one.value is None:
            became = "too few data"
        elif MARK in params_text.comment(text, one.keys):
            became = "by hand"
        elif one.value != old and before.get(one.key, old) != old:
            became = "changed"
        numbers.append(Number(one.key, old, one.value, one.why, became, one.keys, one.explained))
    return numbers


def changes(numbers: Iterable[Number], values: Any) -> dict[Keys, Value]:
    """What is to be written into params.yaml: numbers that are set, and the reasons beside them."""
    found: dict[Keys, Value] = {}
    for one in numbers:
        if one.became == "set":
            found[one.keys] = one.value
        if one.explained and one.became in ("set", "as it was"):
            found[(*one.keys[:-1], "reason")] = one.why
    return {keys: value for keys, value in found.items() if _at(values, keys) != value}


def _at(values: Any, keys: Keys) -> Any:
    for key in keys:
        values = values[key]
    return values
