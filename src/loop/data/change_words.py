"""A change of the feed in words: what changed, and how it was on some days, in the unit of the data."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd

from loop.base.counted import counted
from loop.data.contract import shown
from loop.stats.arrays import Floats
from loop.stats.daily import Measure
from loop.stats.day_clock import begin
from loop.stats.day_columns import CLASS, OF_A_WEEK, ONE_VALUE, UNMOVED
from loop.stats.day_rows import content, number

FEW = 10  # different numbers, of which the mean says more than the median
NEW = 0.01  # of the rows, from which on a value that came is named
SELDOM = 0.1  # of that share: how often it came before at most
ALONE = 2.0  # times as much as any other value must its share rise
WORDS = {  # the start of a measure's name: what changed
    "rows": "the number of rows",
    "same number of rows": "how often a day has as many rows as the day before",
    "repeated rows": "rows that repeat another",
    "time of day": "the time of day",
    "missing": "the share of missing values",
    "unseen values": "values that never came before",
    "new values": "values that never came before",
    "share of multiples": "the digits",
    "share of rows": "the share of rows",
    CLASS: "how often a class comes",
    "distinct values": "the number of different values",
    ONE_VALUE: "how often one value comes",
    UNMOVED: "how often a reading is the one before",
    "change between readings": "the change from one reading to the next",
    "low end": "the low end",
    "high end": "the high end",
    "level": "the level",
    "spread": "the spread",
    "relation": "it no longer fits the other columns",
    "daily shape": "the shape of its day, as when a clock is off",
}


def what(measure: Measure) -> str:
    """What changed, of a measure."""
    if "daily shape" in measure.name:
        return WORDS["daily shape"]
    return next(word for start, word in WORDS.items() if measure.name.startswith(start))


def said(measure: Measure, rows: pd.DataFrame, days: int, time: str, key: Sequence[str]) -> str:
    """How the rows of so many days were by a measure."""
    own = rows
    if measure.group:
        own = rows[rows[measure.group[0]].astype("str") == measure.group[1]]
    if measure.name == "rows":
        return f"{len(own) / days:,.4g} a day"
    if measure.name == "same number of rows":
        of_days = own[time].dt.floor("D").value_counts().sort_index().to_numpy()
        return f"{int((np.diff(of_days) == 0).sum())} of {counted(days, 'day')}"
    if measure.name.startswith("share of rows"):
        return f"{_share(len(own) / max(len(rows), 1))} of them"
    if measure.name == "repeated rows":
        hashes = content(rows, key, time)
        return f"{len(hashes) - len(np.unique(hashes)):,} of {counted(len(hashes), 'row')}"
    return _of_column(measure, own, days, time)


def with_new_value(before: str, after: str, was: pd.Series, comes: pd.Series) -> tuple[str, str]:
    """The words of a column of numbers, and of the value that came in place of others, if there is one."""
    old, new = (column.value_counts(normalize=True) for column in (was, comes))
    more = (new - old.reindex(new.index, fill_value=0.0)).sort_values()
    if more.empty or more.iloc[-1] < NEW or (share := old.get(more.index[-1], 0.0)) > SELDOM * more.iloc[-1]:
        return before, after
    value = f"{float(more.index[-1]):.4g}"
    among = len(more) > 1 and more.iloc[-2] > more.iloc[-1] / ALONE  # of many: the level moved, no value came
    if among or f"{value} in" in after:
        return before, after
    return f"{before}, {value} in {_share(share)}", f"{after}, {value} in {_share(new[more.index[-1]])}"


def new_texts(was: pd.Series, comes: pd.Series) -> tuple[str, str]:
    """The words of a column of texts in which values come that it did not have, or hardly."""
    before, shares = (rows.value_counts(normalize=True, dropna=False) for rows in (was, comes))
    new, share = shares[~shares.index.isin(before.index)].iloc[:3], 0.0
    if new.empty:  # the first of them came on the day before
        were = before.reindex(shares.index)
        most = int((shares - were).to_numpy().argmax())
        new, share = shares.iloc[[most]], float(were.iloc[most])
    said = ", ".join(f"{shown(value, 20)} in {_share(part)}" for value, part in new.items())
    return f"{_share(share)} of them" if share else "none of them", said


def numbers(measure: Measure, rows: pd.DataFrame, time: str) -> pd.Series:
    """A column of numbers or instants, or how long its texts are, as a measure takes it; of each row."""
    name = measure.column.removesuffix(" (length)")
    values = number(rows, name, time)
    if values is None:
        values = np.asarray(rows[name].astype("str").where(rows[name].notna()).str.len(), np.float64)
    return pd.Series(values, rows.index)


def unmoved(series: Floats, place: int, width: int, before: int) -> tuple[str, str]:
    """The words of how often a reading is the one before, from its share of each day around a change."""
    days = series[max(place - before, 0) : place], series[place : place + width]
    was, comes = (own[np.isfinite(own)] for own in days)
    return f"{_share(float(was.mean()))} of them", f"{_share(float(comes.mean()))} of them"


def too_often(was: pd.Series, comes: pd.Series) -> float:
    """The number whose share rose most; NaN where none comes."""
    old, new = (column.value_counts(normalize=True) for column in (was, comes))
    more = new - old.reindex(new.index, fill_value=0.0)
    return float(more.index.to_numpy()[more.to_numpy().argmax()]) if len(more) else np.nan


def _of_column(measure: Measure, rows: pd.DataFrame, days: int, time: str) -> str:
    name = measure.column.removesuffix(" (length)")
    if measure.name == "missing":
        return _share(float(rows[name].isna().mean()))
    if number(rows, name, time) is None and name == measure.column:
        return ", ".join(shown(value, 20) for value in rows[name].value_counts().index[:3]) or "nothing"
    values = numbers(measure, rows, time).to_numpy(np.float64)
    if measure.name.endswith(("(sin)", "(cos)")):
        hours = pd.Series(values).groupby(rows[time].dt.hour.to_numpy()).mean().dropna()
        return f"highest at {hours.idxmax():02d}:00 UTC" if len(hours) else "nothing"
    if name == time:
        start = begin(values)
        return (
            f"a median of {(np.median((values - start) % 24) + start) % 24:.4g}" if len(values) else "nothing"
        )
    values = values[~np.isnan(values)]
    return _of_numbers(measure.name, days)(values) if len(values) else "nothing"


def _of_numbers(name: str, days: int) -> Callable[[Floats], str]:
    words: dict[str, Callable[[Floats], str]] = {
        "share of multiples": partial(_multiples, name),
        "distinct values": lambda values: f"{len(np.unique(values)):,} in {counted(days, 'day')}",
        ONE_VALUE: _most_often,
        "spread": lambda values: f"a deviation of {np.std(values):.4g}",
        "low end": lambda values: f"a tenth below {np.quantile(values, 0.1):.4g}",
        "high end": lambda values: f"a tenth above {np.quantile(values, 0.9):.4g}",
    }
    kind = ONE_VALUE if name == OF_A_WEEK else name
    return words.get(kind.rpartition(" of ")[0] if kind.startswith("share of") else kind, _middle)


def _multiples(name: str, values: Floats) -> str:
    grid = float(name.rpartition(" ")[2])
    on = np.isclose(values / grid, np.round(values / grid), rtol=0, atol=1e-6)
    return f"{_share(float(on.mean()))} multiples of {grid:g}"


def _most_often(values: Floats) -> str:
    known, rows = np.unique(values, return_counts=True)
    return f"{known[rows.argmax()]:.4g} in {_share(float(rows.max() / len(values)))}"


def _middle(values: Floats) -> str:
    few = len(np.unique(values)) <= FEW
    return f"a mean of {np.mean(values):.4g}" if few else f"a median of {np.median(values):.4g}"


def _share(value: float) -> str:
    return f"{value:.1%}" if 0 < value < 1 / FEW else f"{value:.0%}"
