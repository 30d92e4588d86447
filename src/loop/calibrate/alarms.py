"""The monitor's window, level and hysteresis, by how often they alarm in years where nothing changed.

A year is made of weeks of the past, drawn again. Of the settings that seldom alarm in such a year, the one is
taken that says a loss soonest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from loop.calibrate.past_days import Monitor, Runs, draw
from loop.calibrate.proposal import Proposal
from loop.calibrate.workshop import Workshop
from loop.data import without_time
from loop.data.features import DECIDED_AT
from loop.monitor.inputs.windows import DAY
from loop.monitor.signals.series import confirmed
from loop.settings.monitor_settings import Hysteresis, Settings
from loop.stats import thresholds

YEARS, BLOCK = 20, 7
RUNS_MIN, RUNS_MAX = 12, 52  # of a year: where steps are months or years, it is longer
ALPHAS = (0.05, 0.02, 0.01, 0.005, 0.002)
HYSTERESIS = ((2, 3), (3, 4), (1, 1))
WINDOWS = (1, 2, 4, 8)  # steps: what is tried must not depend on what was found, or it never rests
A_YEAR = 0.5  # false alarms in a year, at most: fresh years come out higher


@dataclass(frozen=True)
class Setting:
    """A choice of numbers, its false alarms in a year, and the median days until a loss is said, or NaN."""

    window_days: int
    alpha: float
    runs: int
    of: int
    alarms: float
    days: float


@dataclass(frozen=True)
class Found:
    """Every setting that was tried; the proposed one with its false alarms in fresh years, or why none."""

    tried: list[Setting]
    chosen: Setting | None
    fresh: float
    why: str


def find(
    rows: pd.DataFrame,
    until: pd.Timestamp,
    importance: dict[str, float],
    setup: Settings,
    loss: float,
    seed: int,
    shop: Workshop,
) -> Found:
    """Try every setting on years of drawn weeks; `rows` are the past with out-of-fold scores and labels.

    `loss` is the planted rise of the daily loss: what is to be said soon.
    """
    span = (until - rows[DECIDED_AT].min().floor("D")).days
    windows = _windows(span, setup)
    if not windows:
        need = thresholds.FEWEST * setup.step_days
        why = (
            f"{span} days hold no three windows: {max(need, thresholds.FEWEST * setup.window_days)} would do"
        )
        return Found([], None, float("nan"), why)
    day, tried, made = f"{until:%Y-%m-%d}", [], {}
    for width in shop.follow("windows of the monitor, on years of its own past", windows, len(windows)):
        of_width = setup.model_copy(update={"rows_min": rows_min(rows, width)})
        made[width] = Monitor(rows, day, importance, _with(of_width, width, max(ALPHAS), HYSTERESIS[0]))
        quiet, worse = (_years(made[width], span, loss if hurt else 0.0, seed) for hurt in (False, True))
        for alpha, rule in product(ALPHAS, HYSTERESIS):
            now = _with(setup, width, alpha, rule)
            tried.append(
                Setting(
                    width,
                    alpha,
                    *rule,
                    alarms=_alarms(quiet, now),
                    days=_until_said(worse, now, setup.step_days),
                )
            )
    chosen = _chosen(tried, setup)
    if chosen is None:
        return Found(tried, None, float("nan"), f"every setting alarms more than {A_YEAR:g} times a year")
    now = _with(setup, chosen.window_days, chosen.alpha, (chosen.runs, chosen.of))
    fresh = _alarms(_years(made[chosen.window_days], span, 0.0, seed + 1), now)
    return Found(tried, chosen, fresh, "")


def proposed(found: Found, rows: pd.DataFrame) -> list[Proposal]:
    """Window, level, hysteresis and the least rows of a window."""
    if found.chosen is None:
        return [Proposal("monitor.window_days", None, found.why)]
    one = found.chosen
    says = (
        f"a loss of twice the margin is said after {one.days:.0f} days"
        if np.isfinite(one.days)
        else "no loss of twice the margin is said in the runs that were tried"
    )
    why = f"{one.alarms:.2g} false alarms in a year on drawn weeks of the past; {says}"
    return [
        Proposal("monitor.window_days", one.window_days, why),
        Proposal("monitor.alpha", one.alpha, why),
        Proposal("monitor.hysteresis.runs", one.runs, why),
        Proposal("monitor.hysteresis.of", one.of, why),
        Proposal(
            "monitor.rows_min", rows_min(rows, one.window_days), "a third of what a window has on average"
        ),
    ]


def rows_min(rows: pd.DataFrame, window_days: int) -> int:
    """A third of what a window has on average, and 30 at least."""
    days = rows[DECIDED_AT].dt.floor("D")
    in_window = len(rows) / ((days.max() - days.min()).days + 1) * window_days
    return max(30, int(float(f"{in_window / 3:.2g}")))


def labels(rows: pd.DataFrame) -> list[Proposal]:
    """When a label that has not come never will: a day after the latest. Nothing where rows have no time."""
    if without_time.notes():
        return []
    took = (rows["label_known_at"] - rows[DECIDED_AT]).max() / DAY
    days = float(np.ceil((took + 1) * 10) / 10)
    why = f"the latest label took {took:.1f} days"
    return [Proposal("monitor.labels.final_after_days", days, why)]


def _windows(span: int, setup: Settings) -> list[int]:
    """The windows that are tried, in days, that which is set too: three of each lie in the past."""
    wide = {setup.window_days, *(steps * setup.step_days for steps in WINDOWS)}
    return sorted(one for one in wide if one * thresholds.FEWEST <= span)


def _with(setup: Settings, window: int, alpha: float, rule: tuple[int, int]) -> Settings:
    hysteresis = Hysteresis(runs=rule[0], of=rule[1])
    return setup.model_copy(update={"window_days": window, "alpha": alpha, "hysteresis": hysteresis})


def _years(monitor: Monitor, span: int, loss: float, seed: int) -> list[Runs]:
    """Years of drawn weeks; with a loss, it begins when the first run's window does."""
    setup = monitor.settings
    first = setup.window_days + int(np.ceil(setup.wait_days))
    runs = min(RUNS_MAX, max(RUNS_MIN, 365 // setup.step_days))
    after = [first + run * setup.step_days for run in range(runs)]
    days = len(monitor.baseline.profile.days)
    rng = np.random.default_rng([seed, setup.window_days])
    block = max(BLOCK, setup.step_days)
    years = [monitor.baseline.take(draw(rng, days, after[-1], block)) for _ in range(YEARS)]
    return monitor.run([year.worse(first, loss) for year in years] if loss else years, after)


def _at(run: Runs, now: Settings) -> np.ndarray:
    """Whether each run of a year alarms by this level, and enough of the runs before it: (runs,)."""
    alarms = np.zeros(len(run.runs), bool)
    for one in run.series:
        alarms |= one.alarm if one.p is None else one.alarm & (one.p < now.alpha)
    return np.array([confirmed(alarms[: at + 1], now.hysteresis) for at in range(len(alarms))])


def _alarms(years: Sequence[Runs], now: Settings) -> float:
    """False alarms in 365 days: runs that alarm after one that did not."""
    found = days = 0
    for year in years:
        at = _at(year, now)
        found += int(at[0]) + int((at[1:] & ~at[:-1]).sum())
        days += len(at) * now.step_days
    return found * 365 / days


def _until_said(years: Sequence[Runs], now: Settings, step: int) -> float:
    """The median days from the first run with the loss to the first that says so; NaN where half never do."""
    said = [float(np.argmax(at)) if (at := _at(year, now)).any() else float("inf") for year in years]
    middle = float(np.median(said)) * step
    return middle if np.isfinite(middle) else float("nan")


def _chosen(tried: Sequence[Setting], setup: Settings) -> Setting | None:
    """Of those that seldom alarm the one that says a loss soonest; what is set stays where it is as good."""
    quiet = [one for one in tried if one.alarms <= A_YEAR]
    if not quiet:
        return None
    soonest = min(np.nan_to_num(one.days, nan=np.inf) for one in quiet)
    good = [one for one in quiet if np.nan_to_num(one.days, nan=np.inf) <= soonest + setup.step_days]

    def far(one: Setting) -> tuple[float, ...]:
        rule = (setup.hysteresis.runs, setup.hysteresis.of)
        return (
            one.window_days != setup.window_days,
            (one.runs, one.of) != rule,
            one.alpha != setup.alpha,
            one.alarms,
        )

    return min(good, key=far)
