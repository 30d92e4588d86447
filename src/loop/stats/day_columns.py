"""What each column says day by day, by itself: what is missing, new or too frequent, its digits and ends."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loop.stats import binning, day_clock
from loop.stats.arrays import Floats
from loop.stats.day_rows import DayRows, content, number

GROUPS_MAX = 30  # values of a column that are watched each by itself
GROUP_ROWS = 3  # rows a day from which on a value is a group
RARER = 1 / 20  # of the rows, from which on one of fewer rows a day has its share watched
CLASS_ROWS = 7  # of a week, below which no class of them can be said to be gone
CLASSES = 10  # different values of an outcome up to which each is a class
MANY = 0.2  # distinct values per row from which on a column names rows, and groups none
VALUES = 500  # different numbers up to which one that is none of them is noticed
GRIDS = (0.1, 0.5, 1, 2, 5, 10, 15, 60, 100, 1000)
FRESH = 28  # days for which a text that never came before is new
FAR = 10  # standard deviations beyond which it does not matter how far
TINY = 1e-6
PASSING = 0.5  # the same share, from which on no value of a column is a group
NEW = 0.01  # share of rows with a value that is new, from which on a column names what passes
REPEATED = 0.01  # share of rows that may repeat a group and an instant in a table of readings
STILL = 0.05  # of the usual change between readings: less than that is none
SAMPLE = 50_000  # rows that bins are taken from
END = 0.1  # share of one value, from which on an end of the others steps from value to value by luck
FEW_A_DAY = 12  # rows, below which it is of a week how often the most frequent value comes
FEW = 3  # different values, of which a day may lack one by luck
LUCK = 1e-6  # the chance of it, from which on it says nothing

RARER_SHARE, CLASS = "share of rows of a rarer value", "share of class"  # names of measures
ONE_VALUE = "one value"
UNMOVED = "same as the reading before"
OF_A_WEEK = f"{ONE_VALUE} of a week"  # that ends with a day

Bools = NDArray[np.bool_]
Groups = Mapping[str, Mapping[str, Bools]]  # column -> value -> its rows
Group = tuple[str, ...]
Series = Iterator[tuple[str, str, Group, Floats]]  # column, name, group, values of days


@dataclass(frozen=True, eq=False)
class Scores:
    """A column of numbers: normal scores by the ranks of its past, 0 where `missing`; (rows,) each."""

    scores: Floats
    missing: Bools


def split(of: DayRows) -> tuple[dict[str, Floats], dict[str, pd.Series]]:
    """Columns as numbers, instants as hours, and columns of texts; a key is the latter alone."""
    numbers: dict[str, Floats] = {}
    texts: dict[str, pd.Series] = {}
    for name in map(str, of.rows):
        column = of.rows[name]
        values = number(of.rows, name, of.time)
        if values is not None:
            if name == of.time and np.any(values[: of.known]):
                numbers[name] = (of.hours - day_clock.begin(of.hours[: of.known])) % 24
            elif name not in (*of.key, of.time):
                numbers[name] = values
            continue
        words = column if column.dtype == "str" else column.astype("str").where(column.notna())
        if len(words[: of.known].unique()) <= MANY * of.known:
            texts[name] = words
        elif name not in of.key:  # free text, lists: how long they are
            numbers[f"{name} (length)"] = np.asarray(words.str.len(), np.float64)
    return numbers, texts


def groups(of: DayRows, column: pd.Series) -> dict[str, Bools]:
    """The frequent values of a column of texts, each with its rows; none of days, versions and the like."""
    if _new(of, column) > PASSING:
        return {}  # each value is there for a while
    counts = column[: of.known].value_counts()
    frequent = sorted(str(value) for value in counts.index[counts >= GROUP_ROWS * of.past][:GROUPS_MAX])
    return {value: column.eq(value).fillna(False).to_numpy(bool) for value in frequent}


def of_texts(of: DayRows, name: str, column: pd.Series, found: Mapping[str, Bools]) -> Series:
    """What of a column is missing and what is new, and the share of rows of each group."""
    missing = column.isna().to_numpy()
    yield name, "missing", (), of.by_day(missing) / of.count
    if _new(of, column) < NEW:
        new = of.by_day(~missing & _fresh(of, column)) / of.count
        new[:FRESH] = np.nan  # everything is new
        yield name, "new values", (), new
    for value, own in found.items():
        yield "", "share of rows", (name, value), np.log((of.by_day(own) + 0.5) / (of.count + 0.5))
    for value in _rarer(of, column):
        yield "", RARER_SHARE, (name, value), of.by_day(column.eq(value).to_numpy(bool)) / of.count


def of_classes(of: DayRows, name: str, grouped: Groups) -> Series:
    """How often each class of an outcome comes, in all rows and in each group: one may come no more.

    Over the week that ends with a day, on a scale of logarithms: there none lies far from a few by chance.
    """
    column = of.rows[name]
    classes = column[: of.known].dropna().unique()
    if not 1 < len(classes) <= CLASSES:
        return
    known = column.notna().to_numpy()
    parts: dict[Group, Bools] = {(): np.ones(len(of.rows), bool)}
    parts |= {
        (group, value): rows for group, own in grouped.items() if group != name for value, rows in own.items()
    }
    for value in sorted(classes, key=str):
        its = column.eq(value).fillna(False).to_numpy(bool)
        for group, rows in parts.items():
            own, there = (_of_a_week(of.by_day(rows & part)) for part in (its, known))
            share = np.log((own + 0.5) / (there + 0.5))
            yield name, f"{CLASS} {value}", group, np.where(there >= CLASS_ROWS, share, np.nan)


def _of_a_week(count: Floats) -> Floats:
    """The sum of each day and the six before it."""
    total = np.cumsum(count)
    return np.asarray(total - np.concatenate([np.zeros(min(7, len(total))), total[:-7]]))


def _rarer(of: DayRows, column: pd.Series) -> list[str]:
    """Values of too few rows a day to be groups, which are no small part of all rows."""
    if _new(of, column) > PASSING:
        return []
    counts = column[: of.known].value_counts()
    some = counts.index[(counts < GROUP_ROWS * of.past) & (counts >= RARER * of.known)]
    return sorted(map(str, some))


def of_rows(of: DayRows) -> Series:
    """How many rows there are, whether as many as before, and how many say what another one does.

    The other is of their day or the day before; the key does not count.
    """
    yield "", "rows", (), np.log(of.count + 0.5)
    if of.known >= FEW_A_DAY * of.past:  # as many as the day before are no news where there are few
        yield "", "same number of rows", (), np.r_[np.nan, 1.0 * (np.diff(of.count) == 0)]
    hashes = content(of.rows, of.key, of.time)
    again = np.zeros(len(of.days))
    last = hashes[:0]
    for day, (start, end) in enumerate(pairwise(of.ends)):
        own = np.unique(hashes[start:end])
        again[day] = end - start - len(own) + np.isin(own, last).sum()
        last = own
    yield "", "repeated rows", (), again / of.count


def scores(of: DayRows, values: Floats) -> tuple[Scores, binning.Bins]:
    """A column of numbers by the ranks of its past."""
    missing = np.isnan(values)
    known = values[: of.known][~missing[: of.known]]
    bins = binning.of_numbers(np.sort(known[:: max(1, len(known) // SAMPLE)]))
    ranked = np.append(bins.scores, 0.0)[bins.of_numbers(values)]
    return Scores(ranked + _beyond(values, known), missing), bins


def of_numbers(of: DayRows, name: str, values: Floats, bins: binning.Bins) -> Series:
    """What of a column of numbers is missing; its ends, digits, different values, the most frequent one."""
    missing = np.isnan(values)
    known = values[: of.known][~missing[: of.known]]
    there = of.enough(of.by_day(~missing))
    yield name, "missing", (), of.by_day(missing) / of.count
    cells = of.day * (bins.known + 1) + bins.of_numbers(values)
    counts = np.bincount(cells, minlength=len(of.days) * (bins.known + 1)).reshape(len(of.days), -1)[:, :-1]
    upto = np.cumsum(counts, axis=1) / there[:, None]
    usual = counts[: of.past].sum(axis=0)
    ends = ((0.1, "low end"), (0.9, "high end")) if usual.max() < usual.sum() * END else ()
    for share, word in ends:
        place = np.minimum((upto < share).sum(axis=1), bins.known - 1)
        yield name, word, (), np.where(np.isfinite(there), bins.scores[place], np.nan)
    for grid in GRIDS:
        on = np.abs(values / grid - np.round(values / grid)) < TINY
        if TINY < on[: of.known].sum() / max(len(known), 1) < 1 - TINY:
            yield name, f"share of multiples of {grid:g}", (), of.by_day(on) / there
    if (unseen := _unseen(values, known)) is not None:
        yield name, "unseen values", (), of.by_day(unseen) / there
    of_days = [values[start:end][~missing[start:end]] for start, end in pairwise(of.ends)]
    often = [np.unique(own, return_counts=True) for own in of_days]
    many = np.log(np.array([len(own) for own, _ in often]) + 0.5)
    told = np.isfinite(there) & ~_lacks_by_luck(known, of.by_day(~missing))
    yield name, "distinct values", (), np.where(told, many, np.nan)
    often_by = ONE_VALUE
    if of.known < FEW_A_DAY * of.past:
        weeks = [np.concatenate(of_days[max(day - 6, 0) : day + 1]) for day in range(len(of_days))]
        often, often_by = [np.unique(own, return_counts=True) for own in weeks], OF_A_WEEK
    before = _shares(known)
    more = [np.max(rows / max(rows.sum(), 1) - before(own), initial=0) for own, rows in often]
    yield name, often_by, (), np.where(np.isfinite(there), more, np.nan)


def _lacks_by_luck(known: Floats, rows: Floats) -> Bools:
    """Whether a day of so many rows may lack one of a column's very few values by luck, as of yes and no.

    That is too rare to have taught a limit, and comes up within some years. Of more values one says little.
    """
    values, often = np.unique(known, return_counts=True)
    if len(values) > FEW:
        return np.zeros(len(rows), bool)
    none = (1 - often / len(known))[:, None] ** rows
    return np.asarray(none.sum(axis=0) > LUCK)


def of_readings(
    of: DayRows, numbers: Mapping[str, Floats], scores: Mapping[str, Scores], grouped: Groups
) -> Series:
    """How far a reading lies from the one before, and how often nowhere: a sensor, or a value filled forward.

    Of a table with one row for each group and instant.
    """
    at = of.rows[of.time].dt.tz_convert(None).to_numpy().astype(np.int64)
    for group, values_of in {"": {}, **grouped}.items():
        entity = pd.factorize(of.rows[group])[0] if group else np.zeros(len(of.rows), np.int64)
        order = np.lexsort((at, entity))
        same = np.diff(entity[order]) == 0
        if not same.any() or (np.diff(at[order])[same] == 0).mean() > REPEATED:
            continue
        parts: dict[Group, Bools] = {(): np.ones(len(of.rows), bool)}
        parts |= {(group, value): rows for value, rows in values_of.items()}
        for name, values in numbers.items():
            moves = np.abs(np.diff(values[order]))
            known = same & np.isfinite(moves)
            moves, where = moves[known], order[1:][known]
            if not (usual := moves[where < of.known].mean() if (where < of.known).any() else 0):
                continue
            for value, rows in parts.items():
                here = rows[where]
                still, total, count = (
                    np.bincount(of.day[where[here]], weight, len(of.days)).astype(np.float64)
                    for weight in (moves[here] == 0, moves[here], None)
                )
                yield name, UNMOVED, value, still / of.enough(count)
                yield name, "change between readings", value, np.log(total / usual / of.enough(count) + STILL)
        yield from _shapes_of_groups(of, scores, {value: rows for value, rows in parts.items() if value})
        return


def _shapes_of_groups(of: DayRows, numbers: Mapping[str, Scores], parts: Mapping[Group, Bools]) -> Series:
    """The shape of a group's day less that of all others: of sensors in one place all clocks say the same."""
    angle = of.hours / 24 * 2 * np.pi
    for name, own in numbers.items():
        if name == of.time or own.missing[: of.known].mean() > 1 / 2:
            continue
        for word, wave in (("sin", np.sin(angle)), ("cos", np.cos(angle))):
            for value, rows in parts.items():
                of_group, of_others = (
                    _covariance(of, own.scores, wave, part & ~own.missing) for part in (rows, ~rows)
                )
                yield name, f"daily shape beside others ({word})", value, of_group - of_others


def _covariance(of: DayRows, values: Floats, wave: Floats, rows: Bools) -> Floats:
    """Of each day, over some rows."""
    day = of.day[rows]
    count, own, hours, both = (
        np.bincount(day, weights, len(of.days)).astype(np.float64)
        for weights in (None, values[rows], wave[rows], (values * wave)[rows])
    )
    count = of.enough(count)
    return both / count - own * hours / count**2


def _shares(known: Floats) -> Callable[[Floats], Floats]:
    """How often each of some numbers came in the past."""
    values, rows = np.unique(known, return_counts=True)

    def share(of: Floats) -> Floats:
        if not len(values):
            return np.zeros(len(of))
        place = np.minimum(np.searchsorted(values, of), len(values) - 1)
        return np.asarray(np.where(values[place] == of, rows[place] / len(known), 0.0))

    return share


def _new(of: DayRows, column: pd.Series) -> float:
    """Share of the rows of the past's second half with a value that the first never had."""
    half = of.known // 2
    later = column[half : of.known]
    return float((later.notna() & ~later.isin(column[:half].unique())).mean())


def _fresh(of: DayRows, column: pd.Series) -> Bools:
    """Which rows have a value that came for the first time less than so many days ago."""
    codes, _ = pd.factorize(column)
    first = pd.Series(of.day).groupby(codes).transform("min").to_numpy()
    return np.asarray(of.day - first < FRESH)


def _unseen(values: Floats, known: Floats) -> Bools | None:
    """Numbers between others that never came before, of a column that has few: those of another unit."""
    low, high = np.quantile(known, (0.05, 0.95)) if len(known) else (0.0, 0.0)
    usual = known[(known > low) & (known < high)]
    seen, half = np.unique(usual), len(usual) // 2
    if not 0 < len(seen) <= VALUES or np.isin(usual[half:], usual[:half], invert=True).mean() > NEW / 4:
        return None
    inside = (values > low) & (values < high)  # a season's extremes are no other values
    return np.asarray(inside & ~np.isin(values, seen))


def _beyond(values: Floats, known: Floats) -> Floats:
    """How far values lie outside of those that are known, in their standard deviations: there ranks end."""
    if not len(known) or not (spread := float(known.std())):
        return np.zeros(len(values))
    out = np.fmax(values - known.max(), 0) - np.fmax(known.min() - values, 0)
    return np.asarray(np.clip(np.nan_to_num(out) / spread, -FAR, FAR))
