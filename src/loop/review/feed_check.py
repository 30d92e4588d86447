"""What changed in the feed between the rows that the champion trained on and the new ones: a check."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from loop.base import files
from loop.base.counted import counted
from loop.data import feed_changes, feed_tables
from loop.review.verdict import Check, FeedChange
from loop.settings.monitor_settings import Accepted
from loop.settings.params import Windows
from loop.settings.paths import VALID
from problem import source

NAMED = 3  # in the line of the check; the section has all with what they were and are
REASON = "a fault of a feed looks like a changed world, and a model that trains on it learns it"


def changes(champion: Windows, own: Windows, base: Any) -> list[FeedChange]:
    """What changed on days that train or judge the candidate, and neither trained nor judged the champion.

    `base` is the params of the base branch: what was accepted there.
    """
    if own.holdout.until <= champion.holdout.until:
        return []
    valid = {name: files.read_table(VALID / f"{name}.parquet") for name in source.TIME}
    found = feed_changes.find(
        feed_tables.tables(valid, own.as_of),
        own.since,
        champion.holdout.until,
        own.holdout.until,
        accepted=list(_accepted(((base or {}).get("monitor") or {}).get("accepted"))),
    )
    return [FeedChange(**one.as_json(), accepted=one.accepted) for one in found]


def check(found: list[FeedChange]) -> Check:
    """Inconclusive while nobody has explained a change."""
    open_ones = [f"{one.place}, since {one.since}" for one in found if one.accepted is None]
    more = f"; and {counted(len(open_ones) - NAMED, 'more change')}" if open_ones[NAMED:] else ""
    return Check(
        name="feed_changes",
        result="inconclusive" if open_ones else "pass",
        figure=float(len(open_ones)),
        limit=0.0,
        finding="; ".join(open_ones[:NAMED]) + more or "no change of the feed on new rows is unexplained",
        reason=REASON,
    )


def _accepted(entries: Any) -> Iterator[Accepted]:
    """Those that can be read: the base may be older than their rules."""
    for one in entries if isinstance(entries, list) else []:
        with suppress(ValidationError):
            yield Accepted.model_validate(one)
