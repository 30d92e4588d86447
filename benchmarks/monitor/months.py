"""The loss that the frozen champion was expected to have, from scores alone, and what came true, by month."""

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.monitor.world import World
from loop.data.features import DECIDED_AT
from loop.monitor.signals import estimate, performance


def measure(world: World) -> dict[str, Any]:
    """Per month after the training, learnt from the training months alone, scored out of fold.

    naive: the mean loss of those; label and score: their means in the month.
    """
    past = world.before(world.trained)
    model = estimate.Estimate(past, past, world.settings.seed)
    later = world.rows[world.rows[DECIDED_AT] >= pd.Timestamp(world.trained, tz="UTC")]
    known = performance.daily(past, f"{past[DECIDED_AT].min():%Y-%m-%d}", world.trained)
    naive = float(known.loss.sum() / known.rows.sum())
    found = []
    for month, rows in later.groupby(later[DECIDED_AT].dt.strftime("%Y-%m")):
        days = np.unique(rows[DECIDED_AT].dt.tz_localize(None).to_numpy("datetime64[D]"))
        every = np.arange(days[0], days[-1] + 1)
        inside = np.ones((1, len(every)), bool)
        expected = model.of(model.daily(rows, every), inside)
        labelled = rows[rows["label"].notna()]
        sums = performance.daily(labelled, str(every[0]), str(every[-1] + 1))
        realised = performance.windowed(sums.loss, sums, inside, world.settings.seed)
        found.append(
            {
                "month": month,
                "rows": len(rows),
                **{f"expected{end}": _only(part) for end, part in _ends(expected)},
                **{f"realised{end}": _only(part) for end, part in _ends(realised)},
                "label": round(float(labelled["label"].mean()), 4),
                "score": round(float(rows["score"].mean()), 4),
            }
        )
    errors = [one["expected"] - one["realised"] for one in found]
    return {
        "naive": round(naive, 4),
        "months": found,
        "mean error": round(float(np.abs(errors).mean()), 4),
        "mean error of naive": round(float(np.mean([abs(naive - one["realised"]) for one in found])), 4),
        "correlation": round(
            float(np.corrcoef([[one[name] for one in found] for name in ("expected", "realised")])[0, 1]), 2
        ),
    }


def _ends(found: performance.Windowed) -> list[tuple[str, np.ndarray]]:
    return [("", found.value), ("_low", found.low), ("_high", found.high)]


def _only(values: np.ndarray) -> float:
    return round(float(values[0]), 4)
