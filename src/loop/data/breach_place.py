"""Where a rule of a contract began to be broken: since which day, in which group, how it was and is."""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pandas as pd

from loop.base.counted import counted
from loop.data.contract import Place
from loop.stats.onset import onset

ALL_BUT = 0.95  # of the rows that break a rule, from which on they are of one group
CHANCE = 1e-3  # that so many rows would all be of it by luck, above which no group is named
DAYS = 3  # on which a group has rows at least: what has fewer is a day, or a row


def placed(frame: pd.DataFrame, rows: Any, hidden: Collection[str], time: str) -> Place | None:
    """The place of the `rows` (labels of the index) that break a rule; None where none of them has a day.

    `time` is the column of instants (UTC) that says the day of a row. Columns `hidden` name no group.
    """
    day = frame[time].dt.tz_convert(None).dt.floor("D")
    broken = pd.Series(frame.index.isin(rows), frame.index) & day.notna()
    if not broken.any():
        return None
    place, days = pd.factorize(day, sort=True)
    known = place >= 0
    own = np.bincount(place[known], broken.to_numpy(np.float64)[known])
    whole = np.bincount(place[known], np.ones(int(known.sum())))
    first = days[onset(own, whole)]
    new = day >= first
    group, there = _group(frame, broken & new, new, day, hidden)
    here = broken & there & new
    return Place(
        f"{first:%Y-%m-%d}",
        group,
        _many(broken, there & (day < first)) if first > days[0] else "",
        _many(broken, there & new),
        [*frame.index[here], *frame.index[broken & ~here]],
    )


def of_days(offenders: pd.Series, since: pd.Timestamp, until: pd.Timestamp) -> Place | None:
    """Since when there are offenders (texts that begin with their day) of [since, until); None of others."""
    day = pd.to_datetime(offenders.str.extract(r"^(\d{4}-\d\d-\d\d)")[0], errors="coerce")
    start, end = (at.tz_convert(None).floor("D") for at in (since, until))
    days = pd.date_range(start, end, inclusive="left")
    count = day.value_counts().reindex(days, fill_value=0).to_numpy(np.float64)
    if day.isna().any() or not count.any():
        return None
    first = onset(count, np.ones(len(days)))
    old, new = (f"{own.sum():,.0f} on {counted(len(own), 'day')}" for own in (count[:first], count[first:]))
    return Place(f"{days[first]:%Y-%m-%d}", (), old if first else "", new, [])


def _group(
    frame: pd.DataFrame, broken: pd.Series, new: pd.Series, day: pd.Series, hidden: Collection[str]
) -> tuple[tuple[str, ...], pd.Series]:
    """Of all values of texts the rarest to which the rows that break a rule belong, and its rows."""
    least, there = 1.0, new | True
    found: tuple[str, ...] = ()
    for name, words in _texts(frame, hidden):
        often = words[broken].value_counts()
        if often.empty:  # none of these rows has a value
            continue
        own = words == often.index[0]
        share = float((own & new).sum() / new.sum())
        whole = often.iloc[0] >= ALL_BUT * broken.sum() and share ** float(often.iloc[0]) < CHANCE
        if whole and share < least and day[own].nunique() >= DAYS:
            least, found, there = share, (name, str(often.index[0])), own
    return found, there


def _texts(frame: pd.DataFrame, hidden: Collection[str]) -> Iterator[tuple[str, pd.Series]]:
    for name in map(str, frame):
        kind = frame[name].dtype
        other = pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind)
        if name not in hidden and not other:
            yield name, frame[name].astype("str")


def _many(broken: pd.Series, there: pd.Series) -> str:
    many = int((broken & there).sum())
    return f"{f'{many:,}' if many else 'none'} of {counted(int(there.sum()), 'row')}"
