"""Comparisons with a known answer: days that resemble each other, two models that each err by day."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.verdicts.data import POLICY, SETTINGS, share
from loop.kit.metrics import log_loss
from loop.stats import bootstrap, paired
from problem.metrics import METRICS

SEED, COMPARISONS, DAYS, ROWS = 1, 1000, 31, 300  # rows a day
OF_DAY, OF_MODEL, OF_ROW = 0.5, 0.35, 1.0  # on the logit: the day's luck, a model's error of a day, rows
TRUTH_DAYS = 20_000
NAMES = ("log_loss", "roc_auc")


def world(rng: np.random.Generator, days: int, rows: int, off: float) -> tuple[np.ndarray, ...]:
    """Labels, scores of champion and candidate, and days; `off` shifts the candidate's logit."""
    codes = np.repeat(np.arange(days), rows)
    known = rng.normal(-1, OF_ROW, days * rows)
    luck = rng.normal(0, OF_DAY, days)[codes]
    label = (rng.random(days * rows) < _sigmoid(known + luck)).astype(np.float64)
    errors = [rng.normal(0, OF_MODEL, days)[codes] for _ in range(2)]
    return label, _sigmoid(known + errors[0]), _sigmoid(known + errors[1] + off), codes


def truth(off: float) -> dict[str, float]:
    """The gains in a world of twenty thousand days."""
    label, champion, candidate, codes = world(np.random.default_rng(0), TRUTH_DAYS, 100, off)
    one = np.ones((1, 1))
    found = {}
    for name in NAMES:
        values = [
            bootstrap.statistic(METRICS[name], label, score, np.zeros_like(codes), 1)(one)[0]
            for score in (champion, candidate)
        ]
        found[name] = float(values[0] - values[1]) * (-1 if METRICS[name].better == "higher" else 1)
    return found


def measure() -> dict[str, Any]:
    weight = bootstrap.weights(DAYS, SETTINGS.replicates, SETTINGS.seed)
    margin = POLICY.primary.margin
    shift = _where(lambda off: truth(off)["log_loss"] + margin, 0.0, 1.0)
    cases = {"no_gain": 0.0, "loss_of_the_margin": shift}
    return {
        "seed": SEED,
        "comparisons": COMPARISONS,
        "days": DAYS,
        "rows_a_day": ROWS,
        "margin": margin,
        **{name: _case(off, weight) for name, off in cases.items()},
    }


def _case(off: float, weight: np.ndarray) -> dict[str, Any]:
    gain = partial(paired.gain, weight=weight, confidence=SETTINGS.confidence)
    true = truth(off)
    if off == 0:
        true = dict.fromkeys(NAMES, 0.0)  # both models are drawn alike: exactly nothing
    rng = np.random.default_rng(SEED)
    hit = dict.fromkeys((*NAMES, "log_loss_by_row"), 0)
    words = dict.fromkeys(("better", "equivalent", "worse", "inconclusive"), 0)
    for _ in range(COMPARISONS):
        label, champion, candidate, codes = world(rng, DAYS, ROWS, off)
        for name in NAMES:
            found = gain(METRICS[name], label, (champion, candidate), codes)
            hit[name] += found.low <= true[name] <= found.high
            if name == "log_loss":
                words[paired.verdict(found, POLICY.primary.margin)] += 1
        low, high = _by_row(label, champion, candidate)
        hit["log_loss_by_row"] += low <= true["log_loss"] <= high
    return {
        "true_gain": {name: round(value, 5) for name, value in true.items()},
        "covered": {name: share(count, COMPARISONS) for name, count in hit.items()},
        "verdicts": {outcome: share(count, COMPARISONS) for outcome, count in words.items()},
    }


def _by_row(label: np.ndarray, champion: np.ndarray, candidate: np.ndarray) -> tuple[float, float]:
    """The interval of a bootstrap over rows: of a mean, its normal limit."""
    gains = log_loss(label, champion) - log_loss(label, candidate)
    half = 1.959964 * gains.std(ddof=1) / np.sqrt(len(gains))
    return gains.mean() - half, gains.mean() + half


def _where(zero: Any, low: float, high: float) -> float:
    """Where a falling function crosses zero, by halving."""
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if zero(middle) > 0 else (low, middle)
    return (low + high) / 2


def _sigmoid(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-value))
