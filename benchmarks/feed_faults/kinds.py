"""Kinds of faults, each in three sizes: what a source, a sensor or a delivery does wrong from a day on.

A fault changes a table as the source gives it, before anything is repaired or joined. `Target` says where.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

SEED = 11
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)


@dataclass(frozen=True)
class Target:
    """The table and columns that faults meet; `groups` are a rare, a middle and a frequent value."""

    table: str
    time: str
    key: tuple[str, ...]
    number: str
    other: str  # a number that knows something of the first
    category: str
    groups: tuple[str, str, str]
    outcome: str  # of which the label is made
    turned: Callable[[pd.Series], pd.Series]  # the outcome of the other label
    instants: tuple[str, ...]  # the columns that one clock says


@dataclass(frozen=True)
class Kind:
    """A fault; `plant` changes the rows that are `after` by a size, and `named` is what must be told."""

    name: str
    sizes: tuple[float, float, float]
    plant: Callable[[pd.DataFrame, pd.Series, Target, float], pd.DataFrame]
    named: Callable[[Target, float], tuple[str, ...]]  # any of these words in the place of a change


def _drawn(rows: pd.DataFrame, share: float) -> np.ndarray:
    return np.random.default_rng(SEED).random(len(rows)) < share


def _set(rows: pd.DataFrame, where: "pd.Series | np.ndarray", column: str, values: object) -> pd.DataFrame:
    as_float = rows[column].astype("float64") if pd.api.types.is_integer_dtype(rows[column]) else rows[column]
    return rows.assign(**{column: as_float.mask(where, values)})


def _own(rows: pd.DataFrame, to: Target, group: str | None = None) -> pd.Series:
    return rows[to.category] == (group or to.groups[2])


def _sd(rows: pd.DataFrame, after: pd.Series, to: Target) -> float:
    return float(rows.loc[~after, to.number].std())


def _shuffled(rows: pd.DataFrame, where: np.ndarray, to: Target) -> pd.DataFrame:
    rng = np.random.default_rng(SEED)
    part = rows.loc[where, to.number]
    mixed = part.groupby(rows.loc[where, to.time].dt.floor("D")).transform(
        lambda values: rng.permutation(values.to_numpy())
    )
    return _set(rows, where, to.number, mixed)


def _stuck(rows: pd.DataFrame, after: pd.Series, to: Target, days: float) -> pd.DataFrame:
    where = after & _own(rows, to)
    where &= rows[to.time] < rows.loc[after, to.time].min() + days * DAY
    known = rows.loc[where, to.number].dropna()
    return _set(rows, where, to.number, known.iloc[0] if len(known) else np.nan)


def _again(rows: pd.DataFrame, after: pd.Series, to: Target, days: float) -> pd.DataFrame:
    """Each of so many days is delivered as the day before the fault was."""
    first = rows.loc[after, to.time].min().floor("D")
    last = rows[(rows[to.time] >= first - DAY) & (rows[to.time] < first)]
    kept = rows[~after | (rows[to.time] >= first + days * DAY)]
    instants = list(dict.fromkeys((to.time, *to.instants)))
    copies = [
        last.assign(**{name: last[name] + (place + 1) * DAY for name in instants})
        for place in range(int(days))
    ]
    return pd.concat([kept, *copies], ignore_index=True)


def _moved(rows: pd.DataFrame, after: pd.Series, to: Target, hours: float) -> pd.DataFrame:
    names = dict.fromkeys((to.time, *to.instants))
    return rows.assign(**{name: rows[name].mask(after, rows[name] - hours * HOUR) for name in names})


def _swapped(rows: pd.DataFrame, after: pd.Series, to: Target, share: float) -> pd.DataFrame:
    where = after & _drawn(rows, share)
    return _set(_set(rows, where, to.number, rows[to.other]), where, to.other, rows[to.number])


def _exchanged(rows: pd.DataFrame, after: pd.Series, to: Target, place: float) -> pd.DataFrame:
    one, other = to.groups[int(place)], to.groups[(int(place) + 1) % 3]
    swapped = rows[to.category].replace({one: other, other: one})
    return rows.assign(**{to.category: rows[to.category].mask(after, swapped)})


def _number(to: Target, _: float) -> tuple[str, ...]:
    return (to.number,)


def _group(to: Target, _: float) -> tuple[str, ...]:
    return (f"{to.category} {to.groups[2]}",)


def _each(to: Target, place: float) -> tuple[str, ...]:
    return tuple(f"{to.category} {one}" for one in (to.groups[int(place)], to.groups[(int(place) + 1) % 3]))


def _clock(to: Target, _: float) -> tuple[str, ...]:
    return (to.time, *to.instants, "shape of its day")


def _label(to: Target, _: float) -> tuple[str, ...]:
    return (f"label of {to.category} {to.groups[2]}", f"{to.outcome} of {to.category} {to.groups[2]}")


# ruff: noqa: E501 - a table is read by its rows
KINDS = [
    Kind("another unit", (1.1, 1.6, 3.28), lambda r, a, t, s: _set(r, a, t.number, r[t.number] * s), _number),
    Kind("an offset, sd", (0.5, 1, 2), lambda r, a, t, s: _set(r, a, t.number, r[t.number] + s * _sd(r, a, t)), _number),
    Kind("another unit in a group", (1.1, 1.6, 3.28),
         lambda r, a, t, s: _set(r, a & _own(r, t), t.number, r[t.number] * s), _number),
    Kind("a clock, hours", (1, 4, 9), _moved, _clock),
    Kind("labels turned in a group", (0.25, 0.5, 1),
         lambda r, a, t, s: _set(r, a & _own(r, t) & _drawn(r, s), t.outcome, t.turned(r[t.outcome])), _label),
    Kind("labels stop in a group", (0.3, 0.6, 1),
         lambda r, a, t, s: _set(r, a & _own(r, t) & _drawn(r, s), t.outcome, np.nan), _group),
    Kind("a group is gone", (0, 1, 2), lambda r, a, t, s: r[~(a & _own(r, t, t.groups[int(s)]))],
         lambda t, s: (f"{t.category} {t.groups[int(s)]}",)),
    Kind("a group is gone for days", (1, 3, 7),
         lambda r, a, t, s: r[~(a & _own(r, t) & (r[t.time] < r.loc[a, t.time].min() + s * DAY))], _group),
    Kind("rows are lost", (0.1, 0.3, 0.6), lambda r, a, t, s: r[~(a & _drawn(r, s))], lambda t, s: (f"{t.table}|",)),
    Kind("rows come twice", (0.1, 0.3, 1),
         lambda r, a, t, s: pd.concat([r, _renamed(r[a & _drawn(r, s)], t)], ignore_index=True),
         lambda t, s: (f"{t.table}|",)),
    Kind("values are missing", (0.1, 0.3, 1), lambda r, a, t, s: _set(r, a & _drawn(r, s), t.number, np.nan), _number),
    Kind("values are missing in a group", (0.3, 0.6, 1),
         lambda r, a, t, s: _set(r, a & _own(r, t) & _drawn(r, s), t.number, np.nan), _number),
    Kind("a default for a value", (0.05, 0.2, 0.5),
         lambda r, a, t, s: _set(r, a & _drawn(r, s), t.number, 0.0), _number),
    Kind("rounded, sd", (0.2, 0.5, 1),
         lambda r, a, t, s: _set(r, a, t.number, (r[t.number] / (s * _sd(r, a, t))).round() * s * _sd(r, a, t)), _number),
    Kind("cut at a quantile", (0.95, 0.8, 0.5),
         lambda r, a, t, s: _set(r, a, t.number, r[t.number].clip(upper=r.loc[~a, t.number].quantile(s))), _number),
    Kind("stuck for days", (1, 3, 14), _stuck, _number),
    Kind("values of other rows", (0.2, 0.5, 1),
         lambda r, a, t, s: _shuffled(r, (a & _drawn(r, s)).to_numpy(), t), _number),
    Kind("noise, sd", (0.5, 1, 2),
         lambda r, a, t, s: _set(r, a, t.number, r[t.number] + np.random.default_rng(SEED).normal(0, s * _sd(r, a, t), len(r))),
         _number),
    Kind("two columns swapped", (0.3, 0.6, 1), _swapped, lambda t, s: (t.number, t.other)),
    Kind("a category renamed", (0.2, 0.5, 1),
         lambda r, a, t, s: r.assign(**{t.category: r[t.category].mask(a & _own(r, t) & _drawn(r, s), "other name")}),
         lambda t, s: (t.category,)),
    Kind("two categories exchanged", (0, 1, 2), _exchanged, _each),
    Kind("hours of the day are lost", (2, 6, 12),
         lambda r, a, t, s: r[~(a & (r[t.time].dt.hour < s))], lambda t, s: (t.time, f"{t.table}|")),
    Kind("yesterday again, days", (1, 3, 7), _again, lambda t, s: (f"{t.table}|", t.time, t.number)),
    Kind("the sign is turned", (0.2, 0.5, 1),
         lambda r, a, t, s: _set(r, a & _drawn(r, s), t.number, -r[t.number]), _number),
]  # fmt: skip


def _renamed(rows: pd.DataFrame, to: Target) -> pd.DataFrame:
    """Copies under another key, where a key has a part that is neither group nor time."""
    free = [name for name in to.key if name in rows and name not in (to.category, to.time)]
    return rows.assign(**{free[0]: rows[free[0]].astype("str") + "x"}) if free else rows


Tables = Mapping[str, pd.DataFrame]
