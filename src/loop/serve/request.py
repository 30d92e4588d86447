"""What a caller may send: the contract of requests, held against JSON without a frame.

Columns, types, ranges and categories are those of `schema.REQUEST`, in pydantic's words; checks of
whole rows run on columns. Every refusal names field, found and expected.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import islice
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,  # pydantic asks for these on Python 3.11
)

import numpy as np
import pandera.pandas as pa
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from loop import columns as arrays
from loop.columns import Columns
from loop.features import DECIDED_AT
from problem import schema

FOUND_MAX = 100  # characters of a wrong value that are sent back
PROBLEMS_MAX = 20
EXPLAINED_MAX = 20  # requests of one body that are explained: each costs as much as two thousand scores
EARLIEST, LATEST = np.datetime64("1900-01-01"), np.datetime64("2262-01-01")
ISO = r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$"
WORDS = {
    "int64": "a whole number",
    "float64": "a number",
    "object": "a text",
    "bool": "true or false",
    arrays.TIME: "an instant such as 2013-06-03T00:25:00Z, with a zone, from 1900 until 2262",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a request."""

    field: str
    found: str
    expected: str


class RefusedError(Exception):
    """A request that breaks its contract, and how."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(f"{len(problems)} problems")


class Contract:
    """The contract of requests; `kinds` names the type of each column's array."""

    def __init__(self, rows_max: int, contract: pa.DataFrameSchema = schema.REQUEST) -> None:
        self.rows_max, self.explained_max = rows_max, min(rows_max, EXPLAINED_MAX)
        self.kinds = {name: arrays.kind(column) for name, column in contract.columns.items()}
        self._expected = {name: _words(column) for name, column in contract.columns.items()}
        fields = {name: _annotation(column) for name, column in contract.columns.items()}
        if DECIDED_AT in fields:
            fields[DECIDED_AT] = NotRequired[fields[DECIDED_AT]]
        request: Any = _typed(fields)
        self.one: TypeAdapter[dict[str, Any]] = TypeAdapter(request)
        some: Any = Annotated[list[request], Field(min_length=1, max_length=rows_max)]
        self.many: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(some)
        self._checks = list(_row_checks(contract))
        self._times = [name for name, kind in self.kinds.items() if kind == arrays.TIME]

    def read(self, body: bytes) -> tuple[list[dict[str, Any]], bool]:
        """The requests in a body, and whether it was a list of them. Raises RefusedError."""
        try:
            if body.lstrip(b" \t\r\n")[:1] == b"[":
                return self.many.validate_json(body), True
            return [self.one.validate_json(body)], False
        except ValidationError as error:
            raise RefusedError(*self._problems(error)) from None

    def columns(self, requests: Sequence[dict[str, Any]], now: datetime) -> Columns:
        """The requests as columns, decided `now` where they do not say when. Raises RefusedError."""
        default = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        rows = [row if DECIDED_AT in row else {**row, DECIDED_AT: default} for row in requests]
        try:
            columns = arrays.of_rows(rows, self.kinds)
        except (ValueError, OverflowError):  # an instant that there is not, such as on the 30th of February
            raise RefusedError(*self._no_instants(rows)) from None
        if any(((columns[name] < EARLIEST) | (columns[name] >= LATEST)).any() for name in self._times):
            raise RefusedError(*self._no_instants(rows))
        self.check(columns)
        return columns

    def check(self, columns: Columns) -> None:
        """Hold columns against the checks of whole rows. Raises RefusedError."""
        for name, holds in self._checks:
            kept = holds(columns)
            if not kept.all():
                rows = np.flatnonzero(~np.broadcast_to(kept, arrays.length(columns)))[:PROBLEMS_MAX]
                raise RefusedError(
                    *(Problem(f"[{row}]", "a request that breaks a rule", name) for row in rows)
                )

    def _no_instants(self, rows: Sequence[dict[str, Any]]) -> Iterator[Problem]:
        wrong = ((at, name) for at, row in enumerate(rows) for name in self._times if not _there(row[name]))
        for at, name in islice(wrong, PROBLEMS_MAX):
            field = name if len(rows) == 1 else f"[{at}].{name}"
            yield Problem(field, _short(rows[at][name]), self._expected[name])

    def _problems(self, error: ValidationError) -> Iterator[Problem]:
        for item in error.errors(include_url=False)[:PROBLEMS_MAX]:
            yield self._problem(dict(item))

    def _problem(self, item: dict[str, Any]) -> Problem:
        kind, place = item["type"], item["loc"]
        name = str(place[-1]) if place and isinstance(place[-1], str) else ""
        field = ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in place)[:FOUND_MAX]
        if kind == "json_invalid":
            return Problem(
                "", f"not JSON: {item['ctx']['error']}", "a request, or a list of requests, as JSON"
            )
        if kind in ("too_short", "too_long"):
            return Problem("", f"{item['ctx']['actual_length']} requests", f"1 to {self.rows_max} at a time")
        if kind == "extra_forbidden":
            near = get_close_matches(name, self.kinds, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"only {', '.join(self.kinds)}"
            return Problem(field, "a field that the contract does not have", hint)
        if not name:
            return Problem(field, _short(item["input"]), "a request: an object with the contract's fields")
        if kind == "missing":
            return Problem(field, "nothing", self._expected[name])
        return Problem(field, _short(item["input"]), self._expected[name])


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= FOUND_MAX else text[:FOUND_MAX] + "…"


def _there(text: str | None) -> bool:
    """Whether there is such an instant, in the years that can be told."""
    if text is None:
        return True
    try:
        return bool(EARLIEST <= arrays.instants([text])[0] < LATEST)
    except (ValueError, OverflowError):
        return False


def _typed(fields: dict[str, Any]) -> Any:
    """A dictionary with just these fields, which is what pydantic makes fastest."""
    request = TypedDict("Request", fields)  # type: ignore[misc]
    request.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[attr-defined]
    return request


def _annotation(column: pa.Column) -> Any:
    """The type of a field, with the ranges, categories and patterns of the column's checks."""
    kind, one_of, limits = arrays.kind(column), _one_of(column), _limits(column)
    found: Any = {"object": str, "bool": bool, "int64": int, "float64": float}.get(kind)
    if one_of:
        found = Literal[tuple(one_of)]
    elif kind == arrays.TIME:
        found = Annotated[str, Field(pattern=ISO, json_schema_extra={"format": "date-time"})]
    elif kind == "int64":
        found = Annotated[int, Field(**{"ge": -(2**63), "le": 2**63 - 1} | limits)]
    elif kind == "float64":
        found = Annotated[float, Field(allow_inf_nan=False, **limits)]
    elif limits:
        found = Annotated[found, Field(**limits)]
    examples = [example[column.name] for example in schema.REQUEST_EXAMPLES if column.name in example]
    about = Field(description=column.description, examples=examples or None)
    return Annotated[found | None if column.nullable else found, about]


def _words(column: pa.Column) -> str:
    """What a column's values must be, in words."""
    one_of = _one_of(column)
    if one_of:
        return "one of " + ", ".join(map(str, one_of))
    named = [str(check.name) for check in column.checks if _builtin(check)]
    words = ", ".join([WORDS[arrays.kind(column)], *named])
    return words + (", or null" if column.nullable else "")


def _builtin(check: pa.Check) -> str:
    """What pandera calls a check of its own, whatever name the contract gave it; nothing for any other."""
    name = getattr(check._check_fn, "__name__", "")
    return name if check.statistics else ""


def _one_of(column: pa.Column) -> list[Any]:
    found = [check.statistics["allowed_values"] for check in column.checks if _builtin(check) == "isin"]
    return list(found[0]) if found else []


def _limits(column: pa.Column) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for check in column.checks:
        given = check.statistics
        match _builtin(check):
            case "in_range":
                limits["ge" if given["include_min"] else "gt"] = given["min_value"]
                limits["le" if given["include_max"] else "lt"] = given["max_value"]
            case "greater_than_or_equal_to":
                limits["ge"] = given["min_value"]
            case "greater_than":
                limits["gt"] = given["min_value"]
            case "less_than_or_equal_to":
                limits["le"] = given["max_value"]
            case "less_than":
                limits["lt"] = given["max_value"]
            case "str_length":
                limits |= {"min_length": given["min_value"], "max_length": given["max_value"]}
            case "str_matches":
                limits["pattern"] = _anchored(given["pattern"])
    return limits


def _anchored(pattern: Any) -> str:
    """The pattern from the start of a text, which is where pandera looks for it."""
    text = getattr(pattern, "pattern", pattern)
    return text if text.startswith("^") else f"^(?:{text})"


UNDERSTOOD = {
    "in_range",
    "isin",
    "greater_than",
    "greater_than_or_equal_to",
    "less_than",
    "less_than_or_equal_to",
    "str_length",
    "str_matches",
}


def _row_checks(contract: pa.DataFrameSchema) -> Iterator[tuple[str, Callable[[Columns], Any]]]:
    """Name and test of each check that no type of a field can make."""
    for check in contract.checks:
        yield str(check.name), _holds(check, None)
    for name, column in contract.columns.items():
        for check in column.checks:
            if _builtin(check) not in UNDERSTOOD:
                yield f"{name}: {check.name}", _holds(check, name)


def _holds(check: pa.Check, name: str | None) -> Callable[[Columns], Any]:
    """The check on arrays, or on a frame where it asks for more than arrays can do."""

    def on_frame(columns: Columns) -> Any:
        frame = arrays.to_frame(columns)
        return np.asarray(check(frame if name is None else frame[name]).check_output, bool)

    def on_arrays(columns: Columns) -> Any:
        try:
            return np.asarray(check._check_fn(columns if name is None else columns[name]), bool)
        except (AttributeError, TypeError):
            return on_frame(columns)

    return on_frame if check.element_wise or _builtin(check) else on_arrays
