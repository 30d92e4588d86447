"""Repairs of known faults, ready to use: values that cannot be, and readings that jump."""

from collections.abc import Callable, Sequence

import pandas as pd

from loop.kit.types import Repair


def missing(
    name: str, table: str, why: str, column: str, cannot_be: Callable[[pd.Series], pd.Series]
) -> Repair:
    """Values of a column that cannot be, or that stand for nothing, are missing."""
    return Repair(
        name, table, why, lambda rows: rows.assign(**{column: rows[column].mask(cannot_be(rows[column]))})
    )


def jumps(
    name: str,
    table: str,
    why: str,
    columns: Sequence[str],
    *,
    entity: str,
    time: str,
    more_than: float,
    readings: int = 3,
) -> Repair:
    """Readings of an entity are missing where the first of the columns is far off its last few's median."""

    def fix(rows: pd.DataFrame) -> pd.DataFrame:
        in_time = rows.sort_values([entity, time])
        of = in_time.groupby(entity)[columns[0]].shift(1).groupby(in_time[entity])
        before = of.rolling(readings, min_periods=1).median().droplevel(0)
        jumped = (in_time[columns[0]] - before).abs().reindex(rows.index) > more_than
        return rows.assign(**{one: rows[one].mask(jumped) for one in columns})

    return Repair(name, table, why, fix)
