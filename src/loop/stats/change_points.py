"""Where a series of days steps: by more than it ever stepped before.

    step[t, w] = mean over t <= d < t + w of (x[d] - r[d])

with r the mean of the same weekday in the four weeks before t,

for windows of 1, 3, 7 and 14 days. A limit is learnt from the series itself, as in Tu and others,
"Auto-Validate by-History" (KDD 2023): its largest step so far, times a factor, and a floor below which a step
concerns nobody. What is slow, as a season, makes no step that is larger than those of other weeks.
"""

from dataclasses import dataclass

import numpy as np

from loop.stats.arrays import Floats
from loop.stats.daily import Daily, Measure

WIDTHS = (1, 3, 7, 14)  # days after a step that are taken together
WEEKS = 4  # before it
BEFORE = 7 * WEEKS
FACTOR, OF_A_GROUP = 2.5, 4.0  # times the largest step so far: set by hand
FLOORS = {  # the least step that concerns anybody, by a measure's name: of shares, logs, normal scores
    "rows": 0.15,
    "repeated rows": 0.05,
    "time of day: level": 0.25,  # a clock that is an hour off
    "time of day": 0.4,
    "missing": 0.1,
    "unseen values": 0.05,
    "share of multiples": 0.1,
    "share of rows": 0.5,
    "distinct values": 0.3,
    "one value": 0.025,
    "change between readings": 0.5,
    "low end": 0.5,
    "high end": 0.5,
    "level": 0.2,
    "spread": 0.2,
    "relation": 0.15,
    "daily shape": 0.17,  # more than a clock change moves it
}
SHARES = ("repeated rows", "missing", "unseen values", "share of multiples", "one value")
NEARLY, PEAK = 0.6, 3  # of the largest step; days around a peak that are below it
CHANCE = 5  # standard deviations of a share of so many rows
ROWS = 7  # below which a share says nothing


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


def sizes(daily: Daily, first: int | None) -> Sizes:
    """The largest of all windows, from the day `first` on; 0 before it and where nothing can be told.

    Each day before a step teaches; the first eight weeks only teach. Without `first` every day is asked, and
    the days before and after it teach that lie outside of its own weeks.
    """
    limits = np.array([OF_A_GROUP if one.group else FACTOR for one in daily.measures])
    found = Sizes(*(np.zeros(daily.values.shape) for _ in range(3)))
    for width in WIDTHS:
        step = np.nan_to_num(steps(daily.values, width))
        largest = _elsewhere(np.abs(step), width) if first is None else _before(np.abs(step), width)
        floors = _floors(daily, width)
        least = 2 * BEFORE + width if first is None else max(first, 2 * BEFORE + width)
        for day in range(BEFORE if first is None else least, len(step) if len(step) > least else 0):
            size = np.abs(step[day]) / np.maximum(limits * largest[day], floors)
            more = size > found.size[day]
            found.size[day, more], found.step[day, more], found.width[day, more] = (
                size[more],
                step[day, more],
                width,
            )
    return found


def _before(step: Floats, width: int) -> Floats:
    """The largest step of a window that ended before each day."""
    return _shifted(np.maximum.accumulate(step, axis=0), width)


def _elsewhere(step: Floats, width: int) -> Floats:
    """The largest step whose weeks do not meet those of each day's."""
    apart = BEFORE + width
    return np.maximum(_before(step, apart), _before(step[::-1], apart)[::-1])


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
            chosen.append(
                ChangePoint(daily.measures[place], str(daily.days[day]), width, float(left[day]), step)
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


def _floors(daily: Daily, width: int) -> Floats:
    """The least step of each measure that is told; of a share one beyond the chance of so few rows."""
    least = np.array([_named(FLOORS, one.name) for one in daily.measures])
    shares = np.array([one.name.startswith(SHARES) for one in daily.measures])
    seen = daily.rows * daily.past
    usual = (np.abs(_mean(daily.values[: daily.past])) * seen + 1) / (seen + 2)
    rows = daily.rows * width
    chance = CHANCE * np.sqrt(usual * np.maximum(1 - usual, 0) / np.maximum(rows, 1))
    chance[rows < ROWS] = np.inf
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
