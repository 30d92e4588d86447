"""Champion and candidate on the same rows: aligned, then compared metric by metric, slice by slice."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.data import contract, features, row_weights, score_columns
from loop.kit import groups
from loop.kit.types import ROW_WEIGHT, Metric
from loop.settings import params
from loop.settings.review_policy import Policy
from loop.stats import bootstrap, paired
from loop.stats.bootstrap import Codes, Floats
from problem import metrics, schema, source


@dataclass(frozen=True)
class Rows:
    """The rows that both are judged on: the candidate's examples, both scores, and resampling weights.

    scores: (champion, candidate), each (rows,) or (rows, classes). codes: the number of each row's cluster.
    weight: (replicates, clusters). share: of all rows that either model has, how many both have.
    row_weight: (rows,), how much each counts; None where all count the same.
    """

    examples: pd.DataFrame
    label: Floats
    scores: tuple[Floats, Floats]
    codes: Codes
    weight: Floats
    share: float
    names: np.ndarray = field(repr=False)
    row_weight: Floats | None = None


@dataclass(frozen=True)
class Slice:
    """One slice's gain in the primary metric; `p` is adjusted for the number of slices (Holm)."""

    cut: str
    name: str
    gain: paired.Gain
    p: float
    worse: bool


def scored(examples: pd.DataFrame, predictions: pd.DataFrame, whose: str) -> pd.DataFrame:
    """Examples with their score, one row each.

    Raises LoopError when a score is missing, not a number or out of its contract, and when a
    prediction is of a row that nobody asked for.
    """
    broken = contract.check(predictions, schema.PREDICTION, "predictions")
    if broken:
        raise LoopError(
            f"the {whose}'s predictions break their contract: {broken[0].rule} ({broken[0].column}, "
            f"{counted(broken[0].rows, 'row')})",
            "a score within PREDICTION of src/problem/schema.py for each row",
            "look at `score` in src/problem/model.py",
        )
    rows = examples.merge(
        predictions[[*source.KEY, *score_columns.NAMES]], on=source.KEY, how="left", validate="1:1"
    )
    if len(predictions) != len(examples) or rows["score"].isna().any():
        raise LoopError(
            f"the {whose}'s predictions are of other rows than asked: {len(predictions):,} predictions, "
            f"{int(rows['score'].notna().sum()):,} of them for the {len(examples):,} rows of the holdout",
            "one prediction for each row of the holdout",
            "`loop run --force evaluate`, then run this again",
        )
    return rows


def align(candidate: pd.DataFrame, champion: pd.DataFrame, settings: params.Resampling) -> Rows:
    """The rows that both models scored; both frames are examples with `score`.

    Rows decided before the champion's own window of judgement are left out: it may have been
    trained on them. Raises LoopError when label, time or weight of the same row differ, or no row is left.
    """
    told = [column for column in ("label", features.DECIDED_AT) if column not in source.KEY]
    if ROW_WEIGHT in candidate or ROW_WEIGHT in champion:
        told.append(ROW_WEIGHT)
        candidate, champion = (
            frame if ROW_WEIGHT in frame else frame.assign(**{ROW_WEIGHT: 1.0})
            for frame in (candidate, champion)
        )
    theirs = champion[[*source.KEY, *told, *score_columns.NAMES]]
    since = champion[features.DECIDED_AT].min() if len(champion) else None
    mine = candidate[candidate[features.DECIDED_AT] >= since] if since is not None else candidate.iloc[:0]
    both = mine.merge(theirs, on=source.KEY, how="inner", suffixes=("", "_of_champion"), validate="1:1")
    if both.empty:
        raise LoopError(
            f"no row of the holdout was scored by both models ({len(mine):,} and {len(champion):,} rows)",
            "rows with the same keys on both sides",
            "look whether KEY in src/problem/source.py changed",
        )
    for column in told:
        if differ := int((both[column] != both[f"{column}_of_champion"]).sum()):
            raise LoopError(
                f"{differ:,} of {len(both):,} rows have another {column} than on the base",
                "the same rows for both models",
                "a change of the target, of its time or of weights cannot be compared: let a person decide",
            )
    share = len(both) / (len(mine) + len(champion) - len(both))
    names = {f"{name}_of_champion": name for name in score_columns.NAMES}
    champions, own = both[[*names]].rename(columns=names), both[score_columns.NAMES]
    scores = _of_as_many_classes(score_columns.array(champions), score_columns.array(own))
    drop = [*score_columns.NAMES, *names, *(f"{column}_of_champion" for column in told)]
    return rows(both.drop(columns=drop), scores, settings, share)


def _of_as_many_classes(champion: Floats, candidate: Floats) -> tuple[Floats, Floats]:
    """Both scores; classes that are new at the end of CLASSES have none by the champion.

    Raises LoopError for classes that are fewer than the champion's.
    """
    new = candidate.shape[-1] - champion.shape[-1] if candidate.ndim > 1 else 0
    if new < 0:
        raise LoopError(
            f"the base has {counted(champion.shape[-1], 'class')}, this change {candidate.shape[-1]}",
            "the base's CLASSES of src/problem/source.py, and new ones behind them",
            "a change of the target cannot be compared: let a person decide",
        )
    return (np.pad(champion, ((0, 0), (0, new))) if new else champion), candidate


def rows(
    examples: pd.DataFrame, scores: tuple[Floats, Floats], settings: params.Resampling, share: float = 1.0
) -> Rows:
    """Examples and the scores of both models, with weights that resample whole clusters."""
    if settings.cluster not in [*examples, *features.UNITS, features.PART]:
        raise LoopError(
            f"the examples have no column `{settings.cluster}`",
            "the cluster that evaluate.cluster on the base names",
            "keep that column, or change evaluate.cluster in a pull request of its own",
        )
    if examples.empty:
        raise LoopError(
            "the holdout holds no labelled row",
            "rows to judge on",
            "widen windows.holdout in params.yaml, or move windows.as_of so that labels have come",
        )
    codes, names = pd.factorize(features.clusters(examples, settings.cluster), sort=True)
    return Rows(
        examples=examples,
        label=_floats(examples["label"]),
        scores=scores,
        codes=codes.astype(np.int64),
        weight=bootstrap.weights(len(names), settings.replicates, settings.seed),
        share=share,
        names=np.asarray(names),
        row_weight=row_weights.of(examples),
    )


def gains(found: Rows, settings: params.Resampling) -> dict[str, paired.Gain]:
    """The gain in each metric of the problem, by name."""
    return {name: _gain(metric, found, settings) for name, metric in metrics.METRICS.items()}


def gain_in(found: Rows, name: str, settings: params.Resampling, at: np.ndarray | None = None) -> paired.Gain:
    """The gain in one metric, on all rows or on those at some places."""
    return _gain(metrics.METRICS[name], found, settings, at)


def slices(found: Rows, policy: Policy, settings: params.Resampling) -> list[Slice]:
    """The gain in the primary metric of each slice that has rows enough, p-values adjusted for all.

    A slice is worse when its loss is certain at `slices.alpha` for all slices together, and
    larger than `slices.margin`.
    """
    metric = metrics.METRICS[policy.primary.metric]
    cut_by = groups.cut(metrics.SLICES, found.examples)
    cells = [
        (cut, str(name), _gain(metric, found, settings, np.asarray(at)))
        for cut, values in cut_by.items()
        for name, at in values.reset_index(drop=True).groupby(values.to_numpy(), sort=True).indices.items()
        if len(at) >= settings.slice_rows_min
    ]
    adjusted = paired.holm([gain.p for _, _, gain in cells])
    return [
        Slice(cut, name, gain, p, p < policy.slices.alpha and gain.gain < -policy.slices.margin)
        for (cut, name, gain), p in zip(cells, adjusted, strict=True)
    ]


def value(name: str, found: Rows, at: np.ndarray | None = None) -> float:
    """The candidate's metric on the rows, or on those at some places; NaN where undefined."""
    where = slice(None) if at is None else at
    clusters = found.weight.shape[1]
    metric, score = metrics.METRICS[name], found.scores[1]
    of = bootstrap.statistic(
        metric,
        found.label[where],
        score[where],
        found.codes[where],
        clusters,
        row_weight=_at(found.row_weight, where),
    )
    return float(of(np.ones((1, clusters)))[0])


def _gain(
    metric: Metric, found: Rows, settings: params.Resampling, at: np.ndarray | None = None
) -> paired.Gain:
    where = slice(None) if at is None else at
    champion, candidate = found.scores
    return paired.gain(
        metric,
        found.label[where],
        (champion[where], candidate[where]),
        found.codes[where],
        found.weight,
        settings.confidence,
        row_weight=_at(found.row_weight, where),
    )


def _at(row_weight: Floats | None, where: slice | np.ndarray) -> Floats | None:
    return None if row_weight is None else row_weight[where]


def _floats(values: pd.Series) -> Floats:
    return values.to_numpy(np.float64)
