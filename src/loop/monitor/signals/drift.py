"""Inputs and scores: how far each look's window lies from the reference, beside how far past windows did."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loop.data.features import DECIDED_AT
from loop.monitor.schema import Feature, Statistic
from loop.monitor.signals.series import Floats, Series, number, since
from loop.settings.monitor_settings import Settings
from loop.stats import dependence, distance, profile, thresholds
from loop.stats.profile import Profile

SCORE, DECISION = "score", "decision"
TESTS = ("psi", "ks", "jensen_shannon", "chi_square", "missing")
STUCK = 0.995  # share of one value from which on a column says nothing
USED = 0.01  # share of the model's use below which nobody is called for that


@dataclass(frozen=True)
class Moved:
    """One column at each look: its statistics, their limits and p-values, and one p-value of all."""

    values: dict[str, Floats]  # (looks,)
    limits: dict[str, float]
    tests: dict[str, Floats]
    p: Floats


@dataclass(frozen=True)
class Drift:
    """Every column at each look; `adjusted` (features, looks) is corrected over features, weighed by use."""

    looks: list[str]
    moved: dict[str, Moved]
    use: dict[str, float]
    adjusted: Floats
    alpha: float
    dependence: Floats
    dependence_p: Floats
    dependence_limit: float
    stuck: list[str]

    def features(self) -> list[Feature]:
        """The newest look, most used first; a heat of 1 is a PSI at its limit."""
        names = sorted(self.use, key=lambda name: -self.use[name])
        rows = {name: self.adjusted[place] for place, name in enumerate(self.use)}
        return [self._feature(name, rows[name]) for name in names]

    def series(self) -> list[Series]:
        """What is watched of inputs and of scores."""
        least = _least(self.adjusted)
        return [
            Series(
                kind="inputs",
                name="features",
                title="share of the model's use that lies on features beyond their limit",
                value=np.array(list(self.use.values())) @ (self.adjusted < self.alpha),
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
            use=round(self.use[name], 4),
            p=number(float(adjusted[-1])),
            alarm=bool(adjusted[-1] < self.alpha),
            since=since(adjusted < self.alpha, self.looks),
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
    """Daily counts of the columns that are watched, in bins of the days before `until`."""
    columns = [*features, *(name for name in (SCORE, DECISION) if name in rows)]
    past = rows.loc[rows[DECIDED_AT] < pd.Timestamp(until, tz="UTC"), columns]
    return profile.profile(rows, profile.bins(past, columns), DECIDED_AT)


def drift(days: Profile, until: str, looks: list[str], use: dict[str, float], settings: Settings) -> Drift:
    """Each look's window of days against the days before `until`; a look is named by the day it ends before.

    `use` names the features that the model looks at, and how much.
    """
    reference = days.between("0001", until)
    inside, rest = profile.past(reference, settings.window_days, settings.step_days)
    windows = days.weighted(_inside(days.days, looks, settings.window_days), looks)
    independent = len(reference.days) / settings.window_days
    whole = reference.total()
    moved = {
        name: _moved(name, whole, windows, (rest, inside), independent, settings.alpha) for name in days.bins
    }
    weights = np.array(list(use.values()))
    p = np.array([moved[name].p for name in use]).reshape(len(use), len(looks))
    adjusted = np.column_stack(
        [thresholds.benjamini_hochberg(p[:, look], weights) for look in range(len(looks))]
    )
    inside, rest, whole, windows = (_of(part, list(use)) for part in (inside, rest, whole, windows))
    past, now = dependence.distance(rest, inside), dependence.distance(whole, windows)
    return Drift(
        looks=looks,
        moved=moved,
        use=use,
        adjusted=adjusted,
        alpha=settings.alpha,
        dependence=now,
        dependence_p=thresholds.p_value(now, past, independent),
        dependence_limit=float(thresholds.limit(past, independent, settings.alpha)),
        stuck=_stuck(days, reference, [name for name in use if use[name] >= USED], looks[-1], settings),
    )


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
    """One p-value of several of the same thing, (tests, looks) -> (looks,): min of p_(k) * n / k.

    Valid for tests that rise and fall together (Simes 1986, Biometrika 73); NaN are left out.
    """
    known = np.isfinite(p).sum(axis=0)
    ranked = np.sort(np.where(np.isfinite(p), p, np.inf), axis=0)
    place = np.arange(1, len(p) + 1)[:, None]
    least = np.minimum((ranked * np.maximum(known, 1) / place).min(axis=0), 1)
    return np.where(known > 0, least, np.nan)


def _inside(days: list[str], looks: list[str], window_days: int) -> NDArray[np.int64]:
    day = np.array(days, "datetime64[D]")
    end = np.array(looks, "datetime64[D]")[:, None]
    return ((day < end) & (day >= end - window_days)).astype(np.int64)


def _stuck(days: Profile, reference: Profile, names: list[str], end: str, settings: Settings) -> list[str]:
    """Features that were missing in all of the newest step, or held one value in the whole window.

    Not those which did so in a past window too: it does not rain every week. Few rows tell nothing.
    """
    newest = days.weighted(_inside(days.days, [end], settings.step_days), [end])
    if newest.rows[0] < settings.rows_min * settings.step_days / settings.window_days:
        return []
    found = set()
    for width, among in ((settings.window_days, slice(None)), (settings.step_days, slice(-1, None))):
        newest = days.weighted(_inside(days.days, [end], width), [end])
        held = [name for name in names if newest.rows[0] and _one_value(newest, name, among)[0]]
        past = profile.past(reference, width, 1)[0] if held else newest
        found |= {name for name in held if not _one_value(past, name, among).any()}
    return [name for name in names if name in found]


def _one_value(windows: Profile, name: str, among: slice) -> NDArray[np.bool_]:
    """Whether one of some bins holds almost every row of a window: (windows,)."""
    return np.asarray(windows.counts[name][:, among].max(axis=1) >= STUCK * np.maximum(windows.rows, 1))


def _least(adjusted: Floats) -> Floats:
    known = np.isfinite(adjusted)
    return np.where(known.any(axis=0), np.where(known, adjusted, np.inf).min(axis=0), np.nan)
