"""The monitor in process: its own statistics and rules on resampled days, without files or a model.

A stretch is days drawn from the training months and dated after the baseline, long enough for the runs that
hysteresis asks for. Labels are known when they are final, as in production.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.monitor.world import World
from loop.data.features import DECIDED_AT
from loop.monitor.signals import drift, estimate, performance
from loop.monitor.signals.performance import Daily
from loop.monitor.signals.series import Floats, Series
from loop.settings.monitor_settings import Settings
from loop.stats.profile import Profile, profile

Ints = NDArray[np.int64]
TOGETHER = 20  # stretches in one table: limits are learnt once for all
BLOCK = 7
BARE = 0.25  # the usual limit of a PSI


@dataclass(frozen=True)
class Days:
    """What the monitor keeps of rows, day by day: columns in bins, sums of matured rows, scores in bins."""

    profile: Profile
    daily: Daily
    counts: Floats

    def take(self, places: Sequence[int] | Ints) -> "Days":
        """These days, with repeats if they repeat."""
        where = np.asarray(places, np.int64)
        daily = Daily(self.daily.days[where], *(part[where] for part in _parts(self.daily)))
        return Days(self.profile.take(where), daily, self.counts[where])

    def then(self, *others: "Days") -> "Days":
        """These days and then the others, dated one after the other."""
        every = (self, *others)
        profiles = [one.profile for one in every]
        counts = {name: np.concatenate([one.counts[name] for one in profiles]) for name in profiles[0].counts}
        rows = np.concatenate([one.rows for one in profiles])
        dates = np.arange(len(rows)) + np.datetime64(self.profile.days[0])
        return Days(
            replace(
                profiles[0],
                days=[str(day) for day in dates],
                rows=rows,
                counts=counts,
                moments=np.concatenate([one.moments for one in profiles]),
            ),
            Daily(dates, *map(np.concatenate, zip(*(_parts(one.daily) for one in every), strict=True))),
            np.concatenate([one.counts for one in every]),
        )


@dataclass(frozen=True)
class Runs:
    """What each run of a stretch saw: series of the monitor, and each feature's PSI, (features, runs)."""

    runs: list[str]
    series: list[Series]
    psi: Floats


class Monitor:
    """The monitor with the limits of a baseline; `baseline` are its days, in order."""

    def __init__(self, world: World) -> None:
        self.settings: Settings = world.settings
        self.importance = world.importance
        past = world.before(world.baseline)
        self._first = f"{past['decided_at'].min():%Y-%m-%d}"
        self._bins = drift.profiled(past, world.baseline, list(world.importance)).bins
        self._estimate = estimate.Estimate(past, past, world.settings.seed)
        self.baseline = self.table(past, world.baseline)

    def table(self, rows: pd.DataFrame, until: str) -> Days:
        """Rows of the days before `until` as the monitor keeps them; every row's label is known."""
        days = np.arange(np.datetime64(self._first), np.datetime64(until))
        found = profile(rows, self._bins, DECIDED_AT)
        return Days(found, performance.daily(rows, self._first, until), self._estimate.daily(rows, days))

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
            runs = ends[0]
            series = [_part(one, part) for one in shared]
            found.append(
                Runs(runs, [*series, *self._labelled(past.then(stretch), until, runs, before)], psi[:, part])
            )
        return found

    def _expected_before(self, past: Days) -> Floats:
        """The expected loss of each past window."""
        days, setup = past.daily.days, self.settings
        ends = np.arange(days[0] + setup.window_days, days[-1] + 2, setup.step_days)
        return self._estimate.of(past.counts, _inside(days, ends, setup.window_days)).value

    def _labelled(self, every: Days, until: str, runs: list[str], before: Floats) -> list[Series]:
        """The expected loss at these runs, and what matured labels say then."""
        setup, days = self.settings, every.daily.days
        wait = np.timedelta64(int(np.ceil(setup.wait_days)), "D")
        ends = [str(np.datetime64(day) - wait) for day in runs]
        inside = _inside(days, np.array(runs, "datetime64[D]"), setup.window_days)
        now = self._estimate.of(every.counts, inside)
        independent = float((days < np.datetime64(until)).sum()) / setup.window_days
        expected = estimate.series(now, before, independent, setup)
        return [expected, *performance.performance(every.daily, until, ends, setup).series]


def draw(rng: np.random.Generator, days: int, length: int, block: int) -> Ints:
    """Places of `length` days among `days`, drawn in blocks that follow each other, wrapping round."""
    starts = rng.integers(0, days, -(-length // block))
    return np.asarray(((starts[:, None] + np.arange(block)) % days).ravel()[:length])


def bare(found_runs: Runs, rows: list[int]) -> bool:
    """Whether the newest run has a PSI beyond the usual limit in any of these features."""
    return bool((found_runs.psi[rows, -1] > BARE).any())


def _part(one: Series, part: slice) -> Series:
    p = None if one.p is None else one.p[part]
    return replace(one, value=one.value[part], alarm=one.alarm[part], p=p)


def _inside(days: np.ndarray, ends: np.ndarray, width: int) -> np.ndarray:
    return np.asarray((days < ends[:, None]) & (days >= ends[:, None] - width))


def _parts(daily: Daily) -> tuple[Floats, ...]:
    return daily.rows, daily.loss, daily.bias, daily.label


def after(settings: Settings) -> list[int]:
    """Days after the start of a stretch that its runs come; the last is its end."""
    first = settings.window_days + int(np.ceil(settings.wait_days))
    return [first + run * settings.step_days for run in range(settings.hysteresis.of)]
