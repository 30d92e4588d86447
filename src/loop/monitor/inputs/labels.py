"""Predictions joined with their labels as known at an instant: pending, never, or known, each with its delay.

A label counts from when it is known: at an earlier `now` the same rows give what was known then.
"""

from dataclasses import dataclass

import pandas as pd

from loop.base.errors import LoopError
from loop.data.features import DECIDED_AT
from loop.monitor.schema import Age, Outcomes
from loop.settings.monitor_settings import Settings
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
    duplicate_labels: int
    orphan_labels: int
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
    _zoned(predictions, DECIDED_AT)
    ahead = predictions[DECIDED_AT] > now
    kept = predictions[~ahead]
    delay = settings.labels.delay_days * DAY
    came = known(labels, now - delay)
    asked = predictions[[*source.KEY, DECIDED_AT]].drop_duplicates(source.KEY)
    found = came.merge(asked, on=source.KEY, how="left", validate="m:1")
    before = found[KNOWN_AT] <= found[DECIDED_AT]
    orphan_labels = found[DECIDED_AT].isna()
    right = found[~before & ~orphan_labels].drop(columns=DECIDED_AT)
    once = right.drop_duplicates(source.KEY)
    late = once.assign(**{KNOWN_AT: once[KNOWN_AT] + delay})
    rows = kept.merge(late, on=source.KEY, how="left", validate="m:1").set_axis(kept.index)
    return Joined(
        rows=rows.assign(label=rows["label"].astype("float64")),
        now=now,
        wait=settings.wait_days * DAY,
        duplicate_labels=len(right) - len(once),
        orphan_labels=int(orphan_labels.sum()),
        before=int(before.sum()),
        ahead=int(ahead.sum()),
    )


def known(labels: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """The labels known by `until` (UTC), in that order. Raises LoopError for times without a zone."""
    _zoned(labels, KNOWN_AT)
    there = labels[(labels[KNOWN_AT] <= until) & labels["label"].notna()]
    in_order: pd.DataFrame = there.sort_values(KNOWN_AT, kind="stable")
    return in_order


def _zoned(frame: pd.DataFrame, name: str) -> None:
    if not isinstance(frame[name].dtype, pd.DatetimeTZDtype):
        raise LoopError(
            f"`{name}` has no time zone ({frame[name].dtype})",
            "instants in UTC",
            "convert it to UTC in src/problem/source.py",
        )


def outcomes(joined: Joined, since: pd.Timestamp) -> Outcomes:
    """What became of the predictions decided from `since` on (UTC), and the share known by age in days."""
    rows = joined.rows[joined.rows[DECIDED_AT] >= since]
    came = rows[KNOWN_AT].notna()
    final = rows[DECIDED_AT] <= joined.now - joined.wait
    delay = (rows[KNOWN_AT] - rows[DECIDED_AT]).dropna().dt.total_seconds() / 3600
    age = ((joined.now - rows[DECIDED_AT]) // DAY).astype("int64")  # type: ignore[operator]
    sizes, sums = (came.groupby(age).agg(how) for how in ("size", "sum"))
    return Outcomes(
        rows=len(rows),
        known=int(came.sum()),
        pending=int((~came & ~final).sum()),
        unlabelled=int((~came & final).sum()),
        duplicate_labels=joined.duplicate_labels,
        orphan_labels=joined.orphan_labels,
        before=joined.before,
        ahead=joined.ahead,
        delay_hours_median=round(float(delay.median()), 2) if len(delay) else None,
        delay_hours_99=round(float(delay.quantile(0.99)), 2) if len(delay) else None,
        ages=[Age(days=day, rows=int(sizes[day]), known=int(sums[day])) for day in sizes.index.tolist()],
    )
