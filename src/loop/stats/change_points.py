"""Where a series of days steps: by more than it ever stepped before.

    step[t, w] = mean over t <= d < t + w of (x[d] - r[d])

with r the mean of the same weekday in the four weeks before t,

for windows of 1, 3, 7 and 14 days. A limit is learnt from the series itself, as in Tu and others,
"Auto-Validate by-History" (KDD 2023): its largest step so far, times a factor, and a floor below which a step
concerns nobody. What is slow, as a season, makes no step that is larger than those of other weeks.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.stats.arrays import Floats
from loop.stats.daily import Daily, Measure
from loop.stats.day_columns import CLASS, ONE_VALUE, RARER_SHARE, UNMOVED

WIDTHS = (1, 3, 7, 14)  # days after a step that are taken together
WEEKS = 4  # before it
BEFORE = 7 * WEEKS
FACTOR, OF_A_GROUP = 2.5, 4.0  # times the largest step so far: set by hand
OF_LIKES = 2.0  # times the largest step of any group of a measure, in deviations
TAUGHT, ENOUGH = 28, 90  # days whose steps teach: fewer say nothing, and fewer than enough widen limits
FLOORS = {  # the least step that concerns anybody, by a measure's name: of shares, logs, normal scores
    "rows": 0.15,
    "same number of rows": 0.5,  # as where a query has a limit
    "repeated rows": 0.05,
    "time of day: level": 0.25,  # a clock that is an hour off
    "time of day": 0.4,
    "missing": 0.1,
    "unseen values": 0.05,
    "new values": 0.005,
    "share of multiples": 0.1,
    RARER_SHARE: 0.1,
    "share of rows": 0.5,
    CLASS: 1.0,
    "distinct values": 0.3,
    ONE_VALUE: 0.025,
    "change between readings": 0.5,
    UNMOVED: 0.05,
    "low end": 0.5,
    "high end": 0.5,
    "level": 0.2,
    "spread": 0.2,
    "relation": 0.15,
    "daily shape beside others": 0.05,
    "daily shape": 0.17,  # more than a clock change moves it
}
SHARES = (
    "same number of rows",
    "repeated rows",
    "missing",
    "unseen values",
    "new values",
    "share of multiples",
    RARER_SHARE,
    ONE_VALUE,
    UNMOVED,
)
RISING = ("same number of rows", "new values")  # that fewer are new, or alike, is no news
NEARLY, PEAK = 0.6, 3  # of the largest step; days around a peak that are below it
CHANCE = 5  # standard deviations of a share of so many rows
ROWS = 7  # below which a share says nothing
TIMES = 3  # that rows must have come to be a share: a value that is new, digits that no other row has
MISSING = "missing"
PLAIN = (RARER_SHARE, CLASS)  # of groups, judged as measures of all rows: what else they must show is enough


@dataclass(frozen=True)
class ChangePoint:
    """A measure that stepped on `day`, over so many days; a `size` of 1 is at its limit."""

    measure: Measure
    day: str
    width: int
    size: float
    step: float


def steps(values: Floats, width: int) -> Floats:
    """The step at each day over the `width` days from it on: (days, series), NaN where it cannot be told."""
    found = np.full(values.shape, np.nan)
    long = len(values) - BEFORE - width + 1
    if long < 1:
        return found
    known = np.isfinite(values)
    usual = _ratio(_weekdays(np.where(known, values, 0.0)), _weekdays(known.astype(np.float64)))
    total, count = (np.zeros((long, values.shape[1])) for _ in range(2))
    for place in range(width):
        off, of = BEFORE + place, BEFORE + place % 7
        less = values[off : off + long] - usual[of : of + long]
        total += np.nan_to_num(less)
        count += np.isfinite(less)
    found[BEFORE : BEFORE + long] = _ratio(total, np.where(count > width / 2, count, 0))
    return found


@dataclass(frozen=True, eq=False)
class Sizes:
    """Of each day and measure, (days, measures): the step in times of its limit, itself, and its days."""

    size: Floats
    step: Floats
    width: Floats


def sizes(daily: Daily, first: int | None, outcomes: Collection[str] = ()) -> Sizes:
    """The largest of all windows, from the day `first` on; 0 before it and where nothing can be told.

    Each day before a step teaches; the first eight weeks only teach. Without `first` every day is asked, and
    the days before and after it teach that lie outside of its own weeks. Groups of `outcomes` have their
    likes to be judged by: no plan or season makes one of them step beside all others.
    """
    found = Sizes(*(np.zeros(daily.values.shape) for _ in range(3)))
    rising = [one.name in RISING for one in daily.measures]
    for width in WIDTHS:
        step = steps(daily.values, width)
        past = _past(np.isfinite(step), np.nan_to_num(step), width, apart=first is None)
        step = np.nan_to_num(step)
        step[:, rising] = np.maximum(step[:, rising], 0)
        limits = np.maximum(_limits(daily, past, outcomes), _floors(daily, width))
        size = np.where(past.days >= TAUGHT, np.abs(step) / limits, 0.0)
        least = 2 * BEFORE + width if first is None else max(first, 2 * BEFORE + width)
        size[: BEFORE if first is None else least] = 0
        if len(step) <= least:
            continue
        more = size > found.size
        for into, own in ((found.size, size), (found.step, step), (found.width, np.full_like(size, width))):
            into[more] = own[more]
    return found


@dataclass(frozen=True, eq=False)
class _Past:
    """What past steps of a window teach, of each day and measure: the largest, mean square, their days."""

    largest: Floats
    square: Floats
    days: Floats


def _past(known: NDArray[np.bool_], step: Floats, width: int, *, apart: bool) -> _Past:
    """Of windows that ended before each day; `apart`, of those whose weeks do not meet the day's own."""
    gap = BEFORE + width if apart else width
    largest = _shifted(np.maximum.accumulate(np.abs(step), axis=0), gap)
    square, days = (_shifted(np.cumsum(one, axis=0), gap) for one in (step**2, known.astype(np.float64)))
    if apart:
        after = _past(known[::-1], step[::-1], width + BEFORE, apart=False)
        largest = np.maximum(largest, after.largest[::-1])
        square, days = square + (after.square * after.days)[::-1], days + after.days[::-1]
    return _Past(largest, _ratio(square, days), days)


def _limits(daily: Daily, past: _Past, outcomes: Collection[str]) -> Floats:
    """Of each day and measure so many times its largest step: more, where few days teach.

    The largest step of many groups says more than that of one. So a group's largest counts as no less than
    the usual one of its likes: a value that comes once a year lets a group stand still until then. And of
    what an outcome is, a group's limit is also what all groups of its measure allow, in their deviations.
    Outcomes that are missing come with a storm, which meets one group alone.
    """
    few = np.sqrt(np.maximum(ENOUGH / np.maximum(past.days, 1), 1))
    groups = np.array([bool(one.group) and not one.name.startswith(PLAIN) for one in daily.measures], bool)
    limits = np.where(
        groups, OF_A_GROUP * np.maximum(past.largest, _usual(daily, past)), FACTOR * past.largest
    )
    for name in outcomes:
        of_it = [one if one.group and one.column == name else None for one in daily.measures]
        kinds = np.array(
            [one.name if one and not one.name.startswith((MISSING, *PLAIN)) else "" for one in of_it]
        )
        for kind in sorted({*kinds} - {""}):
            own = np.flatnonzero(kinds == kind)
            largest, deviation = past.largest[:, own], np.sqrt(np.nan_to_num(past.square[:, own]))
            beyond = np.divide(largest, deviation, out=np.zeros_like(deviation), where=deviation > 0)
            likes = OF_LIKES * deviation * beyond.max(axis=1, keepdims=True)
            limits[:, own] = np.clip(likes, FACTOR * largest, OF_A_GROUP * largest)
    return np.asarray(few * limits)


def _usual(daily: Daily, past: _Past) -> Floats:
    """Of each day and measure of a group the median of what all groups of its measure made, by their rows.

    A mean of n rows moves by luck with the root of 1/n.
    """
    found = np.zeros_like(past.largest)
    kinds = np.array([f"{one.column}\n{one.name}" if one.group else "" for one in daily.measures])
    root = np.sqrt(np.maximum(daily.rows, 1))
    for kind in sorted({*kinds} - {""}):
        own = np.flatnonzero(kinds == kind)
        found[:, own] = np.median(past.largest[:, own] * root[own], axis=1, keepdims=True) / root[own]
    return found


def _shifted(values: Floats, days: int) -> Floats:
    return np.concatenate([np.zeros((min(days, len(values)), values.shape[1])), values[:-days]])


def points(daily: Daily, found: Sizes, *, looking_back: bool = False) -> list[ChangePoint]:
    """The steps beyond their limits: of each measure the largest within four weeks; largest first.

    `looking_back` from the end of all days, the day of a group's is the first on which a step nearly as large
    begins: a group is set beside the others, and how far they lie apart is another on each day.
    """
    chosen = []
    for place in np.flatnonzero(found.size.max(axis=0, initial=0) > 1):
        left = found.size[:, place].copy()
        while left.max() > 1:
            last = int(left.argmax())
            day = _first(left, last) if looking_back and daily.measures[place].group else last
            width, step = int(found.width[day, place]), float(found.step[day, place])
            since = _since(daily.values[:, place], day, width)
            chosen.append(
                ChangePoint(daily.measures[place], str(daily.days[since]), width, float(left[day]), step)
            )
            left[max(day - BEFORE, 0) : last + BEFORE] = 0
    return sorted(chosen, key=lambda one: -one.size)


def _first(size: Floats, largest: int) -> int:
    """The first peak of the four weeks before the largest that nearly equals it, and is beyond its limit."""
    for day in range(max(largest - BEFORE, 0), largest):
        around = size[max(day - PEAK, 0) : day + PEAK + 1]
        if size[day] == around.max() and size[day] > max(NEARLY * size[largest], 1):
            return day
    return largest


def _since(values: Floats, day: int, width: int) -> int:
    """The day near the first of a step's window that parts the days before from those after it most clearly.

    It is the split of a series in two means by least squares.
    """
    weeks = values[day - BEFORE : day].reshape(WEEKS, 7)
    known = np.isfinite(weeks)
    usual = _ratio(np.nan_to_num(weeks).sum(axis=0), known.sum(axis=0).astype(np.float64))
    start, end = day - 7, min(day + width, len(values))
    less = values[start:end] - usual[(np.arange(start, end) - day) % 7]
    best, found = 0.0, day
    for split in range(day - PEAK, min(day + PEAK, end - 1) + 1) if width > 1 else ():
        parts = [part[np.isfinite(part)] for part in (less[: split - start], less[split - start :])]
        if not all(len(part) for part in parts):
            continue
        count = [len(part) for part in parts]
        gain = (parts[1].mean() - parts[0].mean()) ** 2 * count[0] * count[1] / sum(count)
        if gain > best:
            best, found = gain, split
    return found


def _floors(daily: Daily, width: int) -> Floats:
    """The least step of each measure that is told; of a share one beyond the chance of so few rows."""
    least = np.array([_named(FLOORS, one.name) for one in daily.measures])
    shares = np.array([one.name.startswith(SHARES) for one in daily.measures])
    seen = daily.rows * daily.past
    usual = (np.abs(_mean(daily.values[: daily.past])) * seen + 1) / (seen + 2)
    rows = daily.rows * width
    chance = CHANCE * np.sqrt(usual * np.maximum(1 - usual, 0) / np.maximum(rows, 1))
    chance[rows < ROWS] = np.inf
    chance = np.maximum(chance, TIMES / np.maximum(rows, 1))
    return np.where(shares, np.maximum(least, chance), least)


def _named(table: dict[str, float], name: str) -> float:
    return next(value for start, value in table.items() if name.startswith(start))


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    return np.nan_to_num(_ratio(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0).astype(float)))


def _weekdays(values: Floats) -> Floats:
    """Per day the sum of the same weekday in the weeks before."""
    found = np.zeros_like(values)
    for week in range(1, WEEKS + 1):
        found[7 * week :] += values[: -7 * week]
    return found


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0))
