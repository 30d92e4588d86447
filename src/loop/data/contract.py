"""Holds frames against their contracts, and says of each breach what to do.

Structure (columns and types) is compared first, then values by pandera: a wrong type would
only make every value look wrong. All breaches are collected before anything is refused.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.engines import pandas_engine
from pandera.errors import SchemaError, SchemaErrors

from loop.base.errors import LoopError
from loop.data import personal

EXAMPLES = 3
HIDDEN = "(personal)"  # in place of a value: reports are in git, and in public artifacts
# Signs that Python prints though they show nothing: fillers, joiners, marks that choose a shape.
UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


@dataclass(frozen=True, eq=False)
class Place:
    """Since which day ("2024-05-03") rows break a rule, in which group, if in one, how it was and is.

    A group is a column and a value. `before` is empty where it was so on the first day already. `rows` are
    labels of those that break the rule: the ones of that place come first.
    """

    since: str
    group: tuple[str, ...]
    before: str
    after: str
    rows: list[Any]


Finder = Callable[
    [pd.DataFrame, Any, Collection[str]], Place | None
]  # a frame, labels of rows, columns to hide


@dataclass(frozen=True)
class Breach:
    """One broken rule of one table: how many rows, three examples, what to do.

    And where it began, as far as a table's days and texts say it: the group ("origin JFK"), since which day,
    and how many of its rows broke the rule before and since.
    """

    table: str
    rule: str
    column: str
    rows: int
    examples: tuple[str, ...]
    todo: str
    group: str = ""
    since: str = ""
    before: str = ""
    after: str = ""

    @property
    def place(self) -> str:
        """Table, column, group, and since which day."""
        name = f"{self.table}.{self.column}" if self.column else self.table
        return f"{name} {self._began}".rstrip().replace(" , ", ", ")

    @property
    def where(self) -> str:
        """Group and day, how many rows broke the rule before and since; nothing where no day is known."""
        was = f"was {self.before}, " if self.before else ""
        return f"{self._began.removeprefix(', ')}: {was}is {self.after}" if self.since else ""

    @property
    def _began(self) -> str:
        of = f"of {self.group}" if self.group else ""
        or_before = "" if self.before else " or before"  # the day may be that of the oldest row
        return f"{of}, since {self.since}{or_before}" if self.since else of

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a report."""
        return asdict(self) | {"examples": list(self.examples), "where": self.where}


class ContractError(LoopError):
    """Data that does not keep its contract; `breaches` holds every rule it broke."""

    def __init__(self, breaches: list[Breach], where: str) -> None:
        self.breaches = breaches
        rules = "1 rule" if len(breaches) == 1 else f"{len(breaches)} rules"
        super().__init__(
            f"{where} breaks {rules} of its contract\n\n{as_text(breaches)}\n",
            "data that keeps the contracts in src/problem/schema.py",
            "fix the data at its source, or change the contract in a pull request of its own",
        )


def require(frame: pd.DataFrame, schema: pa.DataFrameSchema, table: str) -> pd.DataFrame:
    """`frame` itself if it keeps `schema`, else ContractError."""
    breaches = check(frame, schema, table)
    if breaches:
        raise ContractError(breaches, f"table `{table}`")
    return frame


class Slices:
    """A table held to its contract slice by slice, whose checks are of rows: breaches of all, at the end.

    That no key comes twice is told of each slice alone; what a check says of a whole column, where no slice
    keeps it.
    """

    def __init__(self, schema: pa.DataFrameSchema, table: str) -> None:
        self.schema, self.table, self.slices = schema, table, 0
        self.found: dict[tuple[str, str], list[Breach]] = {}

    def add(self, part: pd.DataFrame) -> None:
        """Check one slice."""
        self.slices += 1
        for one in check(part, self.schema, self.table):
            self.found.setdefault((one.rule, one.column), []).append(one)

    def require(self) -> None:
        """Raise ContractError if a slice broke a rule."""
        broken = [_together(of) for of in self.found.values() if of[0].examples or len(of) == self.slices]
        if broken:
            raise ContractError(broken, f"table `{self.table}`")


def _together(breaches: list[Breach]) -> Breach:
    """Breaches of one rule as one."""
    examples = dict.fromkeys(text for one in breaches for text in one.examples)
    return replace(breaches[0], rows=sum(one.rows for one in breaches), examples=tuple(examples)[:EXAMPLES])


def check(
    frame: pd.DataFrame, schema: pa.DataFrameSchema, table: str, find: Finder | None = None
) -> list[Breach]:
    """Every rule of `schema` that `frame` breaks; empty when it keeps them all.

    `find` tells where the rows that break a rule began.
    """
    broken = structure(frame, schema, table)
    return broken or list(_values(frame, schema, table, find))


def structure(frame: pd.DataFrame, schema: pa.DataFrameSchema, table: str) -> list[Breach]:
    """Columns that are missing, unknown or of a wrong type; types come from `schema`."""
    breaches = []
    unknown = [str(name) for name in frame.columns if name not in schema.columns]
    for name, column in schema.columns.items():
        if name not in frame.columns:
            near = get_close_matches(name, unknown, n=1)
            todo = f"rename `{near[0]}` to `{name}`" if near else f"add `{name}` to the source"
            breaches.append(Breach(table, "column missing", name, len(frame), (), todo))
        elif column.dtype is not None and not column.dtype.check(
            pandas_engine.Engine.dtype(frame[name].dtype)
        ):
            todo = f"convert to {column.dtype} in src/problem/source.py"
            if str(column.dtype).startswith("datetime64") and "UTC" not in str(frame[name].dtype):
                todo = "give the times a zone and convert them to UTC in src/problem/source.py"
            shown_here = () if name in _hidden(schema) else _some(frame[name].dropna())
            found = (f"found {frame[name].dtype}", *shown_here)[:EXAMPLES]
            breaches.append(Breach(table, f"type is {column.dtype}", name, len(frame), found, todo))
    for name in unknown:
        todo = "drop it in src/problem/source.py, or add it to the contract"
        breaches.append(Breach(table, "column unknown", name, len(frame), (), todo))  # it may hold anything
    return breaches


def _values(
    frame: pd.DataFrame, schema: pa.DataFrameSchema, table: str, find: Finder | None
) -> Iterator[Breach]:
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        for error in errors.schema_errors:
            yield _breach(frame, schema, table, error, find)


def _breach(
    frame: pd.DataFrame, schema: pa.DataFrameSchema, table: str, error: SchemaError, find: Finder | None
) -> Breach:
    """The rule that an error is of, and where it began; examples are of there."""
    cases = error.failure_cases
    rows: Any = cases["index"].dropna().unique() if isinstance(cases, pd.DataFrame) else []
    hidden = {*_hidden(schema), str(getattr(error.schema, "name", None) or "")}
    at = find(frame, rows, hidden) if find and len(rows) else None
    if at is None:
        return _of_rule(frame, schema, table, error, rows)
    found = _of_rule(frame, schema, table, error, at.rows)
    return replace(
        found,
        group=" ".join(shown(one, 40) for one in at.group),
        since=at.since,
        before=at.before,
        after=at.after,
    )


def _of_rule(
    frame: pd.DataFrame, schema: pa.DataFrameSchema, table: str, error: SchemaError, rows: Any
) -> Breach:
    reason = error.reason_code.name if error.reason_code else ""
    column = str(getattr(error.schema, "name", None) or "")
    if reason == "SERIES_CONTAINS_NULLS":
        todo = f"fill or drop the rows without `{column}`, or allow nulls in the contract"
        return Breach(table, "not null", column, len(rows), _keys(frame, schema, rows), todo)
    if reason in ("DUPLICATES", "SERIES_CONTAINS_DUPLICATES"):
        key = list(schema.unique or [column])
        todo = "drop the repeated rows at the source, or name the column that tells them apart"
        return Breach(table, "key is unique", ", ".join(key), len(rows), _keys(frame, schema, rows), todo)
    check = error.check
    name = str(getattr(check, "name", None) or error.check_output or check)
    todo = str(getattr(check, "description", None) or "see src/problem/schema.py")
    if len(rows) == 0:  # a check of the whole column says yes or no
        return Breach(table, name, column, len(frame), (), todo)
    if column in _hidden(schema):
        return Breach(table, name, column, len(rows), (HIDDEN,), todo)
    examples = _some(frame.loc[rows, column]) if column in frame else _keys(frame, schema, rows)
    return Breach(table, name, column, len(rows), examples, todo)


def _keys(frame: pd.DataFrame, schema: pa.DataFrameSchema, rows: Any) -> tuple[str, ...]:
    key = list(schema.unique or frame.columns[:3])
    few = frame.loc[rows[:EXAMPLES], key]
    few = few.assign(**dict.fromkeys(set(key) & _hidden(schema), HIDDEN))
    return tuple(" ".join(map(shown, row)) for row in few.itertuples(index=False))


def _hidden(schema: pa.DataFrameSchema) -> set[str]:
    """Columns that the contract of the table, or that of requests, calls personal."""
    own = {name for name, column in schema.columns.items() if (column.metadata or {}).get("personal")}
    return own | set(personal.marks())


def _some(values: pd.Series) -> tuple[str, ...]:
    if values.dtype == object and any(isinstance(value, np.ndarray) for value in values):
        values = values.map(str)  # what cannot be told apart by a hash
    return tuple(shown(value, 40) for value in values.drop_duplicates().iloc[:EXAMPLES])


def shown(value: object, most: int | None = None) -> str:
    """A value as a table shows it: quoted where a space or an unseen sign would hide what is wrong."""
    text = str(value)
    plain = text.isprintable() and text == " ".join(text.split()) and text and not UNSEEN.search(text)
    return shortened(text if plain else quoted(text), most)


def quoted(value: object) -> str:
    """The value as Python writes it, and signs that nobody sees as their codes."""
    return UNSEEN.sub(lambda sign: sign[0].encode("unicode_escape").decode(), repr(value))


def shortened(text: str, most: int | None) -> str:
    """A long text without its middle: what is wrong with it may be at its end."""
    if most is None or len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[1 - most + most // 2 :]}"


def as_text(breaches: Iterable[Breach]) -> str:
    """The breaches as a plain table; below each where it began, as far as known, and what to do."""
    head = ("table", "rule", "column", "rows", "examples")
    rows = [(b.table, b.rule, b.column, f"{b.rows:,}", "; ".join(b.examples)) for b in breaches]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: tuple[str, ...]) -> str:
        return "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    body = []
    for row, one in zip(rows, breaches, strict=True):
        body += [line(row), *([f"    {one.where}"] if one.where else []), f"    -> {one.todo}"]
    return "\n".join([line(head), *body])
