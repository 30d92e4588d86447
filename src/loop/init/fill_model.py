"""What fills model.py: which columns are numbers, categories and flags, and what of the clock is used."""

from typing import Any

import pandas as pd

from loop.init.cautious import Numbers
from loop.init.guessed import Guess
from loop.init.which_time import unit


def values(found: Guess, n: Numbers) -> dict[str, Any]:
    """What the template asks for, by name."""
    inputs = [found.columns[name] for name in found.inputs]
    texts = [one for one in inputs if one.kind == "text"]
    return {
        "params": "Linear" if n.linear else "Boosted",
        "builder": "linear" if n.linear else "boosted",
        "scorer": {"binary": "probability", "regression": "expected"}.get(found.task),
        "categories": [one.name for one in texts],
        "flags": [one.name for one in inputs if one.kind == "flag"],
        "numbers": [one.name for one in inputs if one.kind in ("number", "whole")],
        "trusted": "LINEAR_TRUSTED" if n.linear else "BOOSTED_TRUSTED",
        "parts": _parts(found, n),
        "middle": n.middle and not n.linear,
        "many": not n.linear and any(one.distinct > 250 for one in texts),
        "kind": found.task,
        "zone": found.zone,
    }


def _parts(found: Guess, n: Numbers) -> str:
    """What of the clock a model may use: only what the training window holds more than once."""
    if not found.time:
        return ""
    span, step = n.split - n.since, unit(found.time)
    parts = []
    if step <= pd.Timedelta(hours=1) and span > pd.Timedelta(days=3):
        parts.append("hour")
    if step <= pd.Timedelta(days=1) and span > pd.Timedelta(days=21):
        parts.append("weekday")
    if step <= pd.Timedelta(days=31) and span > pd.Timedelta(days=550):
        parts.append("month")
    return str(parts).replace("'", '"') if parts else ""
