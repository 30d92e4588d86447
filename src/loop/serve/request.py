"""What a caller may send: the contract of requests, held against JSON without a frame.

Columns, types, ranges and categories are those of `schema.REQUEST`, in pydantic's words; checks of
whole rows run on columns. Every refusal names field, found and expected.
"""

import json
import re
from collections import Counter
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
from pydantic_core import SchemaError
from typing_extensions import TypedDict

from loop.base.counted import counted
from loop.data import columns as arrays
from loop.data import values
from loop.data.columns import Array, Columns
from loop.data.contract import quoted, shortened
from loop.data.features import DECIDED_AT
from loop.data.values import INSTANT, integers, is_whole, outside, there, words
from loop.settings.params import ISO, Window
from problem import schema

FOUND_MAX = 100  # characters of a wrong value that are sent back
PROBLEMS_MAX = 20
ERRORS_MAX = 1000
EXPLAINED_MAX = 20  # requests of one body that are explained: each costs as much as two thousand scores
BOM = b"\xef\xbb\xbf"
FLOAT = re.compile(rb"[0-9](\.|[eE])")  # there may be one in a body
Test = Callable[[Columns], Any]  # which rows keep a check, or whether all do


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
        super().__init__(f"{counted(len(problems), 'problem')}")


class Contract:
    """The contract of requests; `kinds` names the type of each column's array."""

    def __init__(
        self, rows_max: int, contract: pa.DataFrameSchema = schema.REQUEST, decided: Window | None = None
    ) -> None:
        self._decided = decided
        ends = (decided.since, decided.until) if decided else ()
        self._ends = [np.datetime64(end.tz_localize(None), "us") for end in ends]
        self.rows_max, self.explained_max = rows_max, min(rows_max, EXPLAINED_MAX)
        columns = values.columns(contract)
        self.kinds = {name: arrays.kind(column) for name, column in columns.items()}
        made = {name: _field(column) for name, column in columns.items()}
        allowed = {name: check for name, (_, check) in made.items()}
        fields = {name: field for name, (field, _) in made.items()}
        self._expected = {name: _expectation(column, allowed[name]) for name, column in columns.items()}
        if DECIDED_AT in fields:
            fields[DECIDED_AT] = NotRequired[fields[DECIDED_AT]]
        request: Any = _typed(fields)
        self.one: TypeAdapter[dict[str, Any]] = TypeAdapter(request)
        some: Any = Annotated[list[request], Field(min_length=1, max_length=rows_max)]
        self.many: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(some)
        self._checks = [(str(check.name), _of_rows(check, self.kinds)) for check in contract.checks]
        self._checks += [
            (f"{name}: {check.name}", _on_frame(check, name))
            for name, column in columns.items()
            for check in column.checks
            if check is not allowed[name]  # which its type makes already
        ]
        self._times = [name for name, kind in self.kinds.items() if kind == arrays.TIME]
        self._integers = [name for name, column in columns.items() if arrays.plain(column) is int]
        texts = [column for column in columns.values() if arrays.plain(column) in (str, datetime)]
        self._nullable = [column.name for column in texts if column.nullable]
        self._texts, self._named = len(texts) - len(self._nullable), len(columns) + len(texts)

    def read(self, body: bytes) -> tuple[list[dict[str, Any]], bool, bytes]:
        """The requests in a body, whether it was a list of them, and the body as it was understood.

        Raises RefusedError.
        """
        rows, many, body = self._understood(body)
        if body.count(b'"') != self._quotes(rows) or (b"\\" in body and b'\\"' in body):
            _each_once(body)
        return rows, many, body

    def _understood(self, body: bytes) -> tuple[list[dict[str, Any]], bool, bytes]:
        most = self.rows_max if _is_list(body) else 1
        if body.count(b'"') - body.count(b'\\"') > 2 * (self._named * most + 2 * ERRORS_MAX):
            found, expected = (
                "more fields and texts than that",
                f"requests of the fields {', '.join(self.kinds)}",
            )
            raise RefusedError(Problem("", found, expected))  # to look at each takes longer than all else
        try:
            return *self._parsed(body), body
        except ValidationError as error:
            wrong, plainer = error, self._plainer(body)
        try:
            if plainer is not body:
                return *self._parsed(plainer), plainer
        except ValidationError as error:
            wrong = error
        raise RefusedError(*self._problems(wrong))

    def _parsed(self, body: bytes) -> tuple[list[dict[str, Any]], bool]:
        if _is_list(body):
            return self.many.validate_json(body), True
        return [self.one.validate_json(body)], False

    def _quotes(self, rows: Sequence[dict[str, Any]]) -> int:
        """The quotes around the fields and texts of these rows, each given once."""
        fields, optional = sum(map(len, rows)), DECIDED_AT in self.kinds and DECIDED_AT not in self._nullable
        found = fields + self._texts * len(rows)
        if optional:  # the one field that a row may leave out
            found -= len(self.kinds) * len(rows) - fields
        for name in self._nullable:
            found += sum(row.get(name) is not None for row in rows)
        return 2 * found

    def _plainer(self, body: bytes) -> bytes:
        """The body without a byte order mark, and with 5 for 5.0 in a whole number."""
        body = body.removeprefix(BOM)
        if not (self._integers and FLOAT.search(body)):
            return body
        try:
            found = _each_once(body)
            for row in found if isinstance(found, list) else [found]:
                for name in self._integers if isinstance(row, dict) else ():
                    if isinstance(value := row.get(name), float) and is_whole(value):
                        row[name] = int(value)
            return json.dumps(found, allow_nan=False).encode()
        except (ValueError, RecursionError):
            return body  # which says itself what is wrong with it

    def columns(self, requests: Sequence[dict[str, Any]], now: datetime) -> Columns:
        """The requests as columns, decided `now` where they do not say when. Raises RefusedError."""
        default = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        rows = [row if DECIDED_AT in row else {**row, DECIDED_AT: default} for row in requests]
        try:
            columns = arrays.of_rows(rows, self.kinds)
        except (ValueError, OverflowError):  # an instant that there is not, such as on the 30th of February
            raise RefusedError(*self._no_instants(rows)) from None
        if any(outside(columns[name]).any() for name in self._times):
            raise RefusedError(*self._no_instants(rows))
        if self._decided is not None:
            self._within(self._decided, rows, columns[DECIDED_AT])
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

    def _within(self, window: Window, rows: Sequence[dict[str, Any]], at: Array) -> None:
        """Hold decisions against the window: one of 1900 would have labels of all times looked for."""
        wrong = np.flatnonzero((at < self._ends[0]) | (at >= self._ends[1]))[:PROBLEMS_MAX]
        if len(wrong):
            expected = in_words(window)
            names = [DECIDED_AT if len(rows) == 1 else f"[{row}].{DECIDED_AT}" for row in wrong]
            found = (_short(rows[row][DECIDED_AT]) for row in wrong)
            raise RefusedError(*(Problem(*one, expected) for one in zip(names, found, strict=True)))

    def _no_instants(self, rows: Sequence[dict[str, Any]]) -> Iterator[Problem]:
        wrong = ((at, name) for at, row in enumerate(rows) for name in self._times if not there(row[name]))
        for at, name in islice(wrong, PROBLEMS_MAX):
            field = name if len(rows) == 1 else f"[{at}].{name}"
            yield Problem(field, _short(rows[at][name]), self._expected[name])

    def _problems(self, error: ValidationError) -> Iterator[Problem]:
        if error.error_count() > ERRORS_MAX:  # to name them all would take longer than to refuse them
            found = f"{error.error_count():,} mistakes"
            yield Problem("", found, f"requests of the fields {', '.join(self.kinds)}")
            return
        for item in error.errors(include_url=False)[:PROBLEMS_MAX]:
            yield self._problem(dict(item))

    def _problem(self, item: dict[str, Any]) -> Problem:
        kind, place = item["type"], item["loc"]
        name = str(place[-1]) if place and isinstance(place[-1], str) else ""
        field = ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in place)[:FOUND_MAX]
        if kind == "json_invalid":
            return Problem(
                "", f"not JSON: {item['ctx']['error']}", "a request, or a list of requests, as JSON in UTF-8"
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


def in_words(decided: Window) -> str:
    """When a request may have been decided."""
    return f"from {decided.since:{ISO}} until {decided.until:{ISO}} (serve.decided_at)"


def _is_list(body: bytes) -> bool:
    return body.lstrip(b" \t\r\n")[:1] == b"["


def _each_once(body: bytes) -> Any:
    """What a body holds. Raises RefusedError for a field that is given twice, ValueError for no JSON."""

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
            raise RefusedError(Problem(twice[:FOUND_MAX], "a field that is given twice", "each field once"))
        return found

    return json.loads(body.decode(), object_pairs_hook=made)


def _short(value: Any) -> str:
    return shortened(quoted(value), FOUND_MAX)


def _typed(fields: dict[str, Any]) -> Any:
    """A dictionary with just these fields, which is what pydantic makes fastest."""
    request = TypedDict("Request", fields)  # type: ignore[misc]
    request.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[attr-defined]
    return request


def _field(column: pa.Column) -> tuple[Any, pa.Check | None]:
    """The type of a field, and the check of the column that it makes, if one can be made by a type."""
    found_checks = [
        (found, check) for check in column.checks if (found := _allowed(column, check)) is not None
    ]
    found, check = found_checks[0] if found_checks else (_allowed(column, None), None)
    examples = [example[column.name] for example in schema.REQUEST_EXAMPLES if column.name in example]
    about = Field(description=column.description, examples=examples or None)
    return Annotated[found | None if column.nullable else found, about], check


def _allowed(column: pa.Column, check: pa.Check | None) -> Any:
    """A type that allows just what the check does; None where there is none. Without a check, any value."""
    plain = arrays.plain(column)
    name = "" if check is None else getattr(check._check_fn, "__name__", "")
    given = {} if check is None else check.statistics
    if check is None:
        limits: dict[str, Any] = {}
    elif plain is str and name == "isin" and given["allowed_values"]:
        texts = list(given["allowed_values"])
        return Literal[tuple(texts)] if all(isinstance(text, str) for text in texts) else None
    elif plain is str and name == "str_length" and given["exact_value"] is None:
        limits = {"min_length": given["min_value"], "max_length": given["max_value"]}
    elif plain is str and name == "str_matches" and isinstance(given["pattern"], str):
        end = given["pattern"].replace(r"\Z", "$")  # as Rust and JSON Schema write it
        limits = {"pattern": f"^(?:{end})"}  # pandera looks at the start of a text
    elif plain in (int, float) and name in RANGES:
        limits = RANGES[name](given)
    else:
        return None
    if plain is int:
        low, high = integers(column)
        limits |= {"ge": max(low, limits.get("ge", low)), "le": min(high, limits.get("le", high))}
        if not all(float(limit).is_integer() for limit in limits.values()):
            return None
        limits = {key: int(limit) for key, limit in limits.items()}
    if plain is float:
        limits["allow_inf_nan"] = False
    if plain is datetime:
        limits = {"pattern": INSTANT, "json_schema_extra": {"format": "date-time"}}
    value: Any = str if plain is datetime else plain
    found: Any = Annotated[value, Field(**limits)]
    try:
        TypeAdapter(found)
    except SchemaError:  # a pattern, say, that only Python's own `re` can read
        return None
    return found


RANGES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "in_range": lambda given: {
        "ge" if given["include_min"] else "gt": given["min_value"],
        "le" if given["include_max"] else "lt": given["max_value"],
    },
    "greater_than_or_equal_to": lambda given: {"ge": given["min_value"]},
    "greater_than": lambda given: {"gt": given["min_value"]},
    "less_than_or_equal_to": lambda given: {"le": given["max_value"]},
    "less_than": lambda given: {"lt": given["max_value"]},
}


def _expectation(column: pa.Column, allowed: pa.Check | None) -> str:
    """What a column's values must be, in words."""
    null = ", or null" if column.nullable else ""
    if allowed is not None and "allowed_values" in allowed.statistics:
        return "one of " + ", ".join(allowed.statistics["allowed_values"]) + null
    named = [str(check.name) for check in column.checks if check.name]
    return ", ".join([words(column), *named]) + null


def _on_frame(check: pa.Check, name: str | None) -> Test:
    """The check as pandera makes it; one that fails is one that is not kept."""

    def holds(columns: Columns) -> Any:
        frame = arrays.to_frame(columns)
        try:
            return np.asarray(check(frame if name is None else frame[name]).check_output, bool)
        except Exception:
            return np.False_

    return holds


def _of_rows(check: pa.Check, kinds: dict[str, str]) -> Test:
    """A check of whole rows: on plain arrays, if on two examples it says there what it says of a frame."""
    on_frame = _on_frame(check, None)

    def on_arrays(columns: Columns) -> Any:
        return np.asarray(check._check_fn(columns))

    try:
        example = dict.fromkeys(kinds) | dict(schema.REQUEST_EXAMPLES[0])
        two = arrays.of_rows([example, example], kinds)
        fast, slow = on_arrays(two), on_frame(two)
        same = fast.shape == (2,) and fast.dtype == bool and np.array_equal(fast, np.broadcast_to(slow, 2))
    except Exception:  # whatever arrays cannot do
        same = False
    return on_arrays if same and not check.element_wise else on_frame
