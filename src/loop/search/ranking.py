"""Trials compared with the params as they are, on the same rows of the training window."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from loop.review import compare
from loop.search import workers
from loop.search.folds import Fold
from loop.search.study import Trial
from loop.settings.params import Resampling
from loop.stats import paired, reality_check
from loop.stats.paired import Gain
from problem import metrics


@dataclass(frozen=True)
class Ranked:
    """A trial and its gain over the params as they are, in the primary metric, with its interval."""

    trial: Trial
    gain: Gain


@dataclass(frozen=True)
class Ranking:
    """Complete trials, the best first; `usual` is the one of the params as they are.

    p: how often luck alone makes the best of so many look as good, though none is better; NaN of one.
    """

    usual: Trial
    ranked: list[Ranked]
    p: float
    rows: int
    clusters: int

    @property
    def best(self) -> Ranked | None:
        """The best of the others, if it gains anything on average."""
        first = next((one for one in self.ranked if one.trial.number != self.usual.number), None)
        return first if first is not None and first.gain.gain > 0 else None

    def told(self, confidence: float) -> bool:
        """Whether the best is told from the params as they are, given how many were tried."""
        return bool(self.best and self.p < 1 - confidence)


def of(
    trials: Sequence[Trial],
    folder: Path,
    rows: tuple[pd.DataFrame, Sequence[Fold]],
    settings: Resampling,
) -> Ranking | None:
    """All complete trials compared; None before the params as they are were tried."""
    complete = [one for one in trials if one.state == "complete"]
    usual = next((one for one in complete if one.usual), None)
    if usual is None:
        return None
    examples, folds = rows
    judged = examples.iloc[np.concatenate([fold.judge for fold in folds])].reset_index(drop=True)
    own = np.load(workers.scores_of(folder, usual.number))
    both = compare.rows(judged, (own, own), settings)
    metric = metrics.METRICS[metrics.PRIMARY]
    gains, replicates = [], []
    for one in complete:
        pair = replace(both, scores=(own, np.load(workers.scores_of(folder, one.number))))
        gains.append(compare.gain_in(pair, metrics.PRIMARY, settings))
        drawn = paired.drawn(
            metric, pair.label, pair.scores, pair.codes, pair.weight, row_weight=pair.row_weight
        )
        replicates.append(drawn[2])
    others = [place for place, one in enumerate(complete) if one.number != usual.number]
    values = np.array([gains[place].gain for place in others])
    p = reality_check.p_value(values, np.array([replicates[place] for place in others])) if others else np.nan
    ranked = [Ranked(one, gain) for one, gain in zip(complete, gains, strict=True)]
    ranked.sort(key=lambda one: (-np.nan_to_num(one.gain.gain, nan=-np.inf), one.trial.number))
    return Ranking(usual, ranked, float(p), len(judged), both.weight.shape[1])
