"""Levels, spreads, shapes and relations of columns, day by day, from one pass of sums of products."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from loop.stats.arrays import Floats
from loop.stats.day_columns import NEW, Groups, Scores, Series
from loop.stats.day_rows import DayRows

RIDGE = 1e-3  # of the rows: keeps a relation of columns that know each other exactly finite
RARELY = 0.05  # share of days on which a column of whole days changes, below which its changes are no news
RELATED = 50  # rows for each column that a relation is learnt from
CLOCK = ("sin", "cos")  # of the hour of the day, as an angle


def of_products(of: DayRows, numbers: Mapping[str, Scores], groups: Groups) -> Series:
    """What sums of products of two columns tell: of all rows, and of each group beside them."""
    clock = list(_clock(of, numbers))
    own = [((name, value), rows) for name, values in groups.items() for value, rows in values.items()]
    parts = [np.ones(len(of.rows)), *clock, *(rows for _, rows in own)]
    first, many = len(parts), len(numbers)
    parts += [one.scores for one in numbers.values()] + [one.missing for one in numbers.values()]
    sums = np.zeros((len(of.days), len(parts), len(parts)))
    for day, (start, end) in enumerate(pairwise(of.ends)):
        block = np.array([part[start:end] for part in parts], np.float64)
        sums[day] = block @ block.T
    count = np.where(of.count > 0, of.count, np.nan)
    whole = sums[: of.past].sum(axis=0)
    alone = {of.time, *(name for name, one in numbers.items() if _of_the_day(of, one.scores))}
    if many < 2 or of.known < RELATED * len(parts):
        alone = set(numbers)  # a relation would be learnt by heart
    for place, name in enumerate(numbers):
        if name in alone and _rarely(of, numbers[name].scores):
            continue
        at, gone = first + place, first + many + place
        there = of.enough(count - sums[:, 0, gone])
        unit = np.eye(len(parts))[at]
        yield from _moments(of, name, "", unit, sums, there, len(clock))
        for number, (group, _) in enumerate(own):
            here = 1 + len(clock) + number
            size = np.where(sums[:, here, here] > 0, sums[:, here, here], np.nan)
            some = of.enough(size - sums[:, gone, here])
            rest = np.where(count > size, count - size, np.nan)
            others = of.enough(there - some)
            level_of_others = (sums[:, at, 0] - sums[:, at, here]) / others
            yield name, "level", group, sums[:, at, here] / some - level_of_others
            gone_of_others = (sums[:, 0, gone] - sums[:, gone, here]) / rest
            yield name, "missing", group, sums[:, gone, here] / size - gone_of_others
        if name not in alone and whole[gone, gone] < whole[0, 0] / 2:
            silent = {first + one for one, other in enumerate(numbers) if other in of.apart}
            known = [one for one in range(first + many) if one not in {at, *silent}]
            left = whole[np.ix_(known, known)] + RIDGE * whole[0, 0] * np.eye(len(known))
            unit[known] = -np.linalg.solve(left, whole[known, at])
            yield from _moments(of, name, "relation to other columns: ", unit, sums, there, len(clock))
            total = sums[:, 0] @ unit
            for number, (group, _) in enumerate(own):
                here = 1 + len(clock) + number
                some = of.enough(sums[:, here, here] - sums[:, gone, here])
                part = sums[:, here] @ unit
                apart = part / some - (total - part) / of.enough(there - some)
                yield name, "relation to other columns: level", group, apart


def _moments(
    of: DayRows, column: str, start: str, weight: Floats, sums: Floats, there: Floats, clock: int
) -> Series:
    """Mean, deviation and daily shape of a weighted sum of columns."""
    mean = sums[:, 0] @ weight / there
    yield column, f"{start}level", (), mean
    square = np.einsum("i,dij,j->d", weight, sums, weight) / there
    yield column, f"{start}spread", (), np.sqrt(np.maximum(square - mean**2, 0))
    if column != of.time:
        for place in range(1, 1 + clock):
            covariance = sums[:, place] @ weight / there - mean * sums[:, 0, place] / there
            yield column, f"{start}daily shape ({CLOCK[place - 1]})", (), covariance


def _clock(of: DayRows, numbers: Mapping[str, Scores]) -> Iterator[Floats]:
    """Sine and cosine of the hour of the day, where the table's time has one."""
    if of.time in numbers:
        angle = of.hours / 24 * 2 * np.pi
        yield from (np.sin(angle), np.cos(angle))


def _of_the_day(of: DayRows, scores: Floats) -> bool:
    """Whether all rows of a day share one value, as those of a calendar do: no other column tells it."""
    whole: Sequence[Floats] = [
        scores[start:end] for start, end in pairwise(of.ends[: of.past + 1]) if end > start + 1
    ]
    return bool(whole) and bool(np.mean([own.min() == own.max() for own in whole]) > 1 - NEW)


def _rarely(of: DayRows, scores: Floats) -> bool:
    """Whether a column of whole days changes on few of them, as a season or a tariff does."""
    first = scores[of.ends[:-1][of.count > 0]][: of.past]
    return _of_the_day(of, scores) and bool(0 < np.mean(np.diff(first) != 0) < RARELY)
