"""The paired comparison of two models: all metrics and 40 slices, 2,000 replicates of 31 days."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from benchmarks.timing import Row, timed
from loop.base import files
from loop.review import compare
from loop.settings import params
from loop.settings.paths import HOLDOUT
from loop.settings.review_policy import Policy
from loop.stats import bootstrap
from problem import metrics

LOOP, SLICES = 20, 40
POLICY = params.section("review", Policy)
SETTINGS = params.section("evaluate", params.Resampling)


def measure(runs: int) -> list[Row]:
    """Ours in small and in large, the large one's memory, and the loop that people write."""
    frame, scores = data(30_000)
    large = [_large(1_000_000) for _ in range(runs)]
    held = large[0][2]
    return [
        Row("30,000 rows, all metrics and 40 slices", timed(lambda: compared(frame, scores), runs), 3),
        Row("1,000,000 rows, the same", [seconds for seconds, _, _ in large], 60),
        Row(
            "1,000,000 rows, memory at the peak",
            [peak / held for _, peak, _ in large],
            3,
            f"the data themselves take {held / 2**20:,.0f} MiB",
            "times the data",
        ),
        _loop(frame, scores, runs),
    ]


def data(rows: int) -> tuple[pd.DataFrame, tuple[np.ndarray, np.ndarray]]:
    """So many rows with the real columns of the holdout, and scores of two models."""
    holdout = files.read_table(HOLDOUT)
    frame = pd.concat([holdout] * (rows // len(holdout) + 1), ignore_index=True).iloc[:rows]
    rng = np.random.default_rng(1)
    score = np.clip(rng.beta(1, 3, rows) + 0.2 * frame["label"].to_numpy(), 0.001, 0.999)
    return frame, (score, np.clip(score + rng.normal(0, 0.05, rows), 0.001, 0.999))


def compared(frame: pd.DataFrame, scores: tuple[np.ndarray, np.ndarray]) -> int:
    """The whole comparison; the number of slices compared."""
    rows = compare.rows(frame, scores, SETTINGS)
    compare.gains(rows, SETTINGS)
    own = metrics.SLICES
    missing = SLICES - len(compare.slices(rows, POLICY, SETTINGS))
    metrics.SLICES = {**own, "more": lambda examples: _more(examples, missing)}
    try:
        return len(compare.slices(rows, POLICY, SETTINGS))
    finally:
        metrics.SLICES = own


def _more(examples: pd.DataFrame, number: int) -> pd.Series:
    return pd.Series(np.arange(len(examples)) % number, index=examples.index).astype("str")


def _large(rows: int) -> tuple[float, float, float]:
    """Seconds, bytes at the peak above what the imports take, and bytes of the data; in a new process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.review", str(rows)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    seconds, peak, held = map(float, done.stdout.split())
    return seconds, peak, held


def _loop(frame: pd.DataFrame, scores: tuple[np.ndarray, np.ndarray], runs: int) -> Row:
    """Differences of two metrics by a loop over scikit-learn, for a few of the same replicates."""
    label, (champion, candidate) = frame["label"].to_numpy(np.float64), scores
    codes, names = pd.factorize(frame[SETTINGS.cluster], sort=True)
    drawn = bootstrap.weights(len(names), SETTINGS.replicates, SETTINGS.seed)[:LOOP]
    days = [np.flatnonzero(codes == day) for day in range(len(names))]

    def loop() -> np.ndarray:
        found = []
        for times in drawn.astype(int):
            at = np.concatenate([days[day] for day in np.repeat(np.arange(len(names)), times)])
            found.append(
                [
                    measure(label[at], score[at])
                    for measure in (roc_auc_score, log_loss)
                    for score in (champion, candidate)
                ]
            )
        return np.array(found)

    ours = np.column_stack(
        [
            bootstrap.statistic(metrics.METRICS[name], label, score, codes, len(names))(drawn)
            for name in ("roc_auc", "log_loss")
            for score in (champion, candidate)
        ]
    )
    gap = np.abs(ours - loop()).max()
    scaled = [seconds * SETTINGS.replicates / LOOP for seconds in timed(loop, runs)]
    note = f"two metrics, no slice; {LOOP} replicates, scaled; values differ from ours by at most {gap:.0e}"
    return Row("peer: 30,000 rows, a loop over scikit-learn", scaled, note=note)


def _resident() -> float:
    """Bytes of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * 4096)


def _peak() -> float:
    """The most bytes of this process in memory so far."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return float(line.split()[1]) * 1024


if __name__ == "__main__":
    compared(*data(1000))  # what the first call imports and keeps is not the data's
    empty = _resident()
    examples, both = data(int(sys.argv[1]))
    held = float(examples.memory_usage(deep=True).sum() + sum(score.nbytes for score in both))
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    started = time.perf_counter()
    compared(examples, both)
    print(time.perf_counter() - started, _peak() - empty, held)
