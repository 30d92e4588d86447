"""Numbers that a person can read: two digits that count, rounded to the cautious side."""

import math
from collections.abc import Callable


def up(value: float, digits: int = 2) -> float:
    """The next number of so many digits that is not smaller."""
    return _to(value, digits, math.ceil)


def down(value: float, digits: int = 2) -> float:
    """The next number of so many digits that is not larger."""
    return _to(value, digits, math.floor)


def _to(value: float, digits: int, way: Callable[[float], int]) -> float:
    if value == 0 or not math.isfinite(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
    steps = round(value / unit, 6)  # 0.3 is 3 steps of 0.1, whatever floats say
    return float(f"{way(steps) * unit:.{digits + 4}g}")
