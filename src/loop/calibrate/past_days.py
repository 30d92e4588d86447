"""The monitor on days of its own past, drawn again: what it says where nothing changed.

Its own statistics and rules, in memory, without files or a model. Labels are known when they are final, as in
production.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loop.data.features import DECIDED_AT
from loop.monitor.inputs.windows import inside
from loop.monitor.signals import drift, estimate, performance
from loop.monitor.signals.performance import Daily
from loop.monitor.signals.series import Floats, Series
from loop.settings.monitor_settings import Settings
from loop.stats.profile import Profile, profile

Ints = NDArray[np.int64]
WEEK = 7  # days
TOGETHER = 20  # stretches in one table: limits are learnt once for all


@dataclass(frozen=True)
class Days:
    """What the monitor keeps of rows, day by day: columns in bins, sums of matured rows, scores in bins."""

    profile: Profile
    daily: Daily
    counts: Floats | None  # None where no loss can be expected from scores

    def take(self, places: Sequence[int] | Ints) -> "Days":
        """These days, with repeats if they repeat."""
        where = np.asarray(places, np.int64)
        daily = Daily(self.daily.days[where], *(part[where] for part in _parts(self.daily)))
        counts = None if self.counts is None else self.counts[where]
        return Days(self.profile.take(where), daily, counts)

    def worse(self, since: int, loss: float) -> "Days":
        """The same with so much more loss a row, from the day at this place on."""
        more = np.where(np.arange(len(self.daily.rows)) >= since, loss, 0.0) * self.daily.weight
        return replace(self, daily=replace(self.daily, loss=self.daily.loss + more))

    def then(self, *others: "Days") -> "Days":
        """These days and then the others, dated one after the other."""
        every = (self, *others)
        profiles = [one.profile for one in every]
        names = profiles[0].counts
        rows = np.concatenate([one.rows for one in profiles])
        dates = np.arange(len(rows)) + np.datetime64(self.profile.days[0])
        return Days(
            replace(
                profiles[0],
                days=[str(day) for day in dates],
                rows=rows,
                counts={name: np.concatenate([one.counts[name] for one in profiles]) for name in names},
                moments=np.concatenate([one.moments for one in profiles]),
            ),
            Daily(dates, *map(np.concatenate, zip(*(_parts(one.daily) for one in every), strict=True))),
            None if self.counts is None else np.concatenate([_known(one.counts) for one in every]),
        )


@dataclass(frozen=True)
class Runs:
    """What each run of a stretch saw: series of the monitor, and each feature's PSI, (features, runs)."""

    runs: list[str]
    series: list[Series]
    psi: Floats


class Monitor:
    """The monitor with the limits of a past: rows with score (and decision), labels where they are known."""

    def __init__(
        self, past: pd.DataFrame, until: str, importance: Mapping[str, float], settings: Settings
    ) -> None:
        self.settings = settings
        self.importance = dict(importance)
        self._first = f"{past[DECIDED_AT].min():%Y-%m-%d}"
        self._bins = drift.profiled(past, until, list(importance)).bins
        self._estimate = estimate.Estimate(past, past, settings.seed) if estimate.possible(past) else None
        self.baseline = self.table(past, until)

    def table(self, rows: pd.DataFrame, until: str) -> Days:
        """Rows of the days before `until` as the monitor keeps them; a day without rows is empty."""
        days = np.arange(np.datetime64(self._first), np.datetime64(until))
        found = _every_day(profile(rows, self._bins, DECIDED_AT), days)
        matured = rows[rows["label"].notna()]
        counts = self._estimate.daily(rows, days) if self._estimate else None
        return Days(found, performance.daily(matured, self._first, until), counts)

    def run(self, stretches: list[Days], after: list[int], baseline: Days | None = None) -> list[Runs]:
        """What runs so many days `after` the start of each stretch see."""
        found: list[Runs] = []
        past = baseline or self.baseline
        for start in range(0, len(stretches), TOGETHER):
            found += self._run(past, stretches[start : start + TOGETHER], after)
        return found

    def _run(self, past: Days, stretches: list[Days], after: list[int]) -> list[Runs]:
        size, length = len(past.profile.days), len(stretches[0].profile.days)
        every = past.then(*stretches)
        until = str(every.daily.days[size])
        ends = [
            [str(every.daily.days[size] + place * length + day) for day in after]
            for place in range(len(stretches))
        ]
        moved = drift.drift(
            every.profile, until, [day for one in ends for day in one], self.importance, self.settings
        )
        psi = np.array([moved.moved[name].values["psi"] for name in self.importance])
        shared, before = moved.series(), self._expected_before(past)
        found = []
        for place, stretch in enumerate(stretches):
            part = slice(place * len(after), (place + 1) * len(after))
            series = [_part(one, part) for one in shared]
            series += self._labelled(past.then(stretch), until, ends[0], before)
            found.append(Runs(ends[0], series, psi[:, part]))
        return found

    def _expected_before(self, past: Days) -> Floats:
        """The expected loss of each past window."""
        if self._estimate is None:
            return np.zeros(0)
        days, setup = past.daily.days, self.settings
        ends = np.arange(days[0] + setup.window_days, days[-1] + 2, setup.step_days)
        return self._estimate.of(_known(past.counts), inside(days, ends, setup.window_days)).value

    def _labelled(self, every: Days, until: str, runs: list[str], before: Floats) -> list[Series]:
        """The expected loss at these runs, and what matured labels say then."""
        setup, days = self.settings, every.daily.days
        wait = np.timedelta64(int(np.ceil(setup.wait_days)), "D")
        ends = [str(np.datetime64(day) - wait) for day in runs]
        matured = performance.performance(every.daily, until, ends, setup).series
        if self._estimate is None:
            return matured
        now = self._estimate.of(_known(every.counts), inside(days, runs, setup.window_days))
        independent = float((days < np.datetime64(until)).sum()) / setup.window_days
        return [estimate.series(now, before, independent, setup), *matured]


def draw(rng: np.random.Generator, days: int, length: int, block: int) -> Ints:
    """Places of `length` days among `days`, drawn in blocks of whole weeks that follow each other.

    Weekdays go on from block to block: else a window that holds a part of a block has other weekdays than
    any of the past, and alarms for it. Blocks wrap round where the past is shorter than one.
    """
    block = -(-block // WEEK) * WEEK
    possible = np.arange(rng.integers(0, WEEK), days - block + 1, WEEK)
    starts = rng.choice(possible if len(possible) else np.zeros(1, np.int64), -(-length // block))
    return np.asarray(((starts[:, None] + np.arange(block)) % days).ravel()[:length])


def _every_day(found: Profile, days: np.ndarray) -> Profile:
    """The profile with empty days where it has none, so that a day's place says when it was."""
    known = {day: place for place, day in enumerate(found.days)}
    at = np.array([known.get(str(day), -1) for day in days])
    none = at < 0
    whole = found.take(np.where(none, 0, at))
    whole.rows[none] = 0
    whole.moments[none] = 0
    for counts in whole.counts.values():
        counts[none] = 0
    return replace(whole, days=[str(day) for day in days])


def _known(counts: Floats | None) -> Floats:
    return np.zeros((0, 0)) if counts is None else counts


def _part(one: Series, part: slice) -> Series:
    p = None if one.p is None else one.p[part]
    return replace(one, value=one.value[part], alarm=one.alarm[part], p=p)


def _parts(daily: Daily) -> tuple[Floats, ...]:
    return daily.rows, daily.loss, daily.bias, daily.label, daily.weight
