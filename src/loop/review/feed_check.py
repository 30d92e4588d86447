"""What changed in the feed between the rows that the champion trained on and the new ones: a check."""

from typing import Any

from loop.base import files
from loop.base.counted import counted
from loop.data import feed_changes
from loop.data.feed_changes import Change, matches
from loop.review.verdict import Check, FeedChange
from loop.settings.params import Windows
from loop.settings.paths import VALID
from problem import source

NAMED = 3  # in the line of the check; the section has all with what they were and are
REASON = "a fault of a feed looks like a changed world, and a model that trains on it learns it"


def changes(champion: Windows, own: Windows, base: Any) -> list[FeedChange]:
    """What changed on days that train the candidate and neither trained nor judged the champion.

    `base` is the params of the base branch: what was accepted there.
    """
    if own.train.until <= champion.holdout.until:
        return []
    accepted = ((base or {}).get("monitor") or {}).get("accepted") or []
    valid = {name: files.read_table(VALID / f"{name}.parquet") for name in source.TIME}
    found = feed_changes.find(
        feed_changes.tables(valid, own.as_of), own.since, champion.holdout.until, own.train.until
    )
    return [FeedChange(**one.as_json(), accepted=_reason(one, accepted)) for one in found]


def check(found: list[FeedChange]) -> Check:
    """Inconclusive while nobody has explained a change."""
    open_ones = [f"{one.place}, since {one.since}" for one in found if one.accepted is None]
    more = f"; and {counted(len(open_ones) - NAMED, 'more change')}" if open_ones[NAMED:] else ""
    return Check(
        name="feed_changes",
        result="inconclusive" if open_ones else "pass",
        figure=float(len(open_ones)),
        limit=0.0,
        finding="; ".join(open_ones[:NAMED]) + more
        or "no change of the feed on new training rows is unexplained",
        reason=REASON,
    )


def _reason(change: Change, accepted: Any) -> str | None:
    for one in accepted if isinstance(accepted, list) else []:
        if isinstance(one, dict) and {"change", "since", "reason"} <= one.keys():
            try:
                if matches(str(one["change"]), str(one["since"]), change.place, change.since):
                    return str(one["reason"])
            except ValueError:
                continue  # no day
    return None
