"""Schedules as they ran: the branch `heartbeats`, one commit a run. What is not there is unknown.

Its log is also the history of the monitor: what each run decided, and why. status.yml writes it.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from loop.base.markup import plain
from loop.repo import remote
from loop.repo.commit_log import CommitLog
from loop.repo.git import commit_of
from loop.settings import slo
from loop.settings.params import ISO, instant

LOG = CommitLog("heartbeats")
SCHEDULES = ("monitor", "audit", "release", "reproduce", "update")  # workflows, by the names of their files
AHEAD = pd.Timedelta(hours=1)  # what clocks may differ; rules.yaml has the same
_ADDRESS = re.compile(r"https?://\w")
OWN = ("Schedule", "At", "Result", "Good", "Run")


@dataclass(frozen=True)
class Heartbeat:
    """A run of a schedule that ended; `more` is what else it says, by name: of the monitor its decision."""

    schedule: str
    at: pd.Timestamp
    result: str
    good: bool
    run: str | None = None
    more: dict[str, str] = field(default_factory=dict)

    def to_come(self, now: pd.Timestamp) -> bool:
        """Whether it ended after `now`: whoever wrote it down has a clock that is ahead."""
        return self.at > now + AHEAD


@dataclass(frozen=True)
class Schedule:
    """How a schedule stands: its last run, and the last that was good; None for one that nobody heard of."""

    name: str
    last: Heartbeat | None
    last_good: Heartbeat | None
    days_max: float
    ahead: pd.Timestamp | None = None  # the time of a run that is still to come: it counts for nothing
    began: pd.Timestamp | None = None  # the first run of any schedule on record

    def state(self, now: pd.Timestamp) -> str:
        """`unknown` where nobody heard of a run, `late`, `failed` where its last run did, or `on time`."""
        if self.last is None:
            return "unknown"
        if self.last_good and now - self.last_good.at > pd.Timedelta(days=self.days_max):
            return "late"
        return "on time" if self.last.good else "failed"

    def standing(self, now: pd.Timestamp) -> str:
        """The same in words: never fine where nobody knows."""
        if self.last is None:
            return f"unknown: no run of it is on record{self.left_out()}"
        good = f"last good run {self.last_good.at:%Y-%m-%d %H:%M}Z" if self.last_good else "no run was good"
        result = plain(self.last.result, 30)
        return (
            f"{self.state(now)}: last run {self.last.at:%Y-%m-%d %H:%M}Z, {result}; {good}{self.left_out()}"
        )

    def left_out(self) -> str:
        """What is said of a run that is still to come; nothing where there is none."""
        return (
            f"; a run of {self.ahead:%Y-%m-%d %H:%M}Z does not count: a clock is ahead" if self.ahead else ""
        )


@dataclass(frozen=True)
class Earned:
    """What a request came to in the newest week that was final, by the monitor: mean, and interval if any."""

    title: str
    unit: str
    until: pd.Timestamp
    mean: float
    low: float | None
    high: float | None

    def trailers(self) -> dict[str, str]:
        """As a heartbeat says it."""
        ends = [] if self.low is None or self.high is None else [self.low, self.high]
        return {
            "KPI": " ".join(f"{one:.9g}" for one in [self.mean, *ends]),
            "KPI-Unit": self.unit,
            "KPI-Title": self.title,
            "KPI-Until": f"{self.until:{ISO}}",
        }


def earned(beat: Heartbeat | None) -> Earned | None:
    """What a heartbeat says of the KPI; None where it says nothing, or nothing that can be read."""
    said = beat.more if beat else {}
    try:
        mean, *ends = map(float, said["KPI"].split())
        low, high = ends or (None, None)
        if not all(map(math.isfinite, (mean, *ends))):
            return None
        return Earned(said["KPI-Title"], said["KPI-Unit"], instant(said["KPI-Until"]), mean, low, high)
    except (KeyError, ValueError):
        return None


def known() -> list[Heartbeat]:
    """Every run that this clone knows of, the oldest first."""
    found = [_read(entry) for entry in LOG.entries(_ref())]
    return sorted((one for one in found if one), key=lambda one: one.at)


def schedules(beats: Iterable[Heartbeat], now: pd.Timestamp) -> list[Schedule]:
    """How each schedule stands at `now` (UTC), by the days that deploy/slo.yaml lets it be silent."""
    limits = slo.read().limits
    days_max = dict.fromkeys(SCHEDULES, limits.schedule_days.max) | {"monitor": limits.monitoring_days.max}
    began: pd.Timestamp | None = None
    last: dict[str, Heartbeat] = {}
    good: dict[str, Heartbeat] = {}
    ahead: dict[str, pd.Timestamp] = {}
    for one in beats:
        if one.to_come(now):
            ahead[one.schedule] = one.at
            continue
        began = began or one.at
        last[one.schedule] = one
        if one.good:
            good[one.schedule] = one
    return [
        Schedule(name, last.get(name), good.get(name), days, ahead.get(name), began)
        for name, days in days_max.items()
    ]


def record(beat: Heartbeat) -> bool:
    """Add a run to the branch, unless it is there; whether it was added. Raises LoopError."""

    def there() -> bool:
        return any(_which(one) == _which(beat) for one in known())

    if remote.remote():
        return LOG.append(_message(beat), there, "the run could not be recorded")
    if there():
        return False
    LOG.keep(LOG.local, _message(beat))
    return True


def _which(beat: Heartbeat) -> tuple[object, ...]:
    """What tells a run from others; without an address two that ended in one minute, each in its way."""
    return beat.schedule, beat.run, beat.at, beat.result


def _ref() -> str:
    """Where the runs are: as origin has them, else in this clone's own branch."""
    return LOG.remote if commit_of(LOG.remote) else LOG.local


def _read(found: dict[str, str]) -> Heartbeat | None:
    """A run from a commit's trailers; None for a commit of somebody's own."""
    try:
        at = instant(found["At"])
        more = {name: value for name, value in found.items() if name not in OWN}
        good = found["Good"] == "yes"
        run = found.get("Run", "")  # a page links to it: no address, no link
        return Heartbeat(
            found["Schedule"], at, found["Result"], good, run if _ADDRESS.match(run) else None, more
        )
    except (KeyError, ValueError):
        return None


def _message(beat: Heartbeat) -> str:
    return remote.message(
        f"{beat.schedule}: {beat.result}",
        Schedule=beat.schedule,
        At=f"{beat.at:{ISO}}",
        Result=beat.result,
        Good="yes" if beat.good else "no",
        Run=beat.run,
        **{name: plain(value) for name, value in beat.more.items()},
    )
