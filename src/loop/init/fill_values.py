"""Values of the rows of a guess, as code may name them."""

from typing import Any

import numpy as np
import pandas as pd

from loop.init.guessed import Guess


def plain(value: Any) -> Any:
    """A value of a column as Python's own."""
    if value is None or value is pd.NaT or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def is_personal(found: Guess, name: str) -> bool:
    """Whether a column is of a person, so that no code may show its values."""
    return name in found.columns and found.columns[name].personal
