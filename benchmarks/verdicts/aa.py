"""A/A on real flights: both models are trained alike, on the same rows or on days drawn alike.

Half of the comparisons differ by the seed alone, in half each side is trained on its own draw of
the training days. Whatever is called worse is a false alarm, or luck that a margin should forgive.
"""

from multiprocessing import get_context
from typing import Any

import numpy as np

from benchmarks.verdicts.data import drawn_days, fit, holdout, judge, score, share, trained_on

COMPARISONS, SEED, TRAIN, MONTH = (
    100,
    1,
    (1, 5),
    5,
)  # of each kind; trained on January to April, judged on May
KINDS = ("seed", "days")


def measure() -> dict[str, Any]:
    rows, trained = holdout(MONTH), trained_on(*TRAIN)  # made before the fork: both workers share them
    jobs = [(kind, number) for kind in KINDS for number in range(COMPARISONS + 1)]
    with get_context("fork").Pool(2) as pool:
        scores = dict(zip(jobs, pool.starmap(_scores, jobs, chunksize=2), strict=True))
    found: dict[str, Any] = {"seed": SEED, "rows_judged": len(rows), "rows_trained_on": len(trained)}
    every = []
    for kind in KINDS:
        judged = [
            judge(rows, scores[kind, number], scores[kind, number + 1]) for number in range(COMPARISONS)
        ]
        every += judged
        found[kind] = _summary(judged)
    return {**found, "both": _summary(every)}


def _scores(kind: str, number: int) -> np.ndarray:
    rows = trained_on(*TRAIN)
    if kind == "days":
        rows = rows.iloc[drawn_days(rows, np.random.default_rng([SEED, number]))[0]]
    return score(fit(rows, seed=1000 + number), holdout(MONTH))


def _summary(judged: list[Any]) -> dict[str, Any]:
    names = sorted({name for one in judged for name in one.failed} | {"primary", "slices"})
    gains = np.array([one.primary.gain for one in judged])
    return {
        "verdicts": {
            outcome: share(sum(one.verdict == outcome for one in judged), len(judged))
            for outcome in ("better", "equivalent", "worse", "inconclusive")
        },
        "failed": {name: share(sum(name in one.failed for one in judged), len(judged)) for name in names},
        "gain_sd": round(float(gains.std(ddof=1)), 5),
        "largest_gain": round(float(np.abs(gains).max()), 5),
    }
