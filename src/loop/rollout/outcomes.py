"""What became of requests: the outcomes by which challenger and champion are compared, as losses of rows."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from loop.data import score_columns
from loop.production.rollout_policy import Limits
from problem import metrics

Loss = Callable[[pd.DataFrame], np.ndarray]


def of(rows: pd.DataFrame, limits: Limits) -> list[tuple[str, Loss, float]]:
    """Title, loss per row and limit of what is tested: a mean of rows, and the business metric."""
    found: list[tuple[str, Loss, float]] = []
    names = [metrics.PRIMARY, *metrics.METRICS]  # the primary, or the first of which rows have a loss
    plain = (
        one for one in map(metrics.METRICS.__getitem__, names)
        if one.rows and not one.value and one.better != "zero"
    )  # fmt: skip
    metric = next(plain, None)
    if metric is not None and metric.rows is not None:
        found.append((metric.title, _turned(metric.rows, metric.better), limits.loss_max))
    business = getattr(metrics, "BUSINESS", None)
    if business is not None and (rows.empty or rows["decision"].notna().any()):
        loss = _turned(business.rows, business.better, decides=True)
        found.append((business.title, loss, limits.cost_max))
    return found


def _turned(rows: Callable[..., np.ndarray], better: str, *, decides: bool = False) -> Loss:
    """The figure of each row, of its decision too where it `decides`, turned so that less is better."""
    sign = -1.0 if better == "higher" else 1.0

    def loss(frame: pd.DataFrame) -> np.ndarray:
        scores = score_columns.array(frame)
        columns = [frame["label"].to_numpy(np.float64), scores]
        if decides:
            columns += [scores.argmax(axis=1) if scores.ndim > 1 else frame["decision"].to_numpy(bool)]
        return np.asarray(sign * np.asarray(rows(*columns), np.float64))

    return loss
