"""Rules on rows that are absent, ready to use: quiet days, and outcomes that do not come."""

from collections.abc import Iterator, Mapping

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from loop.kit.types import DECIDED_AT, KNOWN_AT, Rule


class Limits(BaseModel):
    """`validate.limits` of params.yaml for one table of requests: beyond them the feed counts as broken."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    rows_per_day_min: int = Field(ge=0)
    short_days_max: int = Field(ge=0)
    unlabelled_share_max: float = Field(ge=0, le=1)
    null_share_max: dict[str, float]


def of_requests(
    tables: Mapping[str, pd.DataFrame],
    limits: Limits,
    *,
    table: str,
    label: str,
    final_after: pd.Timedelta,
    since: pd.Timestamp,
    until: pd.Timestamp,
    as_of: pd.Timestamp,
    time: str = DECIDED_AT,
    known: str = KNOWN_AT,
) -> Iterator[Rule]:
    """Rules over absent rows of a table of `loop.kit.sources.Requests`, decided in [since, until) UTC.

    A label that has not come so long after its decision, `final_after`, is missing.
    """
    rows, span = tables[table], (since, until)
    yield quiet_days(table, time, rows[time], span, limits.rows_per_day_min, limits.short_days_max)
    name = f"at most {limits.unlabelled_share_max:.0%} of rows without a label"
    due = rows.loc[rows[time] < as_of - final_after, [time, known]].set_index(time)[known].isna()
    yield outcomes(name, table, label, due, limits.unlabelled_share_max)


def per_day(at: pd.Series, since: pd.Timestamp, until: pd.Timestamp) -> pd.Series:
    """How many of some instants lie on each UTC day of [since, until)."""
    days = pd.date_range(since.floor("D"), until, freq="D", inclusive="left", unit="us")
    counts: pd.Series = at.dt.floor("D").value_counts().reindex(days, fill_value=0)
    return counts


def quiet_days(
    table: str,
    column: str,
    at: pd.Series,
    span: tuple[pd.Timestamp, pd.Timestamp],
    least: int,
    short_max: int = 0,
    *,
    rows: str = "rows",
) -> Rule:
    """At most `short_max` days of the span with fewer than `least` of some instants, which are `rows`."""
    name = f"at most {short_max} days with fewer than {least} {rows}"
    if not short_max:
        name = f"at least {least} {rows} on every day"
    return rows_on_days(name, table, column, per_day(at, *span), least, short_max)


def rows_on_days(
    name: str, table: str, column: str, counts: pd.Series, least: int, short_max: int = 0
) -> Rule:
    """At most `short_max` days with fewer than `least` rows; `counts` is of `per_day`."""
    short = counts[counts < least]
    some = short if len(short) > short_max else short.iloc[:0]
    offenders = pd.Series([f"{day:%Y-%m-%d} ({rows})" for day, rows in some.items()], dtype="str")
    todo = "ask the source for these days again; do not train on a feed with holes"
    return Rule(name, table, column, todo, offenders)


def outcomes(name: str, table: str, column: str, due: pd.Series, share_max: float) -> Rule:
    """At most a share of the rows whose outcome is due lacks it.

    `due` says for each such row whether the outcome is missing; its index is what names the row.
    """
    missing = due[due].index.astype("str").to_series()
    offenders = missing if len(due) and due.mean() > share_max else missing.iloc[:0]
    todo = "labels stopped coming, or what they are of stopped: look before training"
    return Rule(name, table, column, todo, offenders)
