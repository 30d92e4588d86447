"""What requests came to, week by week: the problem's KPI, with intervals by days. It decides nothing."""

import numpy as np
import pandas as pd

from loop.base import files
from loop.data import kpi
from loop.data.features import DECIDED_AT
from loop.monitor.inputs.windows import DAY
from loop.monitor.schema import Kpi, KpiWeek
from loop.stats import bootstrap

WEEKS = 12  # that are shown
REPLICATES, CONFIDENCE = 1000, 0.95


def weeks(rows: pd.DataFrame, now: pd.Timestamp, seed: int) -> Kpi | None:
    """The weeks whose values are final at `now` (UTC); None where the problem has no KPI.

    Rows are requests since the champion's training: KEY, decided_at and, of those that the log had, their id.
    """
    one = kpi.declared()
    if one is None:
        return None
    end = (now - one.final_after).floor("D")
    shown = rows[rows[DECIDED_AT] >= end - WEEKS * 7 * DAY]
    joined = kpi.of_rows(shown, now)
    if joined is None:
        return None
    known = shown.assign(value=joined.values).dropna(subset="value")
    ends = [end - place * 7 * DAY for place in reversed(range(WEEKS))]
    return Kpi(
        title=one.title,
        unit=one.unit,
        weeks=[_week(known, until, seed) for until in ends if (shown[DECIDED_AT] < until).any()],
        joined=joined.counts.text(),
        late=joined.counts.late,
        fault=joined.fault,
    )


def _week(known: pd.DataFrame, until: pd.Timestamp, seed: int) -> KpiWeek:
    at = known[DECIDED_AT]
    value = known["value"][(at < until) & (at >= until - 7 * DAY)]
    codes, days = pd.factorize(at[value.index].dt.floor("D"))
    found = None
    if len(days):
        of = bootstrap.means(value.to_numpy(np.float64), codes, len(days))
        found = bootstrap.estimate(of, codes, bootstrap.weights(len(days), REPLICATES, seed), CONFIDENCE)
    return KpiWeek(
        until=f"{until:%Y-%m-%d}",
        rows=len(value),
        value=files.rounded(found.value) if found else None,
        low=files.rounded(found.low) if found else None,
        high=files.rounded(found.high) if found else None,
    )
