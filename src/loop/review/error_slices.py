"""Where the candidate errs most: its worst rows, and which parts of the data they crowd in.

Looked at are the declared slices and subgroups, each category of each column, and each fifth of each number.
Columns that the contract calls personal are neither looked at nor shown.
"""

from collections.abc import Iterator
from itertools import pairwise
from math import ceil

import numpy as np
import pandas as pd

from loop.base import files
from loop.data import features, personal
from loop.kit import groups
from loop.review.compare import Rows
from loop.review.verdict import Errors, ErrorSlice, WorstRow
from loop.settings import params
from loop.stats import arrays, crowding, paired
from loop.stats.bootstrap import Floats
from loop.stats.crowding import Codes
from problem import metrics, source

WORST = 0.05  # of the rows
EXPECTED = 5  # worst rows that a part must be large enough to have by its size alone
CROWDED = 1.2  # times its share: a part of nearly all rows is certain to hold a little more, and tells nobody
SHOWN = 10  # rows and parts
FIFTHS = (0.2, 0.4, 0.6, 0.8)
Cut = tuple[str, Codes, list[str]]  # name, each row's part (below zero: none), the parts' names


def find(rows: Rows, holdout: pd.DataFrame, settings: params.Resampling) -> Errors | None:
    """The worst rows of the candidate and where they crowd; none where no metric tells rows apart.

    `holdout` is its file of examples, its rows counted from 0. A part counts as found when it is certain,
    at the confidence of the intervals, for all that were looked at together (Holm).
    """
    told = losses(rows.label, rows.scores[1])
    if told is None:
        return None
    title, loss = told
    drawn = np.random.default_rng(settings.seed).random(len(loss))  # of equal losses, not the first rows
    order = np.lexsort((drawn, -loss))[: ceil(WORST * len(loss))]
    worst = np.zeros(len(loss), bool)
    worst[order] = True
    rows_min = max(settings.slice_rows_min, ceil(EXPECTED / WORST))
    found = [
        (name, names[one.part], one)
        for name, parts, names in cuts(rows.examples)
        for one in crowding.crowds(parts, worst, rows.codes, rows_min, settings.confidence)
    ]
    adjusted = paired.holm([one.p for _, _, one in found])
    certain = sorted(
        (
            ErrorSlice(
                cut=cut,
                name=name,
                rows=one.rows,
                worst=one.marked,
                times=round(one.times, 6),
                low=round(one.low, 6),
                high=round(one.high, 6),
                p=round(p, 6),
            )
            for (cut, name, one), p in zip(found, adjusted, strict=True)
            if p < 1 - settings.confidence and one.times >= CROWDED
        ),
        key=lambda part: -part.low,
    )
    sizes = np.abs(loss)
    return Errors(
        metric=title,
        rows=len(order),
        share=files.rounded(sizes[order].sum() / sizes.sum()) if sizes.sum() else None,
        worst=_worst(rows.examples.iloc[order[:SHOWN]], loss[order[:SHOWN]], holdout),
        slices=certain[:SHOWN],
        found=len(certain),
        looked_at=len(found),
        rows_min=rows_min,
    )


def losses(label: Floats, score: Floats) -> tuple[str, Floats] | None:
    """The first metric that tells rows apart, the primary one before all, and each row's loss in it.

    A row's loss is the metric of that row alone, turned so that more is worse. None where no metric does.
    """
    ordered = [metrics.PRIMARY, *(name for name in metrics.METRICS if name != metrics.PRIMARY)]
    for metric in map(metrics.METRICS.__getitem__, ordered):
        if metric.rows is None:
            continue
        parts = np.asarray(metric.rows(label, score), np.float64).reshape(len(label), -1)
        alone = metric.value(parts) if metric.value else parts[:, 0]
        loss = paired.loss(metric.better, np.asarray(alone, np.float64).reshape(len(label)))
        if np.isfinite(loss).all() and len(np.unique(loss)) > 2:
            return metric.title, loss
    return None


def cuts(examples: pd.DataFrame) -> Iterator[Cut]:
    """Every cut of the examples that is looked at; one that parts the rows as another did comes once."""
    seen = set()
    for name, parts, names in (*_declared(examples), *_columns(examples)):
        same = np.unique(parts, return_index=True, return_inverse=True)[1:]
        alike = np.argsort(np.argsort(same[0]))[same[1].reshape(-1)].astype(np.int32).tobytes()
        if alike not in seen:
            seen.add(alike)
            yield name, parts, names


def shown(row: pd.Series, names: list[str]) -> dict[str, str]:
    """Columns of a row as texts, those left out that the contract calls personal."""
    hidden = personal.marks()
    return {name: str(row[name]) for name in names if name not in hidden}


def place(keys: pd.DataFrame, holdout: pd.DataFrame) -> list[int]:
    """The rows of the holdout with these keys."""
    numbered = holdout[source.KEY].assign(row_number=np.arange(len(holdout)))
    return [
        int(row)
        for row in keys[source.KEY].merge(numbered, on=source.KEY, how="left", validate="1:1")["row_number"]
    ]


def _worst(examples: pd.DataFrame, loss: Floats, holdout: pd.DataFrame) -> list[WorstRow]:
    places = place(examples, holdout)
    return [
        WorstRow(row=at, key=shown(row, source.KEY), loss=round(float(value), 6))
        for at, value, (_, row) in zip(places, loss, examples.iterrows(), strict=True)
    ]


def _declared(examples: pd.DataFrame) -> Iterator[Cut]:
    for name, values in groups.cut({**metrics.SLICES, **metrics.SUBGROUPS}, examples).items():
        parts, names = pd.factorize(values, sort=True)
        yield name, parts.astype(np.int64), [str(one) for one in names]


def _columns(examples: pd.DataFrame) -> Iterator[Cut]:
    known = features.known(examples)
    told = [str(name) for name in known if name != features.DECIDED_AT and name not in personal.marks()]
    times = set(known[told].select_dtypes(["datetime", "datetimetz"]).columns)
    names = [name for name in told if name not in times]
    for name, column in zip(names, arrays.table(known, names).itercolumns(), strict=True):
        whole = column.combine_chunks()
        if arrays.is_number(whole.type):
            yield name, *_ranges(arrays.numbers(whole))
        else:
            values, parts = arrays.categories(whole)
            yield name, parts.astype(np.int64), ["missing" if one is None else one for one in values]


def _ranges(values: Floats) -> tuple[Codes, list[str]]:
    """Each value where they are ten or fewer, else each fifth; those that are missing are a part too."""
    missing = ~np.isfinite(values)
    known = np.unique(values[~missing])
    if len(known) <= 10:
        parts, names = np.searchsorted(known, values), [f"{value:.6g}" for value in known]
    else:
        edges = np.unique(np.quantile(values[~missing], FIFTHS))
        parts = np.searchsorted(edges, values)
        between = [f"{low:.6g} to {high:.6g}" for low, high in pairwise(edges.tolist())]
        names = [f"up to {edges[0]:.6g}", *between, f"over {edges[-1]:.6g}"]
    return np.where(missing, len(names), parts).astype(np.int64), [*names, "missing"]
