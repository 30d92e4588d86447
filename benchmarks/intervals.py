"""Intervals of two metrics from 2,000 resamplings of 31 days, beside the loop that people write."""

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

from benchmarks.timing import Row, timed
from loop.stats import bootstrap
from problem.metrics import METRICS

ROWS, DAYS, REPLICATES, LOOP = 30_000, 31, 2_000, 50
NAMES = ("roc_auc", "log_loss")


def measure(runs: int) -> list[Row]:
    """Ours whole; the loop for 50 of the same replicates, scaled to 2,000."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, DAYS, ROWS)
    score = rng.random(ROWS)
    label = (rng.random(ROWS) < score).astype(float)

    def statistics() -> list[bootstrap.Statistic]:
        return [bootstrap.statistic(METRICS[name], label, score, codes, DAYS) for name in NAMES]

    def ours() -> None:
        weight = bootstrap.weights(DAYS, REPLICATES, 1)
        for of in statistics():
            bootstrap.estimate(of, codes, weight, 0.95)

    drawn = bootstrap.weights(DAYS, REPLICATES, 1)[:LOOP]

    def loop() -> np.ndarray:
        days = [np.flatnonzero(codes == day) for day in range(DAYS)]
        found = []
        for times in drawn.astype(int):
            rows = np.concatenate([days[day] for day in np.repeat(np.arange(DAYS), times)])
            found.append((roc_auc_score(label[rows], score[rows]), log_loss(label[rows], score[rows])))
        return np.array(found)

    gap = np.abs(np.column_stack([of(drawn) for of in statistics()]) - loop()).max()
    scaled = [seconds * REPLICATES / LOOP for seconds in timed(loop, runs)]
    note = f"{LOOP} replicates, scaled to {REPLICATES:,}; values differ from ours by at most {gap:.0e}"
    return [
        Row("ROC AUC and log loss, 30,000 rows", timed(ours, runs)),
        Row("peer: a loop over scikit-learn", scaled, note=note),
    ]
