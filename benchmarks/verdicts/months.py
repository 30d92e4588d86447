"""Months whose answer is known: retrains that paid, that changed nothing, and that did harm."""

from functools import cache
from typing import Any

from benchmarks.verdicts.data import fit, holdout, judge, month, score, trained_on

# name: months of the champion's training, of the candidate's, judged on, what should come out
CASES = {
    "June, retrained January to May": ((1, 5), (1, 6), 6, "quiet: nothing certain"),
    "August, retrained January to July": ((1, 5), (1, 8), 8, "should pass"),
    "September, retrained January to July": ((1, 5), (1, 8), 9, "should pass"),
    "October, retrained January to September": ((1, 9), (1, 10), 10, "quiet: nothing certain"),
    "October, rolling June to September": ((1, 9), (6, 10), 10, "must be refused"),
    "December, rolling August to November": ((1, 5), (8, 12), 12, "must be refused"),
}
_model = cache(lambda since, until: fit(trained_on(since, until)))


def measure() -> dict[str, Any]:
    return {name: _case(*case) for name, case in CASES.items()}


def _case(
    champion: tuple[int, int], candidate: tuple[int, int], number: int, expected: str
) -> dict[str, Any]:
    rows = holdout(number)
    judged = judge(rows, score(_model(*champion), rows), score(_model(*candidate), rows))
    return {
        "champion": [f"{month(at):%Y-%m-%d}" for at in champion],
        "candidate": [f"{month(at):%Y-%m-%d}" for at in candidate],
        "rows": len(rows),
        "expected": expected,
        "gain": round(judged.primary.gain, 4),
        "low": round(judged.primary.low, 4),
        "high": round(judged.primary.high, 4),
        "verdict": judged.verdict,
        "failed": judged.failed,
        "worse_slices": judged.worse_slices,
    }
