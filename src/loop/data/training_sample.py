"""Which rows a model is fitted on where there are more than its settings allow: chosen by a hash of the key.

The same rows whatever their order, and mostly the same when the window moves. Each row has the same chance,
so means and probabilities stay what they are without weights.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from loop.base import files
from loop.kit.types import Array

ROWS = 200_000  # that are read at once


def of(examples: pd.DataFrame, key: list[str], most: int | None) -> pd.DataFrame:
    """The rows that are fitted, in their order: all, or the `most` whose keys have the smallest hashes."""
    if most is None or len(examples) <= most:
        return examples
    return examples.iloc[_chosen(examples[key], most)].reset_index(drop=True)


def read(path: Path, key: list[str], most: int | None) -> tuple[pd.DataFrame, int]:
    """`of` a Parquet file, and how many rows that has; memory holds the keys and what is chosen.

    Raises LoopError where the file cannot be read.
    """
    if most is None:
        whole = files.read_table(path)
        return whole, len(whole)
    keys = files.read_table(path, key)
    if len(keys) <= most:
        return files.read_table(path), len(keys)
    chosen, start, parts = _chosen(keys, most), 0, []
    for batch in files.batches(path, ROWS):
        first, last = np.searchsorted(chosen, (start, start + len(batch)))
        parts.append(batch.iloc[chosen[first:last] - start])
        start += len(batch)
    return pd.concat(parts, ignore_index=True), len(keys)


def _chosen(keys: pd.DataFrame, most: int) -> Array:
    """Places of the rows, in order. The hash is mixed once more (splitmix64): parts and folds go by it too.

    Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    mixed = pd.util.hash_pandas_object(keys, index=False).to_numpy().copy()
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.sort(np.argsort(mixed, kind="stable")[:most])
