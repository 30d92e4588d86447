"""What fills params.yaml: windows, minima and limits, with a reason beside each."""

from typing import Any

import pandas as pd

from loop.init import cautious, fill_metrics
from loop.init.cautious import Numbers
from loop.init.column_kinds import Column
from loop.init.guessed import Guess
from loop.init.of_task import two
from loop.init.row_values import decided_at, truth

LEAK = 0.97  # pairs that one column may put in order, until one does better from the first on
LUCK = 3  # standard errors that the largest gap of subgroups may have by luck


def values(found: Guess, n: Numbers, title: str) -> dict[str, Any]:
    """What the template asks for, by name."""
    strongest = fill_metrics.direction(found)
    reasons = {
        "day": "rows of one day resemble each other: days are resampled",
        "week": "rows of one week resemble each other: weeks are resampled; a column is called `day`",
        "hour": "rows of one hour resemble each other: hours are resampled",
        "part": "of a hundred parts, by the hash of the key: nothing says which rows resemble each other",
    }
    return {
        "n": n,
        "since": _instant(n.since),
        "split": _instant(n.split),
        "until": _instant(n.until),
        "as_of": _instant(n.as_of),
        "decided_from": _instant(n.since - pd.Timedelta(days=366)),
        "rows_min": max(cautious.HOLDOUT_MIN, min(1000, n.holdout_rows // 2)),
        "cluster_reason": reasons.get(
            n.cluster, f"rows of one {n.cluster} resemble each other: it is resampled"
        ),
        "group": found.group,
        "slice_rows_min": max(5, min(20, n.holdout_rows // 5), min(100, n.holdout_rows // 20)),
        "holdout_rows_min": max(cautious.HOLDOUT_MIN, n.holdout_rows // 2),
        "slice_margin": two(5 * n.margin),
        "minimum": cautious.above(n.naive_loss),
        "golden_min": 3,
        **_leak(n),
        "invariance": any('"the same"' in one for one in fill_metrics.behaviours(found)),
        "direction": _direction(strongest) if strongest else "",
        "fairness": _fairness(found, n),
        "name": title,
    }


def _direction(strongest: tuple[Column, float, float]) -> str:
    one, rho, held = strongest
    return (
        f"{one.name} and the label have a rank correlation of {rho:+.2f}; the other numbers held, {held:+.2f}"
    )


def _fairness(found: Guess, n: Numbers) -> dict[str, Any] | None:
    """The gap that groups of persons may have; None where no two have rows enough to tell one from luck."""
    least = max(30, n.holdout_rows // 20)
    columns = {name: found.columns[name].values for name in found.inputs}
    judged = pd.DataFrame(columns, index=truth(found).index)[
        ((decided_at(found) >= n.split) & truth(found).notna()).to_numpy()
    ]
    cuts = fill_metrics.cuts_of(found)
    sizes = [cuts[name].parts(judged).value_counts() for name in fill_metrics.of_persons(found)]
    if not any((size >= least).sum() > 1 for size in sizes):
        return None
    luck = LUCK * (2 / least) ** 0.5
    half = "no group may be served worse by half of the label's spread"
    by_luck = f"more than luck does between two groups of {least} rows"
    return {
        "rows": least,
        "limit": two(max(0.5, luck) * n.spread),
        "reason": half if luck <= 0.5 else by_luck,
    }


def _leak(n: Numbers) -> dict[str, Any]:
    """The limit of what one column may tell; above what the best does, which its finder was told of."""
    if n.order <= LEAK:
        reason = "share of pairs put in order; a column that does better alone knows the answer"
        return {"leak_limit": LEAK, "leak_reason": reason}
    reason = f"{n.alone} alone puts {n.order:.1%} of pairs in order; half of the rest, if that is no leak"
    return {"leak_limit": 1 - two((1 - n.order) / 2), "leak_reason": reason}


def _instant(at: pd.Timestamp) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at.second else f"{at:%Y-%m-%dT%H:%MZ}"
