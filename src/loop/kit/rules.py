"""Rules on rows that are absent, ready to use: quiet days, and outcomes that do not come."""

import pandas as pd

from loop.kit.types import Rule


def per_day(at: pd.Series, since: pd.Timestamp, until: pd.Timestamp) -> pd.Series:
    """How many of some instants lie on each UTC day of [since, until)."""
    days = pd.date_range(since.floor("D"), until, freq="D", inclusive="left", unit="us")
    counts: pd.Series = at.dt.floor("D").value_counts().reindex(days, fill_value=0)
    return counts


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
