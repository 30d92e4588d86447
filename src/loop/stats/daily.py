"""What a table says day by day: its rows, and of each column level, spread, shares, shape and relations.

A fault of a feed begins between two days, in one column, often in one group; a season does neither. So every
measure is a series of days: what lies before a first day is what the table was like, and sets its scale.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loop.stats import day_columns, day_relations, day_rows
from loop.stats.arrays import Floats
from loop.stats.day_columns import Groups, Series
from loop.stats.day_rows import DayRows


@dataclass(frozen=True)
class Measure:
    """What a series measures: of a table or one of its columns, of all rows or of those of one value."""

    table: str
    column: str
    group: tuple[str, ...]  # column and value, or nothing
    name: str


@dataclass(frozen=True, eq=False)
class Daily:
    """`values` (days, measures) of whole days in UTC without gaps; NaN where a day cannot tell.

    `rows` (measures,) are those of a usual day of the `past` first days, of the group alone where a measure
    has one.
    """

    days: NDArray[np.datetime64]
    measures: list[Measure]
    values: Floats
    rows: Floats
    past: int


def daily(
    table: str,
    rows: pd.DataFrame,
    time: str,
    key: Sequence[str],
    days: NDArray[np.datetime64],
    past: int,
    apart: Collection[str] = (),
) -> Daily:
    """Every measure of the rows of `days` (datetime64[D], in order), the first `past` of which set the scale.

    `time` is the column of instants (UTC) that says the day of a row; `key` names rows, and is no measure
    but where its values are groups. Columns `apart` tell nothing of the others.
    """
    of = day_rows.in_order(table, rows, time, key, days, past, apart)
    numbers, texts = day_columns.split(of)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_column = {name: day_columns.groups(of, column) for name, column in texts.items()}
        groups = {name: own for name, own in by_column.items() if own}
        found = list(_series(of, numbers, texts, groups))
    measures = [
        Measure(table, column, group, f"time of day: {name}" if column == time else name)
        for column, name, group, _ in found
    ]
    shares: dict[tuple[str, ...], float] = {
        (name, value): own[: of.known].mean()
        for name, values in groups.items()
        for value, own in values.items()
    }
    usual = float(np.median(of.count[:past]))
    of_group = np.array([usual * shares.get(one.group, 1.0) for one in measures])
    of_group[[one.name == day_columns.OF_A_WEEK for one in measures]] *= 7
    of_group[[one.name == "same number of rows" for one in measures]] = 1.0  # a day says it once
    return Daily(days, measures, np.column_stack([values for *_, values in found]), of_group, past)


def _series(of: DayRows, numbers: dict[str, Floats], texts: dict[str, pd.Series], groups: Groups) -> Series:
    yield from day_columns.of_rows(of)
    for name, column in texts.items():
        yield from day_columns.of_texts(of, name, column, groups.get(name, {}))
    scores: dict[str, day_columns.Scores] = {}
    for name, values in numbers.items():
        scores[name], bins = day_columns.scores(of, values)
        yield from day_columns.of_numbers(of, name, values, bins)
    for name in (name for name in map(str, of.rows) if name in of.apart):
        yield from day_columns.of_classes(of, name, groups)
    yield from day_columns.of_readings(of, numbers, scores, groups)
    if len(of.rows):
        yield from day_relations.of_products(of, scores, groups)
