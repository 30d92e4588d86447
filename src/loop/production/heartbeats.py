"""Schedules as they ran: the branch `heartbeats`, one commit a run. What is not there is unknown.

Its log is also the history of the monitor: what each run decided, and why. status.yml writes it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.production.branch import FASTER, NO_BRANCH, TRIES
from loop.repo import remote
from loop.repo.git import ask, commit_of, git
from loop.settings import slo
from loop.settings.params import ISO, instant

BRANCH = "heartbeats"
REMOTE, LOCAL = f"refs/remotes/origin/{BRANCH}", f"refs/heads/{BRANCH}"
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git's tree without a file
SCHEDULES = ("monitor", "release", "reproduce", "update")  # workflows, by the names of their files
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


@dataclass(frozen=True)
class Schedule:
    """How a schedule stands: its last run, and the last that was good; None for one that nobody heard of."""

    name: str
    last: Heartbeat | None
    last_good: Heartbeat | None
    days_max: float

    def state(self, now: pd.Timestamp) -> str:
        """`on time`, `late`, or `unknown` where no run was ever good."""
        if self.last_good is None:
            return "unknown"
        late = now - self.last_good.at > pd.Timedelta(days=self.days_max)
        return "late" if late else "on time"

    def standing(self, now: pd.Timestamp) -> str:
        """The same in words: never fine where nobody knows."""
        if self.last is None:
            return "unknown: no run of it is on record"
        good = f"last good run {self.last_good.at:%Y-%m-%d %H:%M}Z" if self.last_good else "no run was good"
        result = plain(self.last.result, 30)
        return f"{self.state(now)}: last run {self.last.at:%Y-%m-%d %H:%M}Z, {result}; {good}"


def known() -> list[Heartbeat]:
    """Every run that this clone knows of, the oldest first."""
    for ref in (REMOTE, LOCAL):
        done = ask("log", "--reverse", "--format=%B%x00", "--end-of-options", ref, "--")
        if done.code == 0:
            found = (_read(text.strip()) for text in done.out.split("\0"))
            return sorted((one for one in found if one), key=lambda one: one.at)
    return []


def schedules(beats: Iterable[Heartbeat]) -> list[Schedule]:
    """How each schedule stands, by the days that deploy/slo.yaml lets it be silent."""
    limits = slo.read().limits
    days_max = dict.fromkeys(SCHEDULES, limits.schedule_days.max) | {"monitor": limits.monitoring_days.max}
    last: dict[str, Heartbeat] = {}
    good: dict[str, Heartbeat] = {}
    for one in beats:
        last[one.schedule] = one
        if one.good:
            good[one.schedule] = one
    return [Schedule(name, last.get(name), good.get(name), days) for name, days in days_max.items()]


def record(beat: Heartbeat) -> bool:
    """Add a run to the branch, unless it is there; whether it was added. Raises LoopError."""
    for _ in range(TRIES):
        _fetch()
        if any((one.schedule, one.run, one.at) == (beat.schedule, beat.run, beat.at) for one in known()):
            return False
        here = REMOTE if remote.remote() else LOCAL
        commit = _commit(beat, commit_of(here))
        if here == LOCAL:
            git("update-ref", LOCAL, commit)
            return True
        done = remote.to_remote("push", "--quiet", "--porcelain", "origin", f"{commit}:{LOCAL}")
        if done.code == 0:
            git("update-ref", REMOTE, commit)
            return True
        output = f"{done.out}\n{done.errors}"
        if not any(sign in output for sign in FASTER):
            break
    raise LoopError(
        f"the run could not be recorded: {output.strip()[:200]}",
        f"the right to push to the branch {BRANCH}",
        "look at the rules of the branch, then run it again",
    )


def _fetch() -> None:
    if not remote.remote():
        return
    done = remote.to_remote("fetch", "--quiet", "--no-tags", "origin", f"+{LOCAL}:{REMOTE}")
    if done.code and NO_BRANCH not in done.errors:
        found = f"the branch {BRANCH} cannot be fetched: {done.gist()}"
        raise LoopError(found, "an origin that answers", "run it again")


def _read(text: str) -> Heartbeat | None:
    """A run from a commit's message; None for a commit of somebody's own."""
    _, found = remote.trailers(text.partition("\n\n")[2])
    try:
        at = instant(found["At"])
        more = {name: value for name, value in found.items() if name not in OWN}
        good = found["Good"] == "yes"
        return Heartbeat(found["Schedule"], at, found["Result"], good, found.get("Run"), more)
    except (KeyError, ValueError):
        return None


def _commit(beat: Heartbeat, parent: str | None) -> str:
    message = remote.message(
        f"{beat.schedule}: {beat.result}",
        Schedule=beat.schedule,
        At=f"{beat.at:{ISO}}",
        Result=beat.result,
        Good="yes" if beat.good else "no",
        Run=beat.run,
        **{name: plain(value) for name, value in beat.more.items()},
    )
    parents = ["-p", parent] if parent else []
    git("hash-object", "-t", "tree", "-w", "--stdin", text="")
    return git("commit-tree", EMPTY, *parents, text=message + "\n", env=remote.identity())
