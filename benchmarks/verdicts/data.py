"""Real rows of 2013 and models trained on them, judged as the review judges."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from loop.data import raw
from loop.pipeline import train
from loop.pipeline.examples import whole
from loop.review import champion_comparison, compare
from loop.review.verdict import decide
from loop.settings import params
from loop.settings.review_policy import Policy
from loop.stats import paired
from problem import model as problem_model
from problem import source

POLICY = params.section("review", Policy)
SETTINGS = params.section("evaluate", params.Resampling)
CLUSTER = SETTINGS.cluster


@dataclass(frozen=True)
class Judged:
    """A decision and what it rests on: verdict, names of failed checks, gain in the primary metric."""

    verdict: str
    failed: list[str]
    primary: paired.Gain
    worse_slices: list[str]


def month(number: int) -> pd.Timestamp:
    """The first instant of a month of 2013; 13 is the end of the year."""
    return pd.Timestamp(2013 + (number - 1) // 12, (number - 1) % 12 + 1, 1, tz="UTC").as_unit("us")


@cache
def year() -> pd.DataFrame:
    """Every labelled example of 2013, as the pipeline makes them."""
    since, until, as_of = month(1), month(13), pd.Timestamp("2014-02-01", tz="UTC").as_unit("us")
    tables = {name: raw.repair(name, frame)[0] for name, frame in source.tables(since, until, as_of).items()}
    return whole(tables, params.Window.model_validate({"from": since, "until": until}), as_of)


def trained_on(since: int, until: int) -> pd.DataFrame:
    """Examples decided in [since, until) whose labels were known by its end."""
    rows = year()
    decided = (rows["decided_at"] >= month(since)) & (rows["decided_at"] < month(until))
    return rows[decided & (rows["label_known_at"] <= month(until))]


def holdout(number: int) -> pd.DataFrame:
    """Examples decided in a month."""
    rows = year()
    decided = (rows["decided_at"] >= month(number)) & (rows["decided_at"] < month(number + 1))
    return rows[decided].reset_index(drop=True)


def fit(rows: pd.DataFrame, seed: int | None = None) -> Any:
    """The model of params.yaml, with its seed or another."""
    settings = params.section("train", train.Params)
    return train.train(rows, settings if seed is None else settings.model_copy(update={"seed": seed}))


def score(model: Any, rows: pd.DataFrame) -> np.ndarray:
    return np.asarray(problem_model.score(model, rows))


def judge(rows: pd.DataFrame, champion: np.ndarray, candidate: np.ndarray) -> Judged:
    """Primary, guards and slices, as the review takes them; other checks do not look at both models."""
    both = compare.rows(rows, (champion, candidate), SETTINGS)
    gains = compare.gains(both, SETTINGS)
    slices = compare.slices(both, POLICY, SETTINGS)
    primary = gains[POLICY.primary.metric]
    checks = [
        champion_comparison.primary(POLICY, primary),
        *(champion_comparison.guard(name, margin, gains[name]) for name, margin in POLICY.guards.items()),
        champion_comparison.slices(POLICY, slices),
    ]
    outcome = decide(checks, None)[0]
    verdict = paired.verdict(primary, POLICY.primary.margin) if outcome == "better" else outcome
    return Judged(
        verdict=verdict,
        failed=[check.name for check in checks if check.result == "fail"],
        primary=primary,
        worse_slices=[f"{part.cut} {part.name}" for part in slices if part.worse],
    )


def drawn_days(rows: pd.DataFrame, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Places of the rows of days drawn with replacement, and for each the number of its draw."""
    places = list(rows.groupby(CLUSTER, sort=True).indices.values())
    chosen = rng.integers(0, len(places), len(places))
    at = np.concatenate([places[day] for day in chosen])
    return at, np.repeat(np.arange(len(chosen)), [len(places[day]) for day in chosen])


def share(hits: int, of: int) -> dict[str, float]:
    """A share with its 95 % interval (Wilson 1927)."""
    z, p = 1.959964, float(hits) / of
    middle, half = p + z * z / (2 * of), z * np.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    low, high = ((middle + side * half) / (1 + z * z / of) for side in (-1, 1))
    return {
        "hits": int(hits),
        "of": of,
        "share": round(float(p), 4),
        "low": round(max(0.0, low), 4),
        "high": round(high, 4),
    }
