"""A figure of the evidence, beside its limit, and its status."""

import math
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "worse", "not enough"]


@dataclass(frozen=True)
class Check:
    """A figure with its interval (NaN where there is none), its limit if it has one, and a status.

    worse: beyond the limit. not enough: too little evidence to say. ok: neither.
    """

    title: str
    value: float
    low: float
    high: float
    limit: float | None
    status: Status
    needs: str = ""  # what is missing, of a check without which a stage may not end

    def text(self) -> str:
        """One line for the terminal."""
        value = number(self.value)
        interval = f"[{number(self.low)}, {number(self.high)}]" if math.isfinite(self.low) else ""
        limit = f"limit {self.limit:g}" if self.limit is not None else ""
        return f"{self.title:<44} {value:>9} {interval:<20} {limit:<12} {self.status}".rstrip()


def number(value: float) -> str:
    """A value with its sign; a dash where there is none."""
    return "-" if not math.isfinite(value) else f"{value:+.4f}" if abs(value) < 100 else f"{value:+,.0f}"
