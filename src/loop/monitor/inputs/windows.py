"""Which days a monitoring run is made of: whole days of UTC, and the windows among them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loop.base.errors import LoopError
from loop.data.features import DECIDED_AT
from loop.monitor.inputs.champion_model import Champion
from loop.settings.monitor_settings import Settings
from loop.stats import thresholds

DAY = pd.Timedelta(days=1)
RUNS_MAX = 60


@dataclass(frozen=True)
class Days:
    """The days that are monitored: all from `since`, limits from those before `baseline`, until `until`.

    `runs` are the days that windows of inputs end before, oldest first; `ends` those of matured labels,
    which lag behind by the time that labels take.
    """

    since: str
    baseline: str
    until: str
    runs: list[str]
    ends: list[str]


def days(champion: Champion, now: pd.Timestamp, setup: Settings) -> Days:
    """Whole days of UTC up to `now`. Raises LoopError where the champion was not even judged yet."""
    own, until = champion.windows, now.floor("D")
    if until < own.holdout.until:
        raise LoopError(
            f"--now {now:%Y-%m-%d %H:%MZ}: the champion's holdout ended on {own.holdout.until:%Y-%m-%d}",
            "an instant after the champion was trained and judged",
            f"--now {own.as_of:%Y-%m-%d} or later",
        )
    first = own.train.since.ceil("D")
    past = (own.holdout.until - first) / (setup.window_days * DAY)
    if past < thresholds.FEWEST:
        raise LoopError(
            f"the champion's train and holdout hold {past:.1f} windows of {setup.window_days} days",
            f"at least {thresholds.FEWEST}, to see how windows differ among themselves",
            "choose a shorter monitor.window_days in params.yaml",
        )
    count = min(RUNS_MAX, max(setup.hysteresis.of, (until - own.holdout.until).days // setup.step_days + 1))
    runs = [until - place * setup.step_days * DAY for place in reversed(range(count))]
    runs = [run for run in runs if run - setup.window_days * DAY >= first]
    wait = setup.wait_days * DAY
    ends = [(run - wait).floor("D") for run in runs]
    named = [[f"{day:%Y-%m-%d}" for day in part] for part in (runs, ends)]
    return Days(f"{first:%Y-%m-%d}", f"{own.holdout.until:%Y-%m-%d}", f"{until:%Y-%m-%d}", *named)


def past_ends(when: Days, setup: Settings) -> list[str]:
    """The days that past windows end before: one each step of the baseline."""
    first = np.datetime64(when.since) + setup.window_days
    return [str(day) for day in np.arange(first, np.datetime64(when.baseline) + 1, setup.step_days)]


def inside(days: ArrayLike, ends: ArrayLike, width: int) -> NDArray[np.bool_]:
    """Which of `days` lie in the windows of `width` days that end before `ends`: (windows, days)."""
    day, end = np.asarray(days, "datetime64[D]"), np.asarray(ends, "datetime64[D]")[:, None]
    return np.asarray((day < end) & (day >= end - width))


def window(rows: pd.DataFrame, until: str, setup: Settings) -> pd.DataFrame:
    """The rows decided in the window that ends before a day."""
    at = rows[DECIDED_AT]
    return rows[(at < start(until)) & (at >= start(until) - setup.window_days * DAY)]


def start(day: str) -> pd.Timestamp:
    """The first instant of a day, in UTC."""
    return pd.Timestamp(day, tz="UTC")
