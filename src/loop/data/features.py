"""Columns of examples beside features: when each row was decided, what is known only later, what rows share.

A server imports it, whose image has no pyarrow and no engine.
"""

import pandas as pd

from loop.kit.types import ROW_WEIGHT
from problem import source

DECIDED_AT = "decided_at"
OUTCOME = ["label", "label_known_at", ROW_WEIGHT]
PART = "part"
UNITS = {"hour": "%Y-%m-%d %H", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "year": "%Y"}


def known(examples: pd.DataFrame) -> pd.DataFrame:
    """The examples as a model may see them when it scores: without what is known only later."""
    return examples.drop(columns=OUTCOME, errors="ignore")


def clusters(examples: pd.DataFrame, name: str) -> pd.Series:
    """What rows of one cluster have in common: a column, or the UTC hour, day, week and so on.

    A "part" is one of a hundred, by the hash of the key: where nothing says which rows are alike.
    """
    if name == PART and name not in examples:
        keys = pd.util.hash_pandas_object(examples[source.KEY], index=False).to_numpy()
        return pd.Series([f"{key % 100:02d}" for key in keys.tolist()], index=examples.index)
    if name in examples or name not in UNITS:
        return examples[name]
    found: pd.Series = examples[DECIDED_AT].dt.tz_convert("UTC").dt.strftime(UNITS[name])
    return found
