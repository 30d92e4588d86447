"""What `loop search` may try, around the params that a problem begins with."""

from collections.abc import Mapping
from typing import Any

KNOWN = {  # of the kit's models: low, high, drawn by the logarithm
    "learning_rate": (0.01, 0.3, True),
    "leaves": (4, 63, True),
    "l2": (0.0, 10.0, False),
    "features_per_split": (0.2, 1.0, False),
    "alpha": (0.001, 1000.0, True),
}
TIMES = 3  # down and up, of whole numbers that the data set


def around(params: Mapping[str, Any]) -> dict[str, str]:
    """A range for each param, as params.yaml writes it; those of which none can be told are left out."""
    found = {name: _range(name, value) for name, value in params.items()}
    return {name: text for name, text in found.items() if text}


def _range(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "{choices: [true, false]}"
    if not isinstance(value, int | float) or value < 0:
        return ""
    low, high, log = KNOWN.get(name, (None, None, True))
    if low is not None and high is not None and isinstance(value, type(low)):
        return _written(min(low, value), max(high, value), log)
    if value == 0:
        return ""
    if isinstance(value, int):
        return _written(max(1, value // TIMES), max(value * TIMES, value + 1), True)
    return _written(value / 10, min(value * 10, 1.0) if value < 1 else value * 10, True)


def _written(low: float, high: float, log: bool) -> str:
    ends = ", ".join(f"{name}: {_plain(value)}" for name, value in (("low", low), ("high", high)))
    return f"{{{ends}{', log: true' if log else ''}}}"


def _plain(value: float) -> str:
    """A number as YAML reads it back, of the same type."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:.3g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.12f}".rstrip("0")
    return text if "." in text else f"{float(text):.1f}"
