"""Permutation importance: the mean move of the champion's score when a feature's column is shuffled."""

import numpy as np
import pandas as pd

from loop.monitor.inputs.champion_model import Champion

ROWS = 2000


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
    scores = champion.score(pd.concat([rows, *shuffled], ignore_index=True)).to_numpy()
    table = scores.reshape(len(features) + 1, len(rows))
    shifts = np.abs(table[1:] - table[0]).mean(axis=1)
    total = shifts.sum()
    return dict(zip(features, (shifts / total if total else shifts).tolist(), strict=True))
