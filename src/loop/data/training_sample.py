"""Which rows a model is fitted on where there are more than its settings allow: chosen by a hash of the key.

The same rows whatever their order, and mostly the same when the window moves. Each row has the same chance,
so means and probabilities stay what they are without weights.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

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


class Stored:
    """Rows of a Parquet file that are fitted, read as they are asked for, and only so many at once.

    Like a frame it has `columns`, a length, columns by a list of their names, and rows by `take`. Raises
    LoopError where the file cannot be read.
    """

    def __init__(self, path: Path, key: list[str], most: int | None = None) -> None:
        self.path, self.columns, self.there = path, files.columns(path), files.rows(path)
        fits = most is None or self.there <= most
        self._chosen = None if fits else _chosen(files.read_table(path, key), cast(int, most))

    def __len__(self) -> int:
        return self.there if self._chosen is None else len(self._chosen)

    def __getitem__(self, names: list[str]) -> pd.DataFrame:
        whole = files.read_table(self.path, names)
        return whole if self._chosen is None else whole.iloc[self._chosen].reset_index(drop=True)

    def take(self, places: Array) -> pd.DataFrame:
        """Rows at these places, which are in order."""
        chosen = places if self._chosen is None else self._chosen[places]
        return pd.concat(self._slices(chosen), ignore_index=True)

    def slices(self) -> Iterator[pd.DataFrame]:
        """All of them."""
        return files.batches(self.path, ROWS) if self._chosen is None else self._slices(self._chosen)

    def read(self) -> pd.DataFrame:
        """All of them in one frame."""
        return files.read_table(self.path) if self._chosen is None else self.take(np.arange(len(self)))

    def _slices(self, chosen: Array) -> Iterator[pd.DataFrame]:
        start = 0
        for batch in files.batches(self.path, ROWS):
            first, last = np.searchsorted(chosen, (start, start + len(batch)))
            yield batch.iloc[chosen[first:last] - start]
            start += len(batch)


def _chosen(keys: pd.DataFrame, most: int) -> Array:
    """Places of the rows, in order. The hash is mixed once more (splitmix64): parts and folds go by it too.

    Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    mixed = pd.util.hash_pandas_object(keys, index=False).to_numpy().copy()
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.sort(np.argsort(mixed, kind="stable")[:most])
