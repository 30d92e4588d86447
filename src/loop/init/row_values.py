"""Of each row: when it was decided, its label as the model has it, and how much it counts."""

import numpy as np
import pandas as pd

from loop.init.guessed import Guess
from loop.init.which_label import shown
from loop.kit.sources import spread


def decided_at(found: Guess) -> pd.Series:
    """When each row was decided (UTC)."""
    if found.time:
        return found.time.values
    if found.row:
        keys = pd.DataFrame({"row": np.arange(len(found.data.frame))})
    else:
        keys = pd.DataFrame({name: found.columns[name].values for name in found.key})
    if found.group:
        keys = pd.DataFrame({found.group: found.columns[found.group].values})
    return spread(keys)


def truth(found: Guess) -> pd.Series:
    """The label as the model has it: 0 and 1, or a number; missing where the file has none."""
    values = found.label.values
    if found.task == "regression":
        return values.astype("float64")
    if found.classes:
        codes = values.map({name: place for place, name in enumerate(found.classes)}, na_action="ignore")
        return codes.astype("float64")
    one = values.map(shown, na_action="ignore") == found.positive
    return one.astype("float64").where(values.notna())


def weights(found: Guess, rows: pd.Index) -> np.ndarray | None:
    """How much these rows count; None where all count the same."""
    return found.columns[found.weight].values.loc[rows].to_numpy(np.float64) if found.weight else None
