"""Features that stand still: one value, or none, where there were many. A dead sensor, not a drift."""

from typing import Any

import pandas as pd

from loop.features import DECIDED_AT
from loop.watch import Settings

ALONE = 0.995  # share of one value from which on a column says nothing
USUAL = 0.5  # share in the reference from which on a value may well be alone for some days, such as no rain
DAY = pd.Timedelta(days=1)


def stuck(
    rows: pd.DataFrame, names: list[str], days: tuple[pd.Timestamp, pd.Timestamp], settings: Settings
) -> list[str]:
    """Those of `names` with one value alone, or none, in the newest step's days, as they never had before.

    `days` are the end of the reference and that of the newest days, in UTC. A column that has stood still
    for as long in the reference (a month's number) does not count, and too few rows tell nothing.
    """
    reference, end = days
    decided = rows[DECIDED_AT]
    newest = rows[(decided >= end - settings.step_days * DAY) & (decided < end)]
    past = rows[decided < reference]
    if len(newest) < settings.rows_min * settings.step_days / settings.window_days:
        return []
    step = (past[DECIDED_AT] - past[DECIDED_AT].min()) // (settings.step_days * DAY)
    return [
        name
        for name in names
        if _most(newest[name])[1] >= ALONE
        and _share(past[name], _most(newest[name])[0]) < USUAL
        and all(_most(part)[1] < ALONE for _, part in past[name].groupby(step))
    ]


def _most(values: pd.Series) -> tuple[Any, float]:
    """The most frequent value, missing one of them, and its share."""
    counts = values.value_counts(dropna=False, normalize=True)
    return counts.index[0], float(counts.iloc[0])


def _share(values: pd.Series, value: Any) -> float:
    return float((values.isna() if pd.isna(value) else values == value).mean())
