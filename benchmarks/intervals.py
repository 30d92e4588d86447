"""Intervals of two metrics from 2,000 resamplings of 31 days, beside the loop that people write."""

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

from benchmarks.timing import Row, timed
from loop.stats import bootstrap
from problem.metrics import METRICS

ROWS, DAYS, REPLICATES, LOOP = 30_000, 31, 2_000, 50


def measure(runs: int) -> list[Row]:
    """Ours whole; the loop for 50 replicates, scaled to 2,000."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, DAYS, ROWS)
    score = rng.random(ROWS)
    label = (rng.random(ROWS) < score).astype(float)

    def ours() -> None:
        weight = bootstrap.weights(DAYS, REPLICATES, 1)
        for name in ("log_loss", "roc_auc"):
            of = bootstrap.statistic(METRICS[name], label, score, codes, DAYS)
            bootstrap.estimate(of, codes, weight, 0.95)

    def loop() -> None:
        days = [np.flatnonzero(codes == day) for day in range(DAYS)]
        for _ in range(LOOP):
            rows = np.concatenate([days[day] for day in rng.integers(0, DAYS, DAYS)])
            roc_auc_score(label[rows], score[rows])
            log_loss(label[rows], score[rows])

    scaled = [seconds * REPLICATES / LOOP for seconds in timed(loop, runs)]
    return [
        Row("ROC AUC and log loss, 30,000 rows", timed(ours, runs)),
        Row("peer: a loop over scikit-learn", scaled, note=f"{LOOP} replicates, scaled to {REPLICATES:,}"),
    ]
