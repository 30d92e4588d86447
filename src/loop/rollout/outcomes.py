"""What became of requests: the outcomes by which challenger and champion are compared, as losses of rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loop.data import kpi, score_columns
from loop.production.rollout_policy import Limits
from problem import metrics

Loss = Callable[[pd.DataFrame], np.ndarray]
KPI = "kpi"  # the column of the joined log


@dataclass(frozen=True)
class Outcome:
    """What is tested as a mean of rows: less `loss` is better, `columns` must be there for it.

    Worse by more than `limit` ends the canary; None is only shown.
    """

    title: str
    loss: Loss
    limit: float | None
    columns: tuple[str, ...] = ("label",)
    kind: str = "labels"
    unit: str = ""

    def known(self, rows: pd.DataFrame) -> pd.Series:
        """Of which rows it is known."""
        there: pd.Series = rows[[*self.columns]].notna().all(axis="columns")
        return there


def of(rows: pd.DataFrame, limits: Limits) -> list[Outcome]:
    """What labels say of an answer: a mean of rows, and the business metric."""
    found: list[Outcome] = []
    names = [metrics.PRIMARY, *metrics.METRICS]  # the primary, or the first of which rows have a loss
    plain = (
        one for one in map(metrics.METRICS.__getitem__, names)
        if one.rows and not one.value and one.better != "zero"
    )  # fmt: skip
    metric = next(plain, None)
    if metric is not None and metric.rows is not None:
        found.append(Outcome(metric.title, _turned(metric.rows, metric.better), limits.loss_max))
    business = getattr(metrics, "BUSINESS", None)
    if business is not None and (rows.empty or rows["decision"].notna().any()):
        loss = _turned(business.rows, business.better, decides=True)
        found.append(Outcome(business.title, loss, limits.cost_max, ("label", "decision")))
    return found


def of_kpi(limits: Limits) -> Outcome | None:
    """What requests came to, by the problem's KPI; None where it has none.

    It is the outcome of who answered: models that answer the same requests cannot be told apart by it.
    """
    if (one := kpi.declared()) is None:
        return None
    sign = _sign(one.better)

    def loss(rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(sign * rows[KPI].to_numpy(np.float64))

    return Outcome(one.title, loss, limits.kpi_max, (KPI,), "outcomes", one.unit)


def _sign(better: str) -> float:
    return -1.0 if better == "higher" else 1.0


def _turned(rows: Callable[..., np.ndarray], better: str, *, decides: bool = False) -> Loss:
    """The figure of each row, of its decision too where it `decides`, turned so that less is better."""
    sign = _sign(better)

    def loss(frame: pd.DataFrame) -> np.ndarray:
        scores = score_columns.array(frame)
        columns = [frame["label"].to_numpy(np.float64), scores]
        if decides:
            columns += [scores.argmax(axis=1) if scores.ndim > 1 else frame["decision"].to_numpy(bool)]
        return np.asarray(sign * np.asarray(rows(*columns), np.float64))

    return loss
