"""Planted losses of rising size on real flights: how often each is caught, and the smallest that is.

The candidate is the champion with a fault; each size is judged on forty draws of May's days.
"""

from collections.abc import Callable, Iterable
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.verdicts.data import CLUSTER, drawn_days, fit, holdout, judge, score, share, trained_on
from problem.features import VIEWS

REPEATS, SEED, TRAIN, MONTH = 40, 1, (1, 5), 5
CAUGHT = 0.9
TRAILING = [name for view in VIEWS if view.name != "weather" for name in view.features]
SLICE = ("carrier", "9E")
Scorer = Callable[[pd.DataFrame], np.ndarray]


def noisy(model: Any, rows: pd.DataFrame, size: float, rng: np.random.Generator) -> np.ndarray:
    """Noise in every trailing feature, of `size` times its own standard deviation."""
    noise = {name: rows[name] + rng.normal(0, size * rows[name].std(), len(rows)) for name in TRAILING}
    return score(model, rows.assign(**noise))


def blind(model: Any, rows: pd.DataFrame, size: float, _: np.random.Generator) -> np.ndarray:
    """The features of the first `size` views missing."""
    names = [name for view in VIEWS[: int(size)] for name in view.features]
    return score(model, rows.assign(**dict.fromkeys(names, np.nan)))


def shuffled(model: Any, rows: pd.DataFrame, size: float, rng: np.random.Generator) -> np.ndarray:
    """Scores of one slice mixed with those of its other rows, in parts of `size`."""
    found = score(model, rows)
    here = np.flatnonzero(rows[SLICE[0]] == SLICE[1])
    found[here] = (1 - size) * found[here] + size * found[rng.permutation(here)]
    return found


FAULTS: dict[str, tuple[Callable[..., np.ndarray], list[float]]] = {
    "noise in the trailing features": (noisy, [0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0]),
    "views missing": (blind, [1, 2, 3, 4, 5, 6]),
    "one slice shuffled": (shuffled, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0]),
}
_MODEL: list[Any] = []


def measure() -> dict[str, Any]:
    rows = holdout(MONTH)
    _MODEL[:] = [fit(trained_on(*TRAIN))]
    jobs = [(name, size) for name, (_, sizes) in FAULTS.items() for size in sizes]
    with get_context("fork").Pool(2, threadpool_limits, (1,)) as pool:  # one core for each worker
        points = pool.starmap(_point, jobs, chunksize=1)
    found: dict[str, Any] = {"seed": SEED, "repeats": REPEATS, "rows": len(rows), "slice": " ".join(SLICE)}
    for name in FAULTS:
        curve = [point for (fault, _), point in zip(jobs, points, strict=True) if fault == name]
        found[name] = {"curve": curve, "smallest_caught": _smallest(curve)}
    return found


def _point(fault: str, size: float) -> dict[str, Any]:
    plant, (model,), rows = FAULTS[fault][0], _MODEL, holdout(MONTH)
    champion = score(model, rows)
    judged, here = [], []
    for number in range(REPEATS):
        rng = np.random.default_rng([SEED, number])
        candidate = plant(model, rows, size, rng)
        at, day = drawn_days(rows, rng)
        again = rows.iloc[at].assign(**{CLUSTER: day}).reset_index(drop=True)
        judged.append(judge(again, champion[at], candidate[at]))
        part = (rows[SLICE[0]] == SLICE[1]).to_numpy()
        here.append(_loss(rows[part], champion[part], candidate[part]))
    return {
        "size": size,
        "loss": round(-float(np.mean([one.primary.gain for one in judged])), 5),
        "loss_in_slice": round(float(np.mean(here)), 5),
        "caught": share(sum(one.verdict == "worse" for one in judged), REPEATS),
        "inconclusive": share(sum(one.verdict == "inconclusive" for one in judged), REPEATS),
        "passed": share(sum(one.verdict in ("better", "equivalent") for one in judged), REPEATS),
        "by": _count(name for one in judged for name in one.failed),
    }


def _loss(rows: pd.DataFrame, champion: np.ndarray, candidate: np.ndarray) -> float:
    from loop.kit.metrics import log_loss

    label = rows["label"].to_numpy(np.float64)
    return float((log_loss(label, candidate) - log_loss(label, champion)).mean())


def _smallest(curve: list[dict[str, Any]]) -> dict[str, float] | None:
    """The first size from which on every one is caught nine times in ten; None if there is none."""
    safe: list[dict[str, Any]] = []
    for point in reversed(curve):
        if point["caught"]["share"] < CAUGHT:
            break
        safe.append(point)
    return {key: safe[-1][key] for key in ("size", "loss", "loss_in_slice")} if safe else None


def _count(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))
