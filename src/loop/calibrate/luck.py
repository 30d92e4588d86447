"""How far models differ by mere luck: half of them by another seed, half by other training days as well.

A change of code or params meets the same rows, so luck is the seed's; a retrain meets other days. Real
changes lie between the two.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.base import files
from loop.calibrate.workshop import Workshop
from loop.data import features, score_columns
from loop.kit.types import Array
from loop.pipeline import train as training
from loop.review import compare
from loop.review.compare import Rows
from loop.settings import params
from loop.settings.params import Resampling
from loop.settings.review_policy import Policy
from problem import model as problem_model

SEED, DRAWN = "seed", "drawn"
KINDS = (SEED, DRAWN)


@dataclass(frozen=True)
class Pair:
    """Two such models compared: gains by metric (gain, low, high), and the margin that each check needed."""

    gains: dict[str, tuple[float, float, float]]
    needed: dict[str, float]


@dataclass(frozen=True)
class Trial:
    """Rows to train on and rows to score, of which the first `judged` are labelled and judge."""

    folder: Path
    judged: int

    @classmethod
    def of(cls, folder: Path, train: pd.DataFrame, judged: pd.DataFrame, *more: pd.DataFrame) -> "Trial":
        """Kept in the folder, for the processes that work on it."""
        if not (folder / "asked.parquet").is_file():
            files.write_table(folder / "train.parquet", train)
            files.write_json(folder / "judged.json", len(judged))
            files.write_table(folder / "asked.parquet", pd.concat([judged, *more], ignore_index=True))
        return cls(folder, len(judged))

    def scores(self, shop: Workshop, count: int, title: str) -> list[Array]:
        """The scores of every row that is asked about, by so many models."""
        names = [f"{kind}-{number:03d}.npy" for kind in KINDS for number in range(count // 2)]
        return [np.load(path) for path in shop.within(self.folder).each(title, fit, names)]

    def pairs(self, shop: Workshop, models: int, count: int, title: str) -> list[Pair]:
        """So many comparisons among the models of a kind, each with one that stands near it in a ring."""
        of, kinds = models // 2, self.kinds()
        each = min(count // len(kinds), of * (of - 1) // 2)
        places = [(at % of, (at % of + 1 + at // of) % of) for at in range(each)]
        names = [f"{kind}-{one:03d}-{other:03d}.json" for kind in kinds for one, other in places]
        done = shop.within(self.folder).each(title, compared, names)
        return [read(json.loads(path.read_text())) for path in done]

    def kinds(self) -> tuple[str, ...]:
        """The kinds of luck that there are: a seed that changes no score would make every pair equal."""
        one, other = (np.load(self.folder / f"{SEED}-{number:03d}.npy") for number in (0, 1))
        return (DRAWN,) if np.array_equal(one, other, equal_nan=True) else KINDS


def fit(folder: Path, name: str) -> None:
    """Train one model by luck of a kind, and keep its scores of the rows that are asked about."""
    kind, _, number = Path(name).stem.partition("-")
    rows = table(folder / "train.parquet")
    if kind == DRAWN:
        rows = draw(rows, resampling().cluster, np.random.default_rng([resampling().seed, int(number)]))
    _fitted(folder, folder / name, rows, 1 + int(number))


def fit_whole(folder: Path, name: str) -> None:
    """Train one model on all rows, and keep its scores; `name` is a trial's folder, and a file in it."""
    path = folder / name
    _fitted(path.parent, path, table(path.parent / "train.parquet"), 0)


def _fitted(folder: Path, to: Path, rows: pd.DataFrame, number: int) -> None:
    asked, settings = table(folder / "asked.parquet"), params.section("train", training.Params)
    model = training.train(rows, settings.model_copy(update={"seed": settings.seed + number}))
    scores = np.asarray(problem_model.score(model, features.known(asked)), np.float64)
    with files.replacing(to) as draft, draft.open("wb") as stream:
        np.save(stream, scores)


def draw(rows: pd.DataFrame, cluster: str, rng: np.random.Generator) -> pd.DataFrame:
    """As many clusters as the rows have, drawn with replacement.

    Rows of a class that no drawn cluster has are kept as they are: a retrain forgets no class.
    """
    places = list(rows.groupby(features.clusters(rows, cluster).to_numpy(), sort=True).indices.values())
    chosen = rng.integers(0, len(places), len(places))
    at = np.concatenate([places[one] for one in chosen])
    label = rows["label"].to_numpy()
    if score_columns.CLASSES or len(np.unique(label)) == 2:
        at = np.concatenate([at, np.flatnonzero(~np.isin(label, label[at]))])
    return rows.iloc[np.sort(at)].reset_index(drop=True)


def compared(folder: Path, name: str) -> None:
    """Compare two models on the rows that judge them, as a review does."""
    rows = judged(folder)
    kind, *numbers = Path(name).stem.split("-")
    champion, candidate = (np.load(folder / f"{kind}-{number}.npy")[: len(rows)] for number in numbers)
    both = compare.rows(rows, (champion, candidate), resampling())
    files.write_json(folder / name, plain(judge(both, policy(), resampling())))


def judge(both: Rows, policy: Policy, resampling: Resampling) -> Pair:
    """The gains of the second model over the first, and the margins that its losses would have needed."""
    gains = compare.gains(both, resampling)
    slices = compare.slices(both, policy, resampling)
    primary = gains[policy.primary.metric]
    needed = {"primary": _worse(primary.high, primary.low)}
    needed |= {f"guards.{guard}": _worse(gains[guard].high, gains[guard].gain) for guard in policy.guards}
    if slices:
        needed["slices"] = max([0.0, *(-one.gain.gain for one in slices if one.p < policy.slices.alpha)])
    return Pair({name: (one.gain, one.low, one.high) for name, one in gains.items()}, needed)


def plain(pair: Pair) -> dict[str, Any]:
    """A pair as JSON has it: null for what is undefined."""
    gains = {name: [value if np.isfinite(value) else None for value in of] for name, of in pair.gains.items()}
    return {"gains": gains, "needed": pair.needed}


def read(found: dict[str, Any]) -> Pair:
    """The pair that `plain` wrote."""
    gains = {
        name: (_number(gain), _number(low), _number(high))
        for name, (gain, low, high) in found["gains"].items()
    }
    return Pair(gains, found["needed"])


def judged(folder: Path) -> pd.DataFrame:
    """The rows of a trial that judge."""
    return table(folder / "asked.parquet").iloc[: json.loads((folder / "judged.json").read_text())]


@lru_cache(maxsize=4)
def table(path: Path) -> pd.DataFrame:
    """A table of a trial, read once by each process."""
    return files.read_table(path)


def resampling() -> Resampling:
    """`evaluate` of params.yaml."""
    return params.section("evaluate", Resampling)


def policy() -> Policy:
    """`review` of params.yaml."""
    return params.section("review", Policy)


def _worse(high: float, loss: float) -> float:
    """The margin below which a loss that is certain would have been refused; 0 for one that is not."""
    return max(0.0, -loss) if high < 0 else 0.0


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
