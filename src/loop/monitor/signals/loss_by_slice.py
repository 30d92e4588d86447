"""Where the loss rose: the slices of the features that lose more, beside all other rows, than they did.

Every value and every fifth of each feature is asked, so p-values are corrected for all of them; and no past
window of the same length may have shown as much, since some slices have seasons of their own.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr

from loop.base import files
from loop.data import score_columns
from loop.data.features import DECIDED_AT
from loop.monitor.inputs.windows import Days, inside, past_ends
from loop.monitor.schema import SliceLoss
from loop.monitor.signals.performance import loss_metric
from loop.settings.monitor_settings import Settings
from loop.stats import thresholds
from loop.stats.arrays import Floats

PARTS = 5  # of a number, by quantiles of the baseline
VALUES = 30  # of a category, the most frequent of the baseline
DAYS = 7  # with rows, below which a window says nothing of a slice

Parts = tuple[list[str], NDArray[np.int64]]  # what the slices are called, and that of each row; -1 for none


def rose(matured: pd.DataFrame, features: list[str], when: Days, setup: Settings) -> list[SliceLoss]:
    """The slices of `matured` whose loss rose in the newest window with final labels; what costs most first.

    Rows have `label`, `score` and the features. The excess of a slice is its mean loss less that of the same
    day's other rows. Its rise over the baseline has Student's t, with a standard error that takes a day's
    rows together (Cochran 1977, "Sampling Techniques", 2.11, the ratio of sums); p-values are adjusted by
    Benjamini and Hochberg over all slices. Nothing where no metric is a mean over rows.
    """
    of_rows = loss_metric().rows
    days = np.arange(np.datetime64(when.since), np.datetime64(max(when.ends[-1], when.baseline)))
    day = matured[DECIDED_AT].dt.tz_localize(None).to_numpy("datetime64[D]")
    within = (day >= days[0]) & (day <= days[-1]) if len(days) else np.zeros(len(day), bool)
    if of_rows is None or not within.any():
        return []
    rows, place = matured[within], (day[within] - days[0]).astype(np.int64)
    loss = np.asarray(of_rows(rows["label"].to_numpy(np.float64), score_columns.array(rows)), np.float64)
    baseline = days < np.datetime64(when.baseline)
    newest = inside(days, when.ends[-1:], setup.window_days)[0] & ~baseline
    past = inside(days, past_ends(when, setup), setup.window_days)
    names, sums = [], []
    for feature in features:
        called, code = _parts(rows[feature], baseline[place])
        names += [(feature, one) for one in called]
        where = np.where(code < 0, len(called), code) * len(days) + place
        size = (len(called) + 1) * len(days)
        both = [np.bincount(where, weight, size).reshape(-1, len(days))[:-1] for weight in (None, loss)]
        sums.append(np.stack(both))
    count, total = np.concatenate(sums, axis=1)
    all_rows, all_loss = np.bincount(place, None, len(days)), np.bincount(place, loss, len(days))
    others = (all_rows - count, all_loss - total)
    return _found(names, (count, total), others, (baseline, newest, past), setup)


def _found(
    names: list[tuple[str, str]],
    own: tuple[Floats, Floats],
    others: tuple[Floats, Floats],
    windows: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]],
    setup: Settings,
) -> list[SliceLoss]:
    """`own` and `others` are rows and loss, (slices, days) each."""
    baseline, newest, past = windows
    with np.errstate(invalid="ignore", divide="ignore"):
        then, then_error = _excess(own, others, baseline)
        now, now_error = _excess(own, others, newest)
        largest = np.array([_excess(own, others, one)[0] - then for one in past]).max(axis=0, initial=-np.inf)
        rise = now - then
        place = rise / np.hypot(then_error, now_error)
        there = (own[0][:, newest] > 0).sum(axis=1)
        p = np.where(there >= DAYS, stdtr(np.maximum(there - 1, 1), -place), np.nan)
    adjusted = thresholds.benjamini_hochberg(p, np.ones(len(p)))
    rows = own[0][:, newest].sum(axis=1)
    told = np.flatnonzero((adjusted < setup.alpha) & (rise > largest)).tolist()
    return [
        SliceLoss(
            feature=names[one][0],
            value=names[one][1],
            rows=int(rows[one]),
            before=files.rounded(_mean(own, one, baseline)),
            after=files.rounded(_mean(own, one, newest)),
            p=files.rounded(float(adjusted[one])),
        )
        for one in sorted(told, key=lambda one: -rise[one] * rows[one])
    ]


def _excess(
    own: tuple[Floats, Floats], others: tuple[Floats, Floats], days: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Mean loss of each slice less that of the same day's other rows over `days`, and its standard error."""
    count, mean_of_others = own[0][:, days], others[1][:, days] / others[0][:, days]
    daily = np.nan_to_num(own[1][:, days] - mean_of_others * count)
    rows = count.sum(axis=1)
    excess = daily.sum(axis=1) / rows
    left = daily - excess[:, None] * count
    many = np.maximum((count > 0).sum(axis=1), 2)
    return excess, np.sqrt((left**2).sum(axis=1) * many / (many - 1)) / rows


def _mean(sums: tuple[Floats, Floats], place: int, days: NDArray[np.bool_]) -> float:
    return float(sums[1][place, days].sum() / sums[0][place, days].sum())


def _parts(column: pd.Series, past: NDArray[np.bool_]) -> Parts:
    """A column's slices: fifths of its numbers, or its frequent values; those without a value are one."""
    missing = column.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(np.float64, na_value=np.nan)
        known = values[past & ~missing]
        edges = np.unique(np.quantile(known, np.arange(1, PARTS) / PARTS)) if len(known) else np.empty(0)
        bounds = [None, *(f"{edge:.4g}" for edge in edges), None]
        called = [_between(low, high) for low, high in pairwise(bounds)]
        code = np.searchsorted(edges, values)
    else:
        words = column.astype("str")
        called = words[past & ~missing].value_counts().index[:VALUES].tolist()
        code = pd.Index(called).get_indexer(pd.Index(words))
    return [*called, "no value"], np.where(missing, len(called), code).astype(np.int64)


def _between(low: str | None, high: str | None) -> str:
    if low is None:
        return "all" if high is None else f"up to {high}"
    return f"above {low}" if high is None else f"{low} to {high}"
