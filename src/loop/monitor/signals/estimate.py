"""The loss to expect before labels come, from scores alone.

The baseline tells how often a label follows a score; if that still holds, the mean loss of new scores
follows. It sees what a shift of inputs does to the loss. It cannot see a change of the concept, when the same
score comes to mean another share: only labels tell that.
"""

import numpy as np
import pandas as pd

from loop.data import score_columns
from loop.data.features import DECIDED_AT
from loop.monitor.signals.performance import CONFIDENCE, Windowed, loss_metric
from loop.monitor.signals.series import Floats, Series
from loop.settings.monitor_settings import Settings
from loop.stats import bootstrap, thresholds

BINS = 100
REPLICATES = 200
NOTE = (
    "the expected loss holds while a score means what it meant in the baseline; a change of the concept "
    "shows only in labels"
)


def possible(baseline: pd.DataFrame) -> bool:
    """Whether scores are probabilities of what is so or not, and the loss is a mean of rows."""
    labelled = baseline[baseline["label"].notna()]
    label, score = score_columns.event(labelled["label"].to_numpy(np.float64), score_columns.array(labelled))
    return bool(
        loss_metric().rows and set(np.unique(label)) == {0.0, 1.0} and score.min() >= 0 and score.max() <= 1
    )


class Estimate:
    """The loss to expect at a score, learnt from a baseline with labels.

    Confidence-based performance estimation (NannyML's CBPE) with logistic recalibration (Platt 1999); the
    interval resamples days of the baseline and of the window, and so holds both errors. `rows` tell the
    mean score within each of the baseline's bins. With classes, what is so or not is that the likeliest is
    the true one, and the loss of either is the baseline's mean in that bin.
    """

    def __init__(self, baseline: pd.DataFrame, rows: pd.DataFrame, seed: int) -> None:
        self._seed = seed
        self._edges = np.unique(np.quantile(baseline["score"], np.linspace(0, 1, BINS + 1)[1:-1]))
        self._score = _means(rows, self._edges)
        self._expected = self._learn(baseline[baseline["label"].notna()])

    def daily(self, rows: pd.DataFrame, days: np.ndarray) -> Floats:
        """Counts of rows by day and bin of score, (days, bins); rows of other days do not count."""
        return _by_day(rows, self._edges, None, days)

    def of(self, counts: Floats, inside: np.ndarray) -> Windowed:
        """The expected loss of windows, `inside` (windows, days) of `counts` (days, bins), with intervals."""
        found = [self._window(counts[window], self._expected, self._seed) for window in inside]
        return Windowed(*np.array(found, np.float64).reshape(len(inside), 3).T)

    def _learn(self, labelled: pd.DataFrame) -> Floats:
        """The loss to expect in each bin, then that by each resample of days: (1 + replicates, bins)."""
        known = _by_day(labelled, self._edges, None)
        label, scores = labelled["label"].to_numpy(np.float64), score_columns.array(labelled)
        positive = _by_day(labelled, self._edges, score_columns.event(label, scores)[0])
        weights = np.vstack([np.ones(len(known)), bootstrap.weights(len(known), REPLICATES, self._seed)])
        share = np.array([self._share(weight @ known, weight @ positive) for weight in weights])
        yes, no = self._losses(label, scores)
        return np.asarray(share * yes + (1 - share) * no)

    def _losses(self, label: Floats, scores: Floats) -> tuple[Floats, Floats]:
        """The loss in each bin of what is so, and of what is not."""
        of_rows = loss_metric().rows
        if of_rows is None:
            return np.ones(len(self._score)), np.ones(len(self._score))
        if scores.ndim == 1:
            ones, zeros = np.ones(len(self._score)), np.zeros(len(self._score))
            return of_rows(ones, self._score), of_rows(zeros, self._score)
        loss, event = of_rows(label, scores), score_columns.event(label, scores)[0]
        place = np.searchsorted(self._edges, score_columns.top(scores))
        return self._mean(place, loss, event == 1), self._mean(place, loss, event == 0)

    def _mean(self, place: np.ndarray, loss: Floats, rows: np.ndarray) -> Floats:
        """The mean loss of some rows in each bin; that of all of them where a bin has none."""
        count, total = (np.bincount(place[rows], part, len(self._score)) for part in (None, loss[rows]))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(count > 0, total / count, loss[rows].mean())

    def _window(self, counts: Floats, expected: Floats, seed: int) -> tuple[float, float, float]:
        counts = counts[counts.sum(axis=1) > 0]
        if not len(counts):
            return np.nan, np.nan, np.nan
        weight = bootstrap.weights(len(counts), REPLICATES, seed + 1)
        drawn_counts = weight @ counts
        drawn = (drawn_counts * expected[1:]).sum(axis=1) / drawn_counts.sum(axis=1)
        low, high = bootstrap.interval(drawn, len(counts), CONFIDENCE)
        total = counts.sum(axis=0)
        return float(total @ expected[0] / total.sum()), low, high

    def _share(self, known: Floats, positive: Floats) -> Floats:
        """The share of labels at each bin's score: logistic in the score's logit, by Newton's method."""
        score = np.clip(self._score, 1e-6, 1 - 1e-6)
        design = np.column_stack([np.ones(len(score)), np.log(score / (1 - score))])
        beta = np.array([0.0, 1.0])
        for _ in range(20):
            share = 1 / (1 + np.exp(-design @ beta))
            curve = design.T @ (design * (known * share * (1 - share))[:, None]) + 1e-6 * np.eye(2)
            step = np.linalg.solve(curve, design.T @ (positive - known * share))
            beta = beta + np.clip(step, -2, 2)
            if np.abs(step).max() < 1e-9:
                break
        return np.asarray(1 / (1 + np.exp(-design @ beta)))


def series(expected: Windowed, past: Floats, independent: float, settings: Settings) -> Series:
    """The expected loss at each run beside that of windows of the baseline."""
    p = thresholds.above(expected.value, past, independent)
    return Series(
        kind="predictions",
        name="expected_loss",
        title=f"{loss_metric().title} to expect from the scores",
        **vars(expected),
        limit=sum(thresholds.band(past, independent, settings.alpha)),
        p=p,
        alarm=p < settings.alpha,
    )


def _by_day(
    rows: pd.DataFrame, edges: Floats, weight: Floats | None, days: np.ndarray | None = None
) -> Floats:
    """Sums of `weight`, or counts, by day and bin of score: (days, bins)."""
    day = rows[DECIDED_AT].dt.tz_localize(None).to_numpy("datetime64[D]")
    days = np.unique(day) if days is None else days
    inside = (day >= days[0]) & (day <= days[-1])
    place = np.searchsorted(days, day[inside])
    width = len(edges) + 1
    cell = place * width + np.searchsorted(edges, rows["score"].to_numpy(np.float64)[inside])
    part = None if weight is None else weight[inside]
    return np.bincount(cell, part, len(days) * width).reshape(len(days), width).astype(np.float64)


def _means(rows: pd.DataFrame, edges: Floats) -> Floats:
    """The mean score of each bin; between its edges where no row lies in it."""
    score = rows["score"].to_numpy(np.float64)
    place = np.searchsorted(edges, score)
    count = np.bincount(place, minlength=len(edges) + 1)
    middle = (np.r_[0, edges] + np.r_[edges, 1]) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, np.bincount(place, score, len(edges) + 1) / count, middle)
