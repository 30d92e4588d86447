"""What is watched, run by run: a value beside its limit, and when it alarms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.base import files
from loop.monitor.schema import Kind, Signal
from loop.settings.monitor_settings import Hysteresis

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One thing that is watched; arrays hold a value per run, oldest first, NaN where it is undefined."""

    kind: Kind
    name: str
    title: str
    value: Floats
    alarm: NDArray[np.bool_]
    limit: float = float("nan")
    p: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None

    def signal(self, runs: list[str], hysteresis: Hysteresis) -> Signal:
        """The newest run's value as plain numbers, with the first day of the run of runs that saw it."""
        value, limit = float(self.value[-1]), self.limit
        beside = "" if np.isnan(limit) else f", past windows stay below {limit:.3g}"
        summary = f"{self.title} is {value:.3g}{beside}" if np.isfinite(value) else "is undefined"
        return Signal(
            kind=self.kind,
            name=self.name,
            title=self.title,
            value=number(value),
            low=_last(self.low),
            high=_last(self.high),
            limit=number(limit),
            p=_last(self.p),
            alarm=bool(self.alarm[-1]),
            confirmed=confirmed(self.alarm, hysteresis),
            since=since(self.alarm, runs),
            summary=summary,
        )


def confirmed(alarm: NDArray[np.bool_], hysteresis: Hysteresis) -> bool:
    """Whether enough of the last runs alarm, the newest among them."""
    return bool(len(alarm) and alarm[-1] and alarm[-hysteresis.of :].sum() >= hysteresis.runs)


def since(alarm: NDArray[np.bool_], runs: list[str]) -> str | None:
    """The first day of the consecutive runs up to the newest that alarm; None if the newest does not."""
    count = 0
    while count < len(alarm) and alarm[-1 - count]:
        count += 1
    return runs[-count] if count else None


def _last(values: Floats | None) -> float | None:
    return None if values is None else number(float(values[-1]))


def number(value: float) -> float | None:
    """Six decimals; None for what is no finite number, which a finding does not hold."""
    return files.rounded(value) if np.isfinite(value) else None
