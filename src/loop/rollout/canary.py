"""A canary: the requests that each model answered, compared by what became of them.

Rows of all canary stages are pooled, each with the share that its stage gave the challenger. The bounds
hold at every interim analysis (stats/sequential.py); `limits.alpha` is divided among them, so that an equal
challenger is called worse by any of them with that chance at most.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from loop.base.counted import in_digits
from loop.data.prediction_log import REQUEST
from loop.production.rollout_policy import Limits, Needed
from loop.production.state import Challenger, Champion
from loop.rollout import outcomes
from loop.rollout.evidence_check import Check, Status
from loop.rollout.outcomes import Outcome
from loop.rollout.shadow import latency
from loop.stats import sequential
from loop.stats.sequential import Bounds

SWITCH = pd.Timedelta(minutes=5)  # in which a new share takes effect: nothing is due from the challenger


def compare(
    champion: Champion, challenger: Challenger, log: pd.DataFrame, limits: Limits, needs: Needed
) -> tuple[pd.DataFrame, Sequence[Check]]:
    """The rows that the challenger answered in its stage, and what both arms show since the first canary.

    An outcome is worse when even the lower bound of its loss is beyond the limit.
    """
    rows = _arms(champion, challenger, log)
    tested = outcomes.of(rows, limits)
    counted = outcomes.of_kpi(limits)
    deciding = [one for one in (*tested, counted) if one is not None and one.limit is not None]
    alpha = limits.alpha / (len(deciding) + 1)
    checks = [_outcome(rows, one, alpha, needs) for one in tested]
    checks += [_kpi(rows, counted, alpha, needs)] if counted else []
    checks.append(_unanswered(rows, limits.error_share_max, alpha))
    mine = rows["challenger"] == 1
    here = rows["at"] >= challenger.stage.since
    enough = bool((mine & here).sum() >= max(1, needs.rows_min))
    times = rows["latency_ms"]
    checks += latency(times[~mine & here], times[mine & here], limits.latency_times_max, enough)
    return rows[mine & here], checks


def _arms(champion: Champion, challenger: Challenger, log: pd.DataFrame) -> pd.DataFrame:
    """Rows of the canary stages, each once: `challenger` 1 or 0, its `share`, entity and day as codes."""
    stages = challenger.stages
    begins = pd.DatetimeIndex([one.since for one in stages])
    place = begins.searchsorted(pd.DatetimeIndex(log["at"]), side="right") - 1
    share = np.array([one.weight / 100 for one in stages])[place]
    mine = (log["commit"] == challenger.commit) & (log["role"] == "challenger")
    others = (log["commit"] == champion.commit) & (log["role"] == "champion")
    rows = log.assign(challenger=mine.astype("float64"), share=share, began=begins[place])
    rows = rows[(place >= 0) & (share > 0) & (mine | others)].drop_duplicates(REQUEST)
    return rows.assign(
        unit=pd.factorize(rows["entity"])[0].astype("int64"),
        block=pd.factorize(rows["at"].dt.floor("D"))[0].astype("int64"),
    )


def _outcome(rows: pd.DataFrame, one: Outcome, alpha: float, needs: Needed) -> Check:
    known = rows[one.known(rows)]
    found = sequential.difference(
        one.loss(known),
        known["challenger"].to_numpy(),
        known["share"].to_numpy(),
        entity=known["unit"].to_numpy(),
        block=known["block"].to_numpy(),
        alpha=alpha,
    )
    asked = f"{found.information:,.0f} of {sequential.BURN_IN} {one.kind} for bounds on {one.title}"
    waits = needs.labels_min > 0 and one.limit is not None
    return _check(f"{one.title}, worse by", found, one.limit, asked if waits else "")


def _kpi(rows: pd.DataFrame, one: Outcome, alpha: float, needs: Needed) -> Check:
    """The KPI as any outcome, with what a request of each arm came to."""
    found, means = _outcome(rows, one, alpha, needs), rows.groupby("challenger")[outcomes.KPI].mean().dropna()
    if len(means) < 2:
        return found
    return replace(
        found, title=f"{found.title}, {in_digits(means[1.0])} beside {in_digits(means[0.0])} {one.unit}"
    )


def _unanswered(rows: pd.DataFrame, limit: float, alpha: float) -> Check:
    """Requests due to the challenger that the champion answered, because it failed or was too slow."""
    due = rows[rows["at"] >= rows["began"] + SWITCH]
    found = sequential.shortfall(
        due["challenger"].to_numpy(), due["share"].to_numpy(), entity=due["unit"].to_numpy(), alpha=alpha
    )
    return _check("share due to it that it did not answer", found, limit, "")


def _check(title: str, found: Bounds, limit: float | None, needs: str) -> Check:
    status: Status = "ok" if np.isfinite(found.low) else "not enough"
    if limit is not None and found.low > limit:
        status = "worse"
    return Check(title, found.value, found.low, found.high, limit, status, needs)
