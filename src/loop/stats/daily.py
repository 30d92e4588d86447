"""What a table says day by day: its rows, and of each column level, spread, shares, shape and relations.

A fault of a feed begins between two days, in one column, often in one group; a season does neither. So every
measure is a series of days: what lies before a first day is what the table was like, and sets its scale.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loop.stats import binning
from loop.stats.arrays import Floats

GROUPS_MAX = 30  # values of a column that are watched each by itself
GROUP_ROWS = 3  # rows a day from which on a value is a group
MANY = 0.2  # distinct values per row from which on a column names rows, and groups none
VALUES = 500  # different numbers up to which one that is none of them is noticed
GRIDS = (0.1, 0.5, 1, 2, 5, 10, 15, 60, 100, 1000)
RIDGE = 1e-3  # of the rows: keeps a relation of columns that know each other exactly finite
FAR = 10  # standard deviations beyond which it does not matter how far
RARELY = 0.05  # share of days on which a column of whole days changes, below which its changes are no news
RELATED = 50  # rows for each column that a relation is learnt from
TINY = 1e-6
PASSING = 0.5  # the same share, from which on no value of a column is a group
NEW = 0.01  # share of rows with a value that is new, from which on a column names what passes
SOME = 3  # rows of a day below which it has no level, where a day has more
REPEATED = 0.01  # share of rows that may repeat a group and an instant in a table of readings
STILL = 0.05  # of the usual change between readings: less than that is none
SAMPLE = 50_000  # rows that bins are taken from
CLOCK = ("sin", "cos")  # of the hour of the day, as an angle

Numbers = Mapping[str, tuple[Floats, NDArray[np.bool_]]]  # normal scores, and which are missing
Groups = Mapping[str, Mapping[str, NDArray[np.bool_]]]  # column -> value -> its rows


@dataclass(frozen=True)
class Measure:
    """What a series measures: of a table or one of its columns, of all rows or of those of one value."""

    table: str
    column: str
    group: tuple[str, ...]  # column and value, or nothing
    name: str


@dataclass(frozen=True, eq=False)
class Daily:
    """`values` (days, measures) of whole days in UTC without gaps; NaN where a day cannot tell.

    `rows` (measures,) are those of a usual day of the `past` first days, of the group alone where a measure
    has one.
    """

    days: NDArray[np.datetime64]
    measures: list[Measure]
    values: Floats
    rows: Floats
    past: int


def daily(
    table: str,
    rows: pd.DataFrame,
    time: str,
    key: Sequence[str],
    days: NDArray[Any],
    past: int,
    apart: Collection[str] = (),
) -> Daily:
    """Every measure of the rows of `days` (datetime64[D], in order), the first `past` of which set the scale.

    `time` is the column of instants (UTC) that says the day of a row; `key` names rows, and is no measure
    but where its values are groups. Columns `apart` tell nothing of the others.
    """
    return _Table(table, rows, time, key, days, past, apart).daily()


def number(rows: pd.DataFrame, name: str, time: str) -> Floats | None:
    """A column as numbers, if it is such: an instant in hours after the row's, `time` in hours of the day."""
    column, at = rows[name], rows[time]
    if pd.api.types.is_datetime64_any_dtype(column):
        of = at.dt.floor("D") if name == time else at
        column = column if column.dt.tz is not None else column.dt.tz_localize("UTC")
        return np.asarray((column - of).dt.total_seconds() / 3600, np.float64)
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.to_numpy(np.float64, na_value=np.nan))
    return None


def _beyond(values: Floats, known: Floats) -> Floats:
    """How far values lie outside of those that are known, in their standard deviations: there ranks end."""
    if not len(known) or not (spread := float(known.std())):
        return np.zeros(len(values))
    out = np.fmax(values - known.max(), 0) - np.fmax(known.min() - values, 0)
    return np.asarray(np.clip(np.nan_to_num(out) / spread, -FAR, FAR))


def content(rows: pd.DataFrame, key: Sequence[str], time: str) -> NDArray[Any]:
    """A hash of each row without its key and its instants."""
    names = [
        name
        for name in rows
        if name not in (*key, time) and not pd.api.types.is_datetime64_any_dtype(rows[name])
    ]
    return np.asarray(pd.util.hash_pandas_object(rows[names].astype("str"), index=False))


class _Table:
    """One table's rows in order of day, and its columns as numbers and groups."""

    def __init__(
        self,
        name: str,
        rows: pd.DataFrame,
        time: str,
        key: Sequence[str],
        days: NDArray[Any],
        past: int,
        apart: Collection[str],
    ) -> None:
        day = rows[time].dt.tz_convert(None).to_numpy().astype("datetime64[D]")
        place = (day - days[0]).astype(int) if len(days) else np.zeros(len(rows), int)
        inside = np.flatnonzero((place >= 0) & (place < len(days)))
        order = inside[np.argsort(place[inside], kind="stable")]
        self.name, self.key, self.time, self.days, self.past = name, key, time, days, past
        self.apart = apart
        self.rows, self.day = rows.iloc[order].reset_index(drop=True), place[order]
        self.count = np.bincount(self.day, minlength=len(days)).astype(np.float64)
        self.ends = np.concatenate([[0], np.cumsum(self.count).astype(int)])
        self.known = int(self.ends[past])  # rows of the past
        self.some = max(min(SOME, float(np.median(self.count[:past]))), 1.0)
        self.found: list[tuple[Measure, Floats]] = []
        self.share: dict[tuple[str, ...], float] = {}  # of the rows, by group

    def daily(self) -> Daily:
        """Measure it."""
        with np.errstate(invalid="ignore", divide="ignore"):
            self._add("", "rows", np.log(self.count + 0.5))
            numbers, texts = self._columns()
            groups = {name: found for name, of in texts.items() if (found := self._groups(name, of))}
            self._repeated()
            codes = {name: self._number(name, of) for name, of in numbers.items()}
            self._readings(numbers, groups)
            if len(self.rows):
                self._products(codes, groups)
        measures, values = zip(*self.found, strict=True)
        usual = float(np.median(self.count[: self.past]))
        rows = [usual * self.share.get(one.group, 1.0) for one in measures]
        return Daily(self.days, list(measures), np.column_stack(values), np.array(rows), self.past)

    def _add(self, column: str, name: str, values: Floats, group: tuple[str, ...] = ()) -> None:
        name = f"time of day: {name}" if column == self.time else name
        self.found.append((Measure(self.name, column, group, name), values))

    def _columns(self) -> tuple[dict[str, Floats], dict[str, pd.Series]]:
        """Columns as numbers, instants as hours, and columns of texts; a key is the latter alone."""
        numbers: dict[str, Floats] = {}
        texts: dict[str, pd.Series] = {}
        for name in map(str, self.rows):
            column = self.rows[name]
            values = number(self.rows, name, self.time)
            if values is not None:
                hours = values[: self.known] if name == self.time else ()
                if (name not in self.key and name != self.time) or np.any(hours):
                    numbers[name] = values
                continue
            words = column.astype("str").where(column.notna())
            if len(words[: self.known].unique()) <= MANY * self.known:
                texts[name] = words
            elif name not in self.key:  # free text, lists: how long they are
                numbers[f"{name} (length)"] = np.asarray(words.str.len(), np.float64)
        return numbers, texts

    def _by_day(self, values: Any) -> Floats:
        return np.bincount(self.day, values, len(self.days)).astype(np.float64)

    def _groups(self, name: str, column: pd.Series) -> dict[str, NDArray[np.bool_]]:
        """The frequent values of a column, each with its rows; what of it is missing and what is new."""
        missing = column.isna().to_numpy()
        self._add(name, "missing", self._by_day(missing) / self.count)
        counts = column[: self.known].value_counts()
        half = self.known // 2
        new = column[half : self.known]
        unknown = (new.notna() & ~new.isin(column[:half].unique())).mean()
        if unknown > PASSING:
            return {}  # days, versions: each value is there for a while
        if unknown < NEW:
            unseen = ~missing & ~column.isin(counts.index).to_numpy()
            self._add(name, "unseen values", self._by_day(unseen) / self.count)
        frequent = sorted(str(value) for value in counts.index[counts >= GROUP_ROWS * self.past][:GROUPS_MAX])
        found = {value: column.eq(value).fillna(False).to_numpy(bool) for value in frequent}
        for value, own in found.items():
            self.share[name, value] = own[: self.known].mean()
            share = (self._by_day(own) + 0.5) / (self.count + 0.5)
            self._add("", "share of rows", np.log(share), (name, value))
        return found

    def _repeated(self) -> None:
        """Rows that say what another of their day or of the day before says, but for key and instants."""
        hashes = content(self.rows, self.key, self.time)
        again = np.zeros(len(self.days))
        last = hashes[:0]
        for day, (start, end) in enumerate(pairwise(self.ends)):
            own = np.unique(hashes[start:end])
            again[day] = end - start - len(own) + np.isin(own, last).sum()
            last = own
        self._add("", "repeated rows", again / self.count)

    def _number(self, name: str, values: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Normal scores of a column by the ranks of its past, 0 where missing, and where it is missing."""
        missing = np.isnan(values)
        known = values[: self.known][~missing[: self.known]]
        bins = binning.of_numbers(np.sort(known[:: max(1, len(known) // SAMPLE)]))
        codes = bins.of_numbers(values)
        there = self._enough(self._by_day(~missing))
        self._add(name, "missing", self._by_day(missing) / self.count)
        counts = np.bincount(self.day * (bins.known + 1) + codes, minlength=len(self.days) * (bins.known + 1))
        counts = counts.reshape(len(self.days), -1)[:, :-1]
        upto = np.cumsum(counts, axis=1) / there[:, None]
        usual = counts[: self.past].sum(axis=0)
        ends = ((0.1, "low end"), (0.9, "high end")) if usual.max() < usual.sum() / 2 else ()
        for share, word in ends:
            place = np.minimum((upto < share).sum(axis=1), bins.known - 1)
            self._add(name, word, np.where(np.isfinite(there), bins.scores[place], np.nan))
        for grid in GRIDS:
            on = np.abs(values / grid - np.round(values / grid)) < TINY
            if TINY < on[: self.known].sum() / max(len(known), 1) < 1 - TINY:
                self._add(name, f"share of multiples of {grid:g}", self._by_day(on) / there)
        self._new(name, values, known, there)
        of_days = [values[start:end][~missing[start:end]] for start, end in pairwise(self.ends)]
        often = [np.unique(own, return_counts=True)[1] for own in of_days]
        self._add(name, "distinct values", np.log(np.array([len(own) for own in often]) + 0.5))
        self._add(name, "one value", np.array([own.max(initial=0) for own in often]) / there)
        return np.append(bins.scores, 0.0)[codes] + _beyond(values, known), missing

    def _new(self, name: str, values: Floats, known: Floats, there: Floats) -> None:
        """Numbers between others that never came before, of a column that has few: those of another unit."""
        low, high = np.quantile(known, (0.05, 0.95)) if len(known) else (0.0, 0.0)
        usual = known[(known > low) & (known < high)]
        seen, half = np.unique(usual), len(usual) // 2
        if not 0 < len(seen) <= VALUES or np.isin(usual[half:], usual[:half], invert=True).mean() > NEW / 4:
            return
        inside = (values > low) & (values < high)  # a season's extremes are no other values
        self._add(name, "unseen values", self._by_day(inside & ~np.isin(values, seen)) / there)

    def _readings(self, numbers: Mapping[str, Floats], groups: Groups) -> None:
        """How far a reading lies from the one before, in a table with one row for each group and instant."""
        at = self.rows[self.time].dt.tz_convert(None).to_numpy().astype(np.int64)
        for group, of in {"": {}, **groups}.items():
            entity = pd.factorize(self.rows[group])[0] if group else np.zeros(len(self.rows), np.int64)
            order = np.lexsort((at, entity))
            same = np.diff(entity[order]) == 0
            if not same.any() or (np.diff(at[order])[same] == 0).mean() > REPEATED:
                continue
            own: dict[tuple[str, ...], NDArray[np.bool_]] = {(): np.ones(len(self.rows), bool)}
            own |= {(group, value): rows for value, rows in of.items()}
            for name, values in numbers.items():
                moves = np.abs(np.diff(values[order]))
                known = same & np.isfinite(moves)
                moves, where = moves[known], order[1:][known]
                if not (usual := moves[where < self.known].mean() if (where < self.known).any() else 0):
                    continue
                for value, rows in own.items():
                    here = rows[where]
                    total, count = (
                        np.bincount(self.day[where[here]], weight, len(self.days))
                        for weight in (moves[here], None)
                    )
                    self._add(
                        name,
                        "change between readings",
                        np.log(total / usual / self._enough(count) + STILL),
                        value,
                    )
            return

    def _products(
        self,
        numbers: Numbers,
        groups: Groups,
    ) -> None:
        """What sums of products of two columns tell, day by day: levels, spreads, shapes, relations."""
        clock = list(self._clock(numbers))
        own = [((name, value), rows) for name, of in groups.items() for value, rows in of.items()]
        parts = [np.ones(len(self.rows)), *clock, *(rows for _, rows in own)]
        first, many = len(parts), len(numbers)
        parts += [scores for scores, _ in numbers.values()] + [missing for _, missing in numbers.values()]
        sums = np.zeros((len(self.days), len(parts), len(parts)))
        for day, (start, end) in enumerate(pairwise(self.ends)):
            block = np.array([part[start:end] for part in parts], np.float64)
            sums[day] = block @ block.T
        count = np.where(self.count > 0, self.count, np.nan)
        whole = sums[: self.past].sum(axis=0)
        alone = {self.time, *(name for name, (scores, _) in numbers.items() if self._of_the_day(scores))}
        if many < 2 or self.known < RELATED * len(parts):
            alone = set(numbers)  # a relation would be learnt by heart
        for place, name in enumerate(numbers):
            if name in alone and self._rarely(numbers[name][0]):
                continue
            at, gone = first + place, first + many + place
            there = self._enough(count - sums[:, 0, gone])
            unit = np.eye(len(parts))[at]
            self._moments(name, "", unit, sums, there, clock)
            for number, (group, _) in enumerate(own):
                here = 1 + len(clock) + number
                size = np.where(sums[:, here, here] > 0, sums[:, here, here], np.nan)
                some = self._enough(size - sums[:, gone, here])
                level = sums[:, at, here] / some - sums[:, at, 0] / there
                self._add(name, "level", level, group)
                self._add(name, "missing", sums[:, gone, here] / size - sums[:, 0, gone] / count, group)
            if name not in alone and whole[gone, gone] < whole[0, 0] / 2:
                silent = {first + one for one, other in enumerate(numbers) if other in self.apart}
                others = [one for one in range(first + many) if one not in {at, *silent}]
                left = whole[np.ix_(others, others)] + RIDGE * whole[0, 0] * np.eye(len(others))
                unit[others] = -np.linalg.solve(left, whole[others, at])
                self._moments(name, "relation to other columns: ", unit, sums, there, clock)
                rest = sums[:, 0] @ unit / there
                for number, (group, _) in enumerate(own):
                    here = 1 + len(clock) + number
                    some = self._enough(sums[:, here, here] - sums[:, gone, here])
                    level = sums[:, here] @ unit / some - rest
                    self._add(name, "relation to other columns: level", level, group)

    def _of_the_day(self, scores: Floats) -> bool:
        """Whether all rows of a day share one value, as those of a calendar do: no other column tells it."""
        whole = [scores[start:end] for start, end in pairwise(self.ends[: self.past + 1]) if end > start + 1]
        return bool(whole) and np.mean([of.min() == of.max() for of in whole]) > 1 - NEW

    def _rarely(self, scores: Floats) -> bool:
        """Whether a column of whole days changes on few of them, as a season or a tariff does."""
        first = scores[self.ends[:-1][self.count > 0]][: self.past]
        return self._of_the_day(scores) and bool(0 < np.mean(np.diff(first) != 0) < RARELY)

    def _clock(self, numbers: Mapping[str, Any]) -> Iterator[Floats]:
        """Sine and cosine of the hour of the day, where the table's time has one."""
        if self.time in numbers:
            at = self.rows[self.time]
            angle = ((at - at.dt.floor("D")) / pd.Timedelta(hours=24)).to_numpy() * 2 * np.pi
            yield from (np.sin(angle), np.cos(angle))

    def _moments(
        self, column: str, of: str, weight: Floats, sums: Floats, there: Floats, clock: Sequence[Any]
    ) -> None:
        """Mean, deviation and daily shape of a weighted sum of columns."""
        total = sums[:, 0] @ weight
        mean = total / there
        self._add(column, f"{of}level", mean)
        square = np.einsum("i,dij,j->d", weight, sums, weight) / there
        self._add(column, f"{of}spread", np.sqrt(np.maximum(square - mean**2, 0)))
        if column != self.time:
            for place in range(1, 1 + len(clock)):
                covariance = sums[:, place] @ weight / there - mean * sums[:, 0, place] / there
                self._add(column, f"{of}daily shape ({CLOCK[place - 1]})", covariance)

    def _enough(self, rows: NDArray[Any]) -> Floats:
        """Rows of each day; NaN where they are too few."""
        return np.where(rows >= self.some, rows, np.nan)
