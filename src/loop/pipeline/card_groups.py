"""What the model card says of groups of rows: who trained the model, and in which groups errors crowd."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from loop.data import row_weights, score_columns
from loop.kit import groups
from loop.kit.types import Array
from loop.stats import crowding, paired
from loop.stats.crowding import Codes
from problem import metrics

WORST = 0.1  # of the rows, by error
SHOWN = 8
EXPECTED = 5  # worst rows that a group must have by its size alone for luck to be told
CLASSES_SHOWN = 5


def training(train: Iterable[pd.DataFrame], holdout: pd.DataFrame) -> pd.DataFrame:
    """One row per subgroup: cut, group, rows (that trained), share, holdout_share, mean_label (of those).

    The rows that trained come in one or more frames. With classes the mean label is undefined, and the column
    classes says how the rows part among them, the commonest first.
    """
    rows = []
    held = groups.cut(metrics.SUBGROUPS, holdout)
    labels: list[Array] = []
    weights: list[Array | None] = []
    of: dict[str, list[Any]] = {name: [] for name in held}
    for some in train:
        labels.append(some["label"].to_numpy(np.float64))
        weights.append(row_weights.of(some))
        for cut, values in groups.cut(metrics.SUBGROUPS, some).items():
            of[cut].append(pd.Categorical(values.astype("str")))  # a code a row
    label = pd.Series(np.concatenate(labels))
    known = [one for one in weights if one is not None]
    weight = np.concatenate(known) if known else None
    for cut, parts in of.items():
        there = held[cut].astype("str").value_counts(normalize=True)
        of_rows = pd.CategoricalIndex(union_categoricals(parts, sort_categories=True))
        for group, part in label.groupby(of_rows, sort=True, observed=True):
            of_part = None if weight is None else weight[part.index]
            mean = np.nan if score_columns.CLASSES else row_weights.mean(part.to_numpy(), of_part)
            share = float(there.get(str(group), 0.0))
            classes = _classes(part.to_numpy(), of_part) if score_columns.CLASSES else ""
            rows.append((cut, str(group), len(part), len(part) / len(label), share, mean, classes))
    names = ["cut", "group", "rows", "share", "holdout_share", "mean_label", "classes"]
    found = pd.DataFrame(rows, columns=names)
    return found if score_columns.CLASSES else found.drop(columns="classes")


def _classes(label: Array, weight: Array | None) -> str:
    """The share of each class among labels, the commonest first, up to CLASSES_SHOWN."""
    many = np.bincount(label.astype(np.int64), weight, len(score_columns.CLASSES))
    order = [at for at in np.argsort(-many, kind="stable") if many[at] > 0]
    told = [f"{score_columns.CLASSES[at]} {many[at] / many.sum():.1%}" for at in order[:CLASSES_SHOWN]]
    return ", ".join([*told, f"{len(order) - CLASSES_SHOWN} more"] if len(order) > CLASSES_SHOWN else told)


def errors(
    examples: pd.DataFrame, score: Array, clusters: Codes, rows_min: int, confidence: float
) -> pd.DataFrame:
    """Declared groups in which the worst tenth of the rows crowds, the most crowded first, up to SHOWN.

    cut, group, rows, share (of all rows), worst_share (of the worst tenth), times (one by the other), low and
    high (of times), certain (for all that were looked at together, Holm; of small groups never). Groups with
    fewer than `rows_min` rows are left out, and those that hold no more than their share.
    """
    error = distance(examples["label"].to_numpy(np.float64), score)
    worst = np.zeros(len(error), dtype=bool)
    worst[np.argsort(-error, kind="stable")[: max(1, int(WORST * len(error)))]] = True
    found = []
    for cut, values in groups.cut({**metrics.SLICES, **metrics.SUBGROUPS}, examples).items():
        parts, names = pd.factorize(values.astype("str").to_numpy(), sort=True)
        crowds = crowding.crowds(parts.astype(np.int64), worst, clusters, rows_min, confidence)
        found += [(cut, str(names[one.part]), one) for one in crowds]
    p = paired.holm([one.p if one.rows * WORST >= EXPECTED else np.nan for *_, one in found])
    of = len(worst), int(worst.sum())
    rows = [
        (cut, name, k.rows, k.rows / of[0], k.marked / of[1], k.times, k.low, k.high, sure < 1 - confidence)
        for (cut, name, k), sure in zip(found, p, strict=True)
        if k.times > 1
    ]
    columns = ["cut", "group", "rows", "share", "worst_share", "times", "low", "high", "certain"]
    return (
        pd.DataFrame(rows, columns=columns).sort_values("times", ascending=False, kind="stable").head(SHOWN)
    )


def distance(label: Array, score: Array) -> Array:
    """The error of each row: from score to label; with classes, what the true one's probability lacks."""
    if score.ndim == 1:
        return np.asarray(np.abs(label - score))
    return np.asarray(1 - score[np.arange(len(score)), label.astype(np.int64)])
