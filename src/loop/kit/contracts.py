"""Columns and checks of tables and requests, and the contracts that follow for examples and scores."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa

from loop.kit.types import DECIDED_AT, KNOWN_AT, ROW_WEIGHT, View

NOTHING = pd.Timedelta(0)
UTC = "datetime64[us, UTC]"
Personal = Literal["drop", "hash"]
REPAIR = "repair it by a named rule in src/problem/schema.py, or ask the source"
_MOSTLY = "mostly"  # of a column's metadata: what holds a table's rows together, and no single request
_DATE = (  # of 1000 to 2999: every month has its days, and every fourth year its 29th of February
    r"^([12][0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    r"|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)$"
)


class Contracts(NamedTuple):
    """What holds at the boundaries: requests, examples, predictions, and predictions with labels."""

    request: pa.DataFrameSchema
    example: pa.DataFrameSchema
    prediction: pa.DataFrameSchema
    outcome: pa.DataFrameSchema


def number(
    low: float,
    high: float,
    *checks: pa.Check,
    whole: bool = False,
    nullable: bool = False,
    about: str | None = None,
    personal: Personal | None = None,
) -> pa.Column:
    """A number from `low` to `high`, both included; `whole` for int64, else float64."""
    dtype = "int64" if whole else "float64"
    return _column(dtype, [within(low, high), *checks], nullable, about, personal)


def category(
    values: Sequence[str],
    *,
    others: float = 0.0,
    nullable: bool = False,
    about: str | None = None,
    personal: Personal | None = None,
) -> pa.Column:
    """One of some texts; with `others` a request may hold any, and so large a share of a table's rows do."""
    if not others:
        return _column("str", [one_of(values)], nullable, about, personal)
    column = _column("str", [], nullable, about, personal)
    column.metadata = {**(column.metadata or {}), _MOSTLY: mostly(values, others)}
    return column


def text(
    pattern: str | None = None,
    name: str | None = None,
    *,
    nullable: bool = False,
    about: str | None = None,
    personal: Personal | None = None,
) -> pa.Column:
    """A text, of a form where a pattern says so; `name` is the pattern in words."""
    checks = [pa.Check.str_matches(pattern, name=name)] if pattern else []
    return _column("str", checks, nullable, about, personal)


def day(*, about: str | None = None) -> pa.Column:
    """A calendar day that there is, as YYYY-MM-DD."""
    return text(_DATE, "a day that there is, as YYYY-MM-DD", about=about)


def flag(*, about: str | None = None, personal: Personal | None = None) -> pa.Column:
    """True or false, never null."""
    return _column("bool", [], False, about, personal)


def instant(*checks: pa.Check, nullable: bool = False, about: str | None = None) -> pa.Column:
    """An instant in UTC, to the microsecond."""
    return _column(UTC, checks, nullable, about, None)


def within(low: float, high: float, todo: str = REPAIR) -> pa.Check:
    """From `low` to `high`, both included."""
    return pa.Check.in_range(low, high, name=f"{low:g} to {high:g}", description=todo)


def one_of(values: Sequence[str]) -> pa.Check:
    """One of the values that are known."""
    todo = "a new one? add it in src/problem/schema.py in a pull request of its own"
    return pa.Check.isin(list(values), name="known category", description=todo)


def mostly(values: Sequence[str], others: float) -> pa.Check:
    """At most so large a share of a column is none of the values that are known."""
    return pa.Check(
        lambda found: found.isin(list(values)) | ((~found.isin(list(values))).mean() <= others),
        name=f"known category, but for {others:.0%}",
        description="new ones that stay? add them in src/problem/schema.py in a pull request of its own",
    )


def nulls(share: float) -> pa.Check:
    """At most so large a share of a column is null."""
    return pa.Check(
        lambda values: values.notna() | (values.isna().mean() <= share),
        name=f"at most {share:.0%} null",
        description="a sensor or a feed is down: ask the source, do not train on it",
        ignore_na=False,
    )


def null_shares(shares: Mapping[str, float], columns: Iterable[str]) -> dict[str, float]:
    """How much of each column may be null, as a person wrote it. Raises ValueError for what names none."""
    known = list(columns)
    for name, share in shares.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise ValueError(f"has no column `{name}`" + (f"; did you mean `{near[0]}`?" if near else ""))
        if not 0 <= share <= 1:
            raise ValueError(f"says {share} for `{name}`; a share lies between 0 and 1")
    return dict(shares)


def measures(
    ranges: Mapping[str, tuple[float, float]], null_share_max: Mapping[str, float], limit: str
) -> dict[str, pa.Column]:
    """Numbers by their ranges, each missing in at most its share of rows, or in the share of `default`.

    Raises ValueError, with the key of params.yaml that `limit` is, for a share that names no number.
    """
    try:
        shares = null_shares(null_share_max, ["default", *ranges])
        if "default" not in shares:
            raise ValueError("lacks `default`, the share for columns that it does not name")
    except ValueError as error:
        raise ValueError(f"params.yaml: {limit} {error}") from None
    return {
        name: number(low, high, nulls(shares.get(name, shares["default"])), nullable=True)
        for name, (low, high) in ranges.items()
    }


def known_by(as_of: pd.Timestamp, after: pd.Timedelta = NOTHING) -> pa.Check:
    """Nothing is in a raw table that became known, so long `after` the instant, later than `as_of` (UTC)."""
    return pa.Check(
        lambda at: at + after <= as_of,
        name="known_at_as_of",
        description="the source must leave out what became known after windows.as_of",
    )


def of_outcome(label: str, known: str, time: str, lead: pd.Timedelta = NOTHING) -> list[pa.Check]:
    """Checks of a table of requests: a label and when it was `known` come together, after the decision.

    That is at `time`, or so long before it as `lead` says.
    """
    source = "a wrong date or time zone at the source"
    return [
        pa.Check(
            lambda rows: rows[known].notna() == rows[label].notna(),
            name=f"{label} and {known} come together",
            description="one without the other is a half-written row at the source",
        ),
        pa.Check(
            lambda rows: ~(rows[known] <= rows[time] - lead),
            name=f"{known} is after the decision",
            description=source,
        ),
    ]


def probability() -> pa.Column:
    """A score from 0 to 1."""
    return pa.Column("float64", within(0, 1))


def class_of(classes: Sequence[str]) -> pa.Column:
    """A label that is the place of its class among all, from 0."""
    return pa.Column("int64", pa.Check.isin(list(range(len(classes)))))


def yes_or_no() -> pa.Column:
    """A label of 0 or 1."""
    return pa.Column("int64", pa.Check.isin([0, 1]))


def weight() -> pa.Column:
    """How much a row counts: finite, 0 or more, never null, and more than 0 in some row."""
    counts = pa.Check(
        lambda values: np.isfinite(values) & (values >= 0),
        name="a weight: finite, 0 or more",
        description=REPAIR,
    )
    some = pa.Check(
        lambda values: len(values) == 0 or bool((values > 0).any()),
        name="not all weights are 0",
        description="rows that all count nothing train and judge nothing: ask the source",
    )
    return _column("float64", [counts, some], False, None, None)


def table(
    columns: Mapping[str, pa.Column], unique: Iterable[str], checks: Sequence[pa.Check] = ()
) -> pa.DataFrameSchema:
    """The contract of a table: these columns and no others, no key twice."""
    return pa.DataFrameSchema(dict(columns), checks=list(checks), unique=list(unique), strict=True)


def of_requests(
    request: Mapping[str, pa.Column],
    key: Sequence[str],
    as_of: pd.Timestamp,
    later: Mapping[str, pa.Column],
    null_share_max: Mapping[str, float],
    *,
    time: str = DECIDED_AT,
    known: str = KNOWN_AT,
    checks: Sequence[pa.Check] = (),
) -> pa.DataFrameSchema:
    """The contract of a table of `loop.kit.sources.Requests`, as known at `as_of` (UTC).

    `time`, `known` are those of `Requests`; `later` holds its other columns, as the label. `null_share_max`
    says how much of a column may be missing.
    Raises ValueError where it names none.
    """
    by_then = known_by(as_of)
    times = {} if time in request else {time: instant(by_then)}
    columns = {**request, **times, known: instant(by_then, nullable=True), **later}
    try:
        shares = null_shares(null_share_max, columns)
    except ValueError as error:
        raise ValueError(f"params.yaml: validate.limits.null_share_max {error}") from None
    for name, column in columns.items():
        of_all = [column.metadata[_MOSTLY]] if column.metadata and _MOSTLY in column.metadata else []
        of_all += [nulls(shares[name])] if name in shares else []
        if of_all:
            columns[name] = column.set_checks([*column.checks, *of_all])
    return table(columns, key, checks)


def derived(
    request: Mapping[str, pa.Column],
    key: Sequence[str],
    views: Iterable[View],
    *,
    score: pa.Column,
    label: pa.Column,
    classes: Sequence[str] = (),
    weighted: bool = False,
    checks: Sequence[pa.Check] = (),
) -> Contracts:
    """The contracts that follow from what a caller sends, the views, and what score and label are.

    With `classes`, `score` is that of the likeliest, and `scores` are those of all, which sum to 1.
    `weighted` says that labels come with `row_weight`: how much their rows count.
    `checks` hold whole requests; they must work on plain arrays by name too, as a server has no frame.
    """
    decided = {"decided_at": instant(about="instant of the decision, of which features are read")}
    whole = {**request, **decided}
    of_key, scored = {name: whole[name] for name in key}, {"score": score}
    if classes:
        scored["scores"] = pa.Column(object, _one_for_each(len(classes)))
    outcome = {"label": label, "label_known_at": instant()}
    if weighted:
        outcome[ROW_WEIGHT] = weight()
    return Contracts(
        table({**request, **decided}, key, checks),
        table({**request, **decided, **_features(views), **outcome}, key, [*checks, _LATER]),
        table({**of_key, **decided, **scored}, key),
        table({**of_key, **decided, **scored, **outcome}, key, [_LATER]),
    )


def _one_for_each(classes: int) -> pa.Check:
    def shares(found: Any) -> bool:
        of = np.asarray(found, np.float64)
        return of.shape == (classes,) and bool((of >= 0).all() and abs(of.sum() - 1) < 1e-6)

    return pa.Check(shares, element_wise=True, name=f"{classes} probabilities that sum to 1")


_LATER = pa.Check(
    lambda frame: frame["label_known_at"] > frame["decided_at"],
    name="label known after the decision",
    description="a label known at decision time is a leak",
)


def _features(views: Iterable[View]) -> dict[str, pa.Column]:
    columns = {}
    for view in views:
        for name in view.features:
            checks = [within(*view.ranges[name])] if name in view.ranges else None
            columns[name] = pa.Column("float64", checks, nullable=True)
        if view.age:
            oldest = view.ttl.total_seconds() / 3600
            columns[view.age] = pa.Column("float64", within(0, oldest), nullable=True)
    return columns


def _column(
    dtype: str, checks: Iterable[Any], nullable: bool, about: str | None, personal: Personal | None
) -> pa.Column:
    marks = {"personal": personal} if personal else None
    return pa.Column(dtype, list(checks), nullable=nullable, description=about, metadata=marks)
