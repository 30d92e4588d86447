"""Predictions joined with their labels as known at an instant: pending, never, or known, each with its delay.

A label counts from when it is known: at an earlier `now` the same rows give what was known then.
"""

from dataclasses import dataclass

import pandas as pd

from loop.errors import LoopError
from loop.features import DECIDED_AT
from loop.monitor.finding import Age, Outcomes
from loop.watch import Settings
from problem import source

KNOWN_AT = "label_known_at"
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Joined:
    """Predictions, a row each, with `label` and `label_known_at`, null where none came, and what was odd.

    twice: labels that came again; strange: labels of no prediction; before: labels known by the decision;
    ahead: predictions decided after `now`.
    """

    rows: pd.DataFrame
    now: pd.Timestamp
    wait: pd.Timedelta
    twice: int
    strange: int
    before: int
    ahead: int

    def matured(self) -> pd.DataFrame:
        """The rows of final age whose label came in time: what every figure is made of.

        Younger ones are left out though they may have a label: labels that come early are not like others.
        """
        age, waited = self.now - self.rows[DECIDED_AT], self.rows[KNOWN_AT] - self.rows[DECIDED_AT]
        return self.rows[(age >= self.wait) & (waited <= self.wait)]


def join(predictions: pd.DataFrame, labels: pd.DataFrame, now: pd.Timestamp, settings: Settings) -> Joined:
    """Each prediction with the first label that came for it by `now` (UTC).

    predictions: KEY, decided_at and whatever else, a row per prediction; labels: KEY, label, label_known_at.
    Raises LoopError for times without a zone.
    """
    for frame, name in ((predictions, DECIDED_AT), (labels, KNOWN_AT)):
        if not isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            raise LoopError(
                f"`{name}` has no time zone ({frame[name].dtype})",
                "instants in UTC",
                "convert it to UTC in src/problem/source.py",
            )
    ahead = predictions[DECIDED_AT] > now
    kept = predictions[~ahead]
    late = labels.assign(**{KNOWN_AT: labels[KNOWN_AT] + settings.labels.delay_days * DAY})
    late = late[late[KNOWN_AT] <= now].sort_values(KNOWN_AT, kind="stable")
    once = late.drop_duplicates(source.KEY)
    asked = predictions[source.KEY].drop_duplicates()
    strange = len(once) - len(once.merge(asked, on=source.KEY))
    rows = kept.merge(once, on=source.KEY, how="left", validate="m:1").set_axis(kept.index)
    before = rows[KNOWN_AT] <= rows[DECIDED_AT]
    rows.loc[before, ["label", KNOWN_AT]] = None
    return Joined(
        rows=rows.assign(label=rows["label"].astype("float64")),
        now=now,
        wait=settings.wait_days * DAY,
        twice=len(late) - len(once),
        strange=strange,
        before=int(before.sum()),
        ahead=int(ahead.sum()),
    )


def outcomes(joined: Joined, since: pd.Timestamp) -> Outcomes:
    """What became of the predictions decided from `since` on (UTC), and the share known by age in days."""
    rows = joined.rows[joined.rows[DECIDED_AT] >= since]
    known = rows[KNOWN_AT].notna()
    final = rows[DECIDED_AT] < joined.now - joined.wait
    delay = (rows[KNOWN_AT] - rows[DECIDED_AT]).dropna().dt.total_seconds() / 3600
    age = ((joined.now - rows[DECIDED_AT]) // DAY).astype("int64")  # type: ignore[operator]
    sizes, sums = (known.groupby(age).agg(how) for how in ("size", "sum"))
    return Outcomes(
        rows=len(rows),
        known=int(known.sum()),
        pending=int((~known & ~final).sum()),
        never=int((~known & final).sum()),
        twice=joined.twice,
        strange=joined.strange,
        before=joined.before,
        ahead=joined.ahead,
        delay_hours_median=round(float(delay.median()), 2) if len(delay) else None,
        delay_hours_99=round(float(delay.quantile(0.99)), 2) if len(delay) else None,
        ages=[Age(days=day, rows=int(sizes[day]), known=int(sums[day])) for day in sizes.index.tolist()],
    )
