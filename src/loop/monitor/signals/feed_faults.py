"""What changed in the feed since the champion's training, and which of it a person has explained."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from loop.base import files
from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.data import day_hashes, feed_changes, feed_tables, raw
from loop.data.told_change import Change
from loop.monitor.inputs.champion_model import Champion
from loop.monitor.inputs.feed import CODE
from loop.monitor.schema import FeedChange
from loop.repo.commit import Commit
from loop.repo.git import git
from loop.settings.monitor_settings import Accepted, Settings
from loop.settings.paths import VALIDATION

DAY = pd.Timedelta(days=1)
MOST = 1000.0  # limits


def changes(champion: Champion, now: pd.Timestamp, setup: Settings) -> list[FeedChange]:
    """Changes on whole days since the champion's holdout, as known at `now` (UTC); unexplained ones first.

    And days before, on which the champion was trained and judged, that the source gives otherwise now.
    """
    own = champion.windows
    past, until = own.holdout.until.ceil("D"), now.floor("D")  # the day in which it ends may have no rest
    wait = int(np.ceil(setup.wait_days)) + 1
    then = _valid(past - wait * DAY, past, past)
    tables = feed_tables.tables(_valid(own.since, until, now), now, then)
    found = feed_changes.find(tables, own.since, past, until, wait, setup.accepted)
    told = [_part(one) for one in [*found, *_rewritten(champion, setup.accepted)]]
    return sorted(told, key=lambda one: (one.accepted is not None, one.since))


def _rewritten(champion: Champion, accepted: Sequence[Accepted]) -> list[Change]:
    """Tables that read differently now on days that the champion knows; none where other code reads them."""
    if git("diff", "--name-only", champion.commit, "--", *CODE):
        return []
    own = champion.windows
    try:
        before = Commit(champion.commit).json(VALIDATION).get("days", {})
    except LoopError:
        return []
    now = day_hashes.of(_valid(own.since, own.holdout.until, own.as_of))
    found: dict[str, list[day_hashes.Rewritten]] = {}
    for one in day_hashes.differ(before, now):
        found.setdefault(one.table, []).append(one)
    return [one for its in found.values() for one in _changes(its, accepted)]


def _changes(found: list[day_hashes.Rewritten], accepted: Sequence[Accepted]) -> Iterator[Change]:
    """One change of a table; what a person accepted of it is that column alone."""
    found = sorted(found, key=lambda one: (one.column == day_hashes.ROWS, one.days))
    while found:
        change = _change(found)
        by = feed_changes.explained(change, accepted)
        if by is None:
            yield change
            return
        yield replace(_change([found.pop()]), accepted=by.reason)


def _change(found: list[day_hashes.Rewritten]) -> Change:
    """Told by the last: its rows, if these are others, else the column with most such days."""
    most = found[-1]
    column = "" if most.column == day_hashes.ROWS else most.column
    return Change(
        table=most.table,
        column=column,
        group="",
        since=most.since,
        what="days that trained the model read differently now",
        before="as it was trained",
        after=f"others on {counted(most.days, 'day')}",
        size=float("inf"),
        others=tuple(sorted(one.column for one in found[:-1])),
    )


def _valid(since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> Mapping[str, pd.DataFrame]:
    tables = raw.tables(since, until, as_of)
    return {name: raw.repair(name, frame)[0] for name, frame in tables.items()}


def _part(change: Change) -> FeedChange:
    return FeedChange(
        place=change.place,
        since=change.since,
        what=change.what,
        before=change.before,
        after=change.after,
        others=list(change.others),
        size=min(change.size, MOST),
        summary=change.summary,
        accepted=change.accepted,
        days=list(change.days),
        values=[None if not np.isfinite(value) else files.rounded(value) for value in change.values],
    )
