"""Curves of an evaluation: frames to draw, from outcomes with their `cluster` and its `code`."""

import numpy as np
import pandas as pd

from loop.data import row_weights
from loop.stats import bootstrap

BINS = 10


def calibration(judged: pd.DataFrame, weight: bootstrap.Floats, confidence: float) -> pd.DataFrame:
    """Ten bins of equal rows by score: mean score, mean label with its interval, rows."""
    bins = pd.qcut(judged["score"].rank(method="first"), BINS, labels=False)
    rows = []
    for _, part in judged.groupby(bins, sort=True):
        codes = part["code"].to_numpy(np.int64)
        label, row_weight = part["label"].to_numpy(np.float64), row_weights.of(part)
        mean_label = bootstrap.means(label, codes, weight.shape[1], row_weight=row_weight)
        found = bootstrap.estimate(mean_label, codes, weight, confidence)
        mean_score = row_weights.mean(part["score"].to_numpy(np.float64), row_weight)
        rows.append((mean_score, found.value, found.low, found.high, found.rows))
    return pd.DataFrame(rows, columns=["mean_score", "mean_label", "low", "high", "rows"])


def by_cluster(judged: pd.DataFrame) -> pd.DataFrame:
    """Per cluster (day): rows, mean score and mean label."""
    weight = row_weights.of(judged)
    if weight is None:
        found = judged.groupby("cluster", sort=True).agg(
            rows=("label", "size"), mean_score=("score", "mean"), mean_label=("label", "mean")
        )
        return found.reset_index()
    parts = judged[["score", "label"]].mul(weight, axis=0).assign(weight=weight, rows=1)
    sums = parts.groupby(judged["cluster"], sort=True).sum()
    means = sums[["score", "label"]].div(sums["weight"], axis=0).add_prefix("mean_")
    return pd.concat([sums["rows"], means], axis="columns").reset_index()


def histogram(score: pd.Series, label: pd.Series) -> pd.DataFrame:
    """Rows per fortieth of the range of scores, and the sum of their labels: score is the middle."""
    edges = np.linspace(score.min(), score.max(), 41)
    place = np.clip(np.searchsorted(edges, score, "right") - 1, 0, 39)
    outcomes = pd.DataFrame({"place": place, "label": label.to_numpy()}).groupby("place")["label"]
    rows, labels = (found.reindex(range(40), fill_value=0) for found in (outcomes.size(), outcomes.sum()))
    return pd.DataFrame({"score": (edges[:-1] + edges[1:]) / 2, "rows": rows, "labels": labels})
