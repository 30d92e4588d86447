"""What the champion looks at, and how much: every input of its estimator, or the columns of an example."""

import numpy as np
import pandas as pd

from loop.data.features import OUTCOME
from loop.monitor.inputs.champion_model import Champion
from problem import schema

ROWS = 2000


def looked_at(
    champion: Champion, rows: pd.DataFrame, past: pd.Series, columns: list[str], seed: int
) -> tuple[pd.DataFrame, dict[str, float], list[str]]:
    """The rows with what the champion's Pipeline makes of them, the importance of each column, and notes.

    Importance is taken on the rows that are `past` (a mask). A champion that is no Pipeline, or whose columns
    the rows do not have, is asked about `columns` alone.
    """
    whole = [name for name in schema.EXAMPLE.columns if name not in OUTCOME]
    found = champion.looked_at(rows.loc[past, whole], seed) if set(whole) <= set(rows) else None
    if found is None:
        weights = permutation(champion, rows[past], columns, seed)
        return rows, weights, ["what the model makes of its columns is not monitored: only the columns are"]
    weights, made = found
    if made:
        rows = pd.concat([rows, champion.make(rows[whole], made)], axis="columns")
    return rows, {name: share for name, share in weights.items() if name in rows}, []


def permutation(
    champion: Champion, examples: pd.DataFrame, features: list[str], seed: int
) -> dict[str, float]:
    """Feature -> share of the sum of moves, 0 to 1; 0 for what the model does not look at.

    Permutation importance on the score itself (Fisher, Rudin and Dominici 2019), so it needs no label. All
    copies are scored in one call.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(examples), min(ROWS, len(examples)), replace=False))
    rows = examples.iloc[chosen].reset_index(drop=True)
    shuffled = [rows.assign(**{name: rows[name].iloc[rng.permutation(len(rows))].array}) for name in features]
    scores = champion.score(pd.concat([rows, *shuffled], ignore_index=True))
    table = scores.reshape(len(features) + 1, -1)
    shifts = np.abs(table[1:] - table[0]).mean(axis=1)
    total = shifts.sum()
    return dict(zip(features, (shifts / total if total else shifts).tolist(), strict=True))
