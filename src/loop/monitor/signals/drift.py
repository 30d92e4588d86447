"""Inputs and scores: how far each run's window lies from the baseline, beside how far past windows did."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loop.data.features import DECIDED_AT
from loop.monitor.inputs.windows import inside
from loop.monitor.schema import Feature, Statistic
from loop.monitor.signals.series import Floats, Series, number, since
from loop.settings.monitor_settings import Settings
from loop.stats import dependence, distance, profile, thresholds
from loop.stats.profile import Profile

SCORE, DECISION = "score", "decision"
TESTS = ("psi", "ks", "jensen_shannon", "chi_square", "missing")
CONSTANT = 0.995  # share of one value from which on a column says nothing
IMPORTANT = 0.01  # permutation importance below which no alert is raised for that


@dataclass(frozen=True)
class Moved:
    """One column at each run: its statistics, their limits and p-values, and one p-value of all."""

    values: dict[str, Floats]  # (runs,)
    limits: dict[str, float]
    tests: dict[str, Floats]
    p: Floats


@dataclass(frozen=True)
class Drift:
    """Every column at each run; `adjusted` (features, runs) is corrected over features by importance."""

    runs: list[str]
    moved: dict[str, Moved]
    importance: dict[str, float]
    adjusted: Floats
    alpha: float
    dependence: Floats
    dependence_p: Floats
    dependence_limit: float
    constant: list[str]

    def features(self) -> list[Feature]:
        """The newest run, most important first; a heat of 1 is a PSI at its limit."""
        names = sorted(self.importance, key=lambda name: -self.importance[name])
        rows = {name: self.adjusted[place] for place, name in enumerate(self.importance)}
        return [self._feature(name, rows[name]) for name in names]

    def series(self) -> list[Series]:
        """What is monitored of inputs and of scores."""
        least = _least(self.adjusted)
        return [
            Series(
                kind="inputs",
                name="features",
                title="share of permutation importance of features beyond their limit",
                value=np.array(list(self.importance.values())) @ (self.adjusted < self.alpha),
                p=least,
                alarm=least < self.alpha,
            ),
            Series(
                kind="inputs",
                name="dependence",
                title="change of the correlations among features",
                value=self.dependence,
                limit=self.dependence_limit,
                p=self.dependence_p,
                alarm=self.dependence_p < self.alpha,
            ),
            self._of(SCORE, "psi", "PSI of the score"),
            *(
                [self._of(DECISION, "chi_square", "change of the share of decisions")]
                if DECISION in self.moved
                else []
            ),
        ]

    def _of(self, name: str, shown: str, title: str) -> Series:
        one = self.moved[name]
        p = one.tests[shown]
        return Series("predictions", name, title, one.values[shown], p < self.alpha, one.limits[shown], p)

    def _feature(self, name: str, adjusted: Floats) -> Feature:
        one = self.moved[name]
        heat = one.values["psi"] / one.limits["psi"] if one.limits["psi"] else np.full(len(adjusted), np.nan)
        return Feature(
            name=name,
            importance=round(self.importance[name], 4),
            p=number(float(adjusted[-1])),
            alarm=bool(adjusted[-1] < self.alpha),
            since=since(adjusted < self.alpha, self.runs),
            statistics=[
                Statistic(
                    name=test,
                    value=number(float(one.values[test][-1])),
                    limit=number(one.limits[test]),
                    p=number(float(one.tests[test][-1])),
                )
                for test in TESTS
                if np.isfinite(one.values[test][-1])
            ],
            heat=[number(float(value)) for value in heat],
        )


def profiled(rows: pd.DataFrame, until: str, features: list[str]) -> Profile:
    """Daily counts of the columns that are monitored, in bins of the days before `until`."""
    columns = [*features, *(name for name in (SCORE, DECISION) if name in rows)]
    past = rows.loc[rows[DECIDED_AT] < pd.Timestamp(until, tz="UTC"), columns]
    return profile.profile(rows, profile.bins(past, columns), DECIDED_AT)


def drift(
    days: Profile, until: str, runs: list[str], importance: dict[str, float], settings: Settings
) -> Drift:
    """Each run's window of days against the days before `until`; its name is the day it ends before.

    `importance` is that of each feature whose shuffling moves the score.
    """
    baseline = days.between("0001", until)
    whole, windows, (rest, within), independent = sides = _sides(days, until, runs, settings)
    moved = {name: _moved(name, *sides, settings.alpha) for name in days.bins}
    weights = np.array(list(importance.values()))
    p = np.array([moved[name].p for name in importance]).reshape(len(importance), len(runs))
    adjusted = np.column_stack(
        [thresholds.benjamini_hochberg(p[:, run], weights) for run in range(len(runs))]
    )
    within, rest, whole, windows = (_of(part, list(importance)) for part in (within, rest, whole, windows))
    past, now = dependence.distance(rest, within), dependence.distance(whole, windows)
    return Drift(
        runs=runs,
        moved=moved,
        importance=importance,
        adjusted=adjusted,
        alpha=settings.alpha,
        dependence=now,
        dependence_p=thresholds.p_value(now, past, independent),
        dependence_limit=float(thresholds.limit(past, independent, settings.alpha)),
        constant=_constant(
            days, baseline, [name for name in importance if importance[name] >= IMPORTANT], runs[-1], settings
        ),
    )


def columns(days: Profile, until: str, runs: list[str], settings: Settings) -> dict[str, Moved]:
    """Each column at each run, against the days before `until`."""
    sides = _sides(days, until, runs, settings)
    return {name: _moved(name, *sides, settings.alpha) for name in days.bins}


Sides = tuple[Profile, Profile, tuple[Profile, Profile], float]


def _sides(days: Profile, until: str, runs: list[str], settings: Settings) -> Sides:
    """The whole baseline, each run's window, past windows beside their other days, and how many count."""
    baseline = days.between("0001", until)
    within, rest = profile.past(baseline, settings.window_days, settings.step_days)
    windows = _windows(days, runs, settings.window_days)
    return baseline.total(), windows, (rest, within), _calendar_days(baseline) / settings.window_days


def _of(profile: Profile, columns: list[str]) -> Profile:
    """The same days with these columns alone: scores and decisions are no inputs."""
    place = [list(profile.bins).index(name) for name in columns]
    return replace(
        profile,
        bins={name: profile.bins[name] for name in columns},
        counts={name: profile.counts[name] for name in columns},
        moments=profile.moments[:, place][:, :, place],
    )


def _moved(
    name: str,
    whole: Profile,
    windows: Profile,
    past: tuple[Profile, Profile],
    independent: float,
    alpha: float,
) -> Moved:
    ordered = whole.bins[name].ordered
    now = distance.distances(whole.counts[name], windows.counts[name], ordered=ordered)
    then = distance.distances(past[0].counts[name], past[1].counts[name], ordered=ordered)
    p = {test: thresholds.p_value(now[test], then[test], independent) for test in TESTS}
    limits = {test: float(thresholds.limit(then[test], independent, alpha)) for test in TESTS}
    return Moved(now, limits, p, simes(np.array([p[test] for test in TESTS])))


def simes(p: Floats) -> Floats:
    """One p-value of several of the same thing, (tests, runs) -> (runs,): min of p_(k) * n / k.

    Valid for tests that rise and fall together (Simes 1986, Biometrika 73); NaN are left out.
    """
    known = np.isfinite(p).sum(axis=0)
    ranked = np.sort(np.where(np.isfinite(p), p, np.inf), axis=0)
    place = np.arange(1, len(p) + 1)[:, None]
    least = np.minimum((ranked * np.maximum(known, 1) / place).min(axis=0), 1)
    return np.where(known > 0, least, np.nan)


def _calendar_days(profile: Profile) -> int:
    """From its first day to its last: rows that come once a month have few days, and no fewer months."""
    ends = np.array(profile.days, "datetime64[D]")
    return int((ends.max() - ends.min()).astype(int)) + 1 if len(ends) else 0


def _windows(days: Profile, ends: list[str], width: int) -> Profile:
    return days.weighted(inside(days.days, ends, width).astype(np.int64), ends)


def _constant(days: Profile, baseline: Profile, names: list[str], end: str, settings: Settings) -> list[str]:
    """Features that were missing in all of the newest step, or held one value in the whole window.

    Not those which did so in a past window too: it does not rain every week. Few rows tell nothing.
    """
    newest = _windows(days, [end], settings.step_days)
    if newest.rows[0] < settings.rows_min * settings.step_days / settings.window_days:
        return []
    found = set()
    for width, among in ((settings.window_days, slice(None)), (settings.step_days, slice(-1, None))):
        newest = _windows(days, [end], width)
        held = [name for name in names if newest.rows[0] and _one_value(newest, name, among)[0]]
        past = profile.past(baseline, width, 1)[0] if held else newest
        found |= {name for name in held if not _one_value(past, name, among).any()}
    return [name for name in names if name in found]


def _one_value(windows: Profile, name: str, among: slice) -> NDArray[np.bool_]:
    """Whether one of some bins holds almost every row of a window: (windows,)."""
    return np.asarray(windows.counts[name][:, among].max(axis=1) >= CONSTANT * np.maximum(windows.rows, 1))


def _least(adjusted: Floats) -> Floats:
    known = np.isfinite(adjusted)
    return np.where(known.any(axis=0), np.where(known, adjusted, np.inf).min(axis=0), np.nan)
