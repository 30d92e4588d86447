"""How much rows count, where a problem says so: the weights that come with labels.

They reach the fit and every figure that is made of labels. Counts of rows, and what has no labels yet, take
each row as one.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from loop.base.errors import LoopError
from loop.kit.types import ROW_WEIGHT, Array


def of(rows: pd.DataFrame) -> Array | None:
    """The weight of each row, (rows,); None where all count the same."""
    return rows[ROW_WEIGHT].to_numpy(np.float64) if ROW_WEIGHT in rows else None


def to_fit(model: Any, weight: Array | None) -> dict[str, Array]:
    """Weights as an argument of `fit`, for the last step of a Pipeline; steps before see each row once.

    Raises LoopError where that step takes none.
    """
    if weight is None:
        return {}
    name, last = model.steps[-1] if isinstance(model, Pipeline) else ("", model)
    if not has_fit_parameter(last, "sample_weight"):
        raise LoopError(
            f"{type(last).__name__}, the last step of the model, takes no weights of rows",
            "an estimator whose `fit` has `sample_weight`, since labels come with weights",
            "take another estimator, or no `weight` in src/problem/source.py (`loop init --weight none`)",
        )
    return {f"{name}__sample_weight" if name else "sample_weight": weight}


def mean(values: Array, weight: Array | None) -> float:
    """The mean of values by weight; NaN where no row counts anything."""
    if weight is None:
        return float(values.mean())
    return float(values @ weight / weight.sum()) if weight.sum() > 0 else float("nan")
