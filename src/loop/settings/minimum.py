"""Whether a metric is good enough to ship. Light: `loop run` ends with it."""

import math


def reaches(value: float | None, better: str, worst: float) -> bool:
    """Whether a metric is as good as `worst` or better; an undefined one is not."""
    if value is None or math.isnan(value):
        return False
    if better == "higher":
        return value >= worst
    return (abs(value) if better == "zero" else value) <= worst
