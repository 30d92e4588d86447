"""Worlds in which both models are equal: losses of real predictions by real days, and made-up ones."""

from functools import cache

import numpy as np

from benchmarks.canary.hourly import HOURS
from benchmarks.verdicts.data import drawn_days, fit, holdout, score, trained_on
from loop.kit.metrics import log_loss
from loop.settings.serve_settings import params
from problem.metrics import BUSINESS

MONTH, TRAIN = 5, (1, 5)


@cache
def real() -> dict[str, list[np.ndarray]]:
    """Losses by day of May 2013 of the model of params.yaml, and of one trained on other draws of its days.

    `log loss`, `cost`: of the model. `other`: log loss of the second one, shifted to the same mean.
    """
    rows, trained = holdout(MONTH), trained_on(*TRAIN)
    at = drawn_days(trained, np.random.default_rng(1))[0]
    scores = score(fit(trained), rows), score(fit(trained.iloc[at]), rows)
    label = rows["label"].to_numpy(np.float64)
    ours, others = (log_loss(label, one) for one in scores)
    found = {
        "log loss": ours,
        "cost": BUSINESS.rows(label, scores[0], scores[0] >= params().threshold),
        "other": others - others.mean() + ours.mean(),
    }
    days = list(rows.groupby("flight_date").indices.values())
    days = [day for day in days if len(day) > 200]  # not the piece of a day at the month's end
    return {name: [loss[day] for day in days] for name, loss in found.items()}


def drawn(rng: np.random.Generator, days: int, rows: int, *names: str) -> list[np.ndarray]:
    """Real losses: a real day for each day, and its rows drawn with replacement: (days, 24, rows an hour)."""
    known = real()
    chosen = rng.integers(0, len(known["cost"]), days)
    places = [rng.integers(0, len(known["cost"][day]), (HOURS, rows)) for day in chosen]
    return [
        np.stack([known[name][day][place] for day, place in zip(chosen, places, strict=True)])
        for name in names
    ]


def normal(rng: np.random.Generator, days: int, rows: int) -> np.ndarray:
    """Normal losses, and days that differ as much as rows do."""
    return rng.normal(size=(days, HOURS, rows)) + rng.normal(size=(days, 1, 1))


def rare(rng: np.random.Generator, days: int, rows: int) -> np.ndarray:
    """One row in fifty costs 1, the others nothing."""
    return (rng.random((days, HOURS, rows)) < 0.02).astype(np.float64)


def revenue(rng: np.random.Generator, days: int, rows: int) -> np.ndarray:
    """What a request came to: nothing, or for 1 in 50 an amount with a heavy tail (log-normal, sigma 2)."""
    bought = rng.random((days, HOURS, rows)) < 0.02
    return np.where(bought, -rng.lognormal(0, 2, bought.shape), 0.0)
