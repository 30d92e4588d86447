"""Concept: what the matured labels say of the model, window by window, with intervals by days."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from loop.data import row_weights, score_columns
from loop.data.features import DECIDED_AT
from loop.kit.types import Metric
from loop.monitor.inputs import windows
from loop.monitor.schema import Cusum
from loop.monitor.signals.series import Floats, Series
from loop.settings.monitor_settings import Settings
from loop.stats import bootstrap, cusum, thresholds
from problem import metrics

REPLICATES = 1000
CONFIDENCE = 0.95
THIN = 0.25  # of the usual rows: a day with fewer is no day of the sum
RUN_LENGTH = 730  # days between false alarms of the sum of daily losses, on average

_weights = lru_cache(maxsize=8)(bootstrap.weights)  # windows of as many days are resampled alike


@dataclass(frozen=True)
class Daily:
    """Sums over the matured rows of each day: (days,) each, by weight but for the number of rows."""

    days: np.ndarray  # datetime64[D], in order, without gaps
    rows: Floats
    loss: Floats
    bias: Floats
    label: Floats
    weight: Floats


@dataclass(frozen=True)
class Windowed:
    """A mean over each window with its interval by days: (windows,) each; NaN where there are no rows."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Performance:
    """Loss and bias at each run, beside those of windows of the baseline."""

    rows: Floats
    loss: Windowed
    bias: Windowed
    label: Floats
    series: list[Series]
    cusum: Cusum | None


def loss_metric() -> Metric:
    """The metric of the daily loss: the primary one if it is a plain mean of rows, else the first that is.

    Where none is, the primary one without `rows`: then no daily loss is monitored.
    """
    first = metrics.METRICS[metrics.PRIMARY]
    plain = [
        one
        for one in [first, *metrics.METRICS.values()]
        if one.rows and not one.value and one.better == "lower"
    ]
    return plain[0] if plain else replace(first, rows=None)


def daily(matured: pd.DataFrame, since: str, until: str) -> Daily:
    """Sums by day of [since, until) over rows with `label` and `score`; a day without rows counts zero."""
    days = np.arange(np.datetime64(since, "D"), np.datetime64(until, "D"))
    day = matured[DECIDED_AT].dt.tz_localize(None).to_numpy("datetime64[D]")
    inside = (day >= days[0]) & (day < np.datetime64(until, "D")) if len(days) else np.zeros(len(day), bool)
    place = (day[inside] - days[0]).astype(int) if len(days) else np.zeros(0, int)
    label, score = matured["label"].to_numpy(np.float64)[inside], score_columns.array(matured)[inside]
    of_rows = loss_metric().rows
    loss = of_rows(label, score) if of_rows else np.full(len(label), np.nan)
    event, shown = score_columns.event(label, score)
    one, weight = np.ones(len(label)), row_weights.of(matured[inside])
    counts = one if weight is None else weight
    parts = (one, counts * loss, counts * (shown - event), counts * event, counts)
    sums = [np.bincount(place, part, len(days)).astype(np.float64) for part in parts]
    return Daily(days, *sums)


def windowed(total: Floats, days: Daily, inside: np.ndarray, seed: int) -> Windowed:
    """Means of `total` (days,) per row over windows, `inside` (windows, days), resampling days."""
    found = []
    for window in inside:
        there = np.flatnonzero(window & (days.weight > 0))
        if not len(there):
            found.append((np.nan, np.nan, np.nan))
            continue
        weight = _weights(len(there), REPLICATES, seed)
        drawn = (weight @ total[there]) / (weight @ days.weight[there])
        low, high = bootstrap.interval(drawn, len(there), CONFIDENCE)
        found.append((total[there].sum() / days.weight[there].sum(), low, high))
    return Windowed(*np.array(found, np.float64).reshape(len(inside), 3).T)


def performance(days: Daily, until: str, ends: list[str], settings: Settings) -> Performance:
    """What is monitored of matured labels: windows that end before `ends`, against those before `until`."""
    width, step = settings.window_days, settings.step_days
    inside = windows.inside(days.days, ends, width)
    baseline = days.days < np.datetime64(until, "D")
    first = days.days[0] + width
    past_ends = np.arange(first, np.datetime64(until, "D") + 1, step)
    past = windows.inside(days.days, past_ends, width)
    independent = baseline.sum() / width
    loss, bias = (windowed(total, days, inside, settings.seed) for total in (days.loss, days.bias))
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = inside @ days.rows
        label = (inside @ days.label) / (inside @ days.weight)
        past_loss, past_bias = ((past @ total) / (past @ days.weight) for total in (days.loss, days.bias))
        loss_p = thresholds.above(loss.value, past_loss, independent)
        bias_p = thresholds.either(bias.value, past_bias, independent)
        certain = (bias.low > 0) | (bias.high < 0)
    enough = rows >= settings.rows_min
    path, path_alarm = _cusum(days, baseline, ends, settings, enough)
    title = loss_metric().title
    series = [
        Series(
            kind="concept",
            name="loss",
            title=title,
            **vars(loss),
            limit=sum(thresholds.band(past_loss, independent, settings.alpha)),
            p=loss_p,
            alarm=(loss_p < settings.alpha) & enough,
        ),
        Series(
            kind="concept",
            name="bias",
            title="mean score less mean label",
            **vars(bias),
            limit=thresholds.band(past_bias, independent, settings.alpha / 2)[1],
            p=bias_p,
            alarm=(bias_p < settings.alpha) & certain & enough,
        ),
        path_alarm,
    ]
    return Performance(rows, loss, bias, label, series, path)


def _cusum(
    days: Daily, baseline: np.ndarray, ends: list[str], settings: Settings, enough: np.ndarray
) -> tuple[Cusum, Series]:
    """The sum of daily losses above the baseline's; at each run, whether the path is over its limit."""
    with np.errstate(invalid="ignore", divide="ignore"):
        usual = np.median(days.rows[baseline & (days.rows > 0)]) if baseline.any() else 0
        mean = np.where(days.rows > THIN * usual, days.loss / days.weight, np.nan)
    limit = cusum.limit(mean[baseline], RUN_LENGTH, seed=settings.seed)
    after = ~baseline
    path = cusum.path(mean[after], mean[baseline])
    named = [str(day) for day in days.days[after]]
    at = np.array([_before(named, path, end) for end in ends])
    finite = limit if np.isfinite(limit) else None
    found = Cusum(
        days=named,
        path=[None if not np.isfinite(value) else round(float(value), 3) for value in path],
        limit=None if finite is None else round(finite, 3),
    )
    series = Series(
        kind="concept",
        name="cusum",
        title="sum of daily losses above the baseline's",
        value=at,
        limit=float("nan") if finite is None else finite,
        alarm=(np.nan_to_num(at) > limit) & enough,
    )
    return found, series


def _before(days: list[str], path: Floats, end: str) -> float:
    """The path on the last day before `end` that has one."""
    known = [value for day, value in zip(days, path, strict=True) if day < end and np.isfinite(value)]
    return float(known[-1]) if known else float("nan")
