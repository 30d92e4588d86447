"""A champion and the rules of a review: any candidate can be judged in memory, as a review judges."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from loop import scorer
from loop.calibrate.score_changes import Change
from loop.pipeline import train as training
from loop.review import checks, compare
from loop.review.candidate import Candidate
from loop.review.champion_comparison import Comparison
from loop.review.verdict import Check
from loop.settings import params
from loop.settings.review_policy import Policy

SINGLES = 20


@dataclass(frozen=True)
class Changed(Candidate):
    """A candidate whose scores are changed on the way out."""

    change: Change

    def score(self, examples: pd.DataFrame) -> Any:
        """The changed score of each example."""
        return self.change(super().score(examples), examples)


@dataclass(frozen=True)
class Court:
    """The champion with its golden requests and policy; `settings` resample, `training` fits."""

    champion: Candidate
    golden: list[dict[str, Any]]
    policy: Policy
    settings: params.Resampling
    training: training.Params

    def fit(self, examples: pd.DataFrame, seed: int = 1) -> Any:
        """A model of this problem and these params, on other rows or with another seed."""
        return training.train(examples, self.training.model_copy(update={"seed": seed}))

    def candidate(self, model: Any, change: Change | None = None, **other: Any) -> Candidate:
        """A candidate as the pipeline would leave it; `other` fields are not the champion's."""
        held: dict[str, Any] = {one.name: getattr(self.champion, one.name) for one in fields(self.champion)}
        held |= {"model": model, "md5": "another"} | other
        made = Changed(**held, change=change) if change else Candidate(**held)
        rows = made.holdout
        predictions = scorer.predictions(rows, made.score(rows))
        return type(made)(**(vars(made) | {"predictions": predictions}))

    def checks(
        self,
        candidate: Candidate,
        seconds: tuple[list[float], list[float]] | None = None,
        families: Container[str] | None = None,
    ) -> dict[str, Check]:
        """Every check by name; `seconds` of single predictions of champion and candidate, alike if none.

        `families` as in `checks.every`.
        """
        mine = compare.scored(candidate.holdout, candidate.predictions, "candidate")
        theirs = compare.scored(self.champion.holdout, self.champion.predictions, "champion")
        rows = compare.align(mine, theirs, self.settings)
        comparison = Comparison(
            gains=compare.gains(rows, self.settings),
            slices=compare.slices(rows, self.policy, self.settings),
            golden=self.golden,
            md5=self.champion.md5,
            seconds=seconds or ([1.0], [1.0]),
        )
        return {one.name: one for one in checks.every(self.policy, candidate, rows, comparison, families)}


def seconds(models: Sequence[Any], examples: pd.DataFrame, blocks: int) -> tuple[list[float], ...]:
    """How long single predictions take by each of the models, in turns: all meet the same noise.

    In one thread, as servers and reviews predict: threads that wait for a busy core would be the noise.
    """
    taken: tuple[list[float], ...] = tuple([] for _ in models)
    with threadpool_limits(1):
        for _ in range(blocks):
            for model, found in zip(models, taken, strict=True):
                found.extend(scorer.seconds(model, examples, SINGLES))
    return taken
