"""`loop audit`: who changed what serves, when and why, and what served on each day, from git alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from loop.base.counted import counted
from loop.base.errors import LoopError, UsageError
from loop.base.files import write_text
from loop.base.markup import plain, render
from loop.production import branch, log
from loop.production import state as production
from loop.production.log import Transition
from loop.production.state import State, Version
from loop.settings.params import instant_option

PAGE = Path("audit/index.html")
DAY = pd.Timedelta(days=1)
KINDS = {
    "release": "a new version enters",
    "advance": "the challenger goes on",
    "hold": "the challenger stays where it is",
    "resume": "the challenger may go on again",
    "abort": "the challenger is taken back",
    "rollback": "an earlier version is champion again",
    "rendered": "what is made of the state is made anew",
    log.BY_HAND: "no transition of `loop` leads there: the branch was edited",
}


@dataclass(frozen=True)
class Day:
    """A day (UTC): the transitions that it saw, and what served when it ended."""

    date: pd.Timestamp
    transitions: list[Transition]
    state: State | None

    @property
    def described(self) -> str:
        """What served when it ended, in words."""
        return log.described(self.state)


def main(since: str | None, until: str | None, day: str | None, now: pd.Timestamp) -> None:
    """Write audit/index.html and print its table. Raises LoopError for days that are none."""
    ref = production.ref()
    transitions = log.transitions(ref or branch.fetch().commit)
    if not transitions:
        print(branch.nothing())
        return
    first, last = _period(since, until, day, (transitions[0].at.normalize(), now.normalize() + DAY))
    found = list(days(transitions, first, last))
    write_text(PAGE, page(found, log.versions(ref), transitions[-1]))
    print("\n".join(table(found)))


def days(transitions: list[Transition], since: pd.Timestamp, until: pd.Timestamp) -> Iterator[Day]:
    """Every day of [since, until), oldest first, also those on which nothing moved."""
    for date in pd.date_range(since, until, freq="D", inclusive="left"):
        here = [transition for transition in transitions if date <= transition.at < date + DAY]
        yield Day(date, here, log.at_end(transitions, date))


def table(found: list[Day]) -> Iterator[str]:
    """The transitions in short, and where the page is."""
    transitions = [transition for day in found for transition in day.transitions]
    for transition in transitions:
        what = f"version {transition.version}" if transition.version else ""
        kind, who = f"{transition.kind:<9} {what:<11}", f"{plain(transition.who, 20):<20}"
        yield f"{transition.at:%Y-%m-%d %H:%M}Z  {kind} {who} {plain(transition.subject, 60)}"
    quiet = f"none on {sum(not day.transitions for day in found)} of {counted(len(found), 'day')}"
    yield f"{counted(len(transitions), 'transition')}, {quiet}; then {found[-1].described}"
    yield f"page  {PAGE}"


def page(found: list[Day], versions: dict[int, Version], newest: Transition) -> str:
    """The page: transitions, newest first, then every day; whatever was written by others is only words."""
    transitions = [transition for day in reversed(found) for transition in reversed(day.transitions)]
    values = {
        "branch": production.BRANCH,
        "newest": newest,
        "since": found[0].date,
        "until": found[-1].date,
        "ended": found[-1].state,
        "transitions": transitions,
        "days": found[::-1],
        "versions": versions,
        "kinds": KINDS,
        "by_hand": log.BY_HAND,
    }
    filters: dict[str, Callable[..., Any]] = {
        "plain": plain,
        "lines": log.clean,
        "described": log.described,
        "also": _also,
    }
    return render("loop.history", "audit.html.j2", values, **filters)


def _also(transition: Transition, version: Version | None) -> dict[str, str]:
    """The trailers of a transition that say more, or something else, than is shown of its version."""
    record = {} if version is None else {name: str(value) for name, value in version.model_dump().items()}
    shown = {**record, "pull_request": record.get("pull"), "approved_by": version and version.approval}
    shown |= {"by": transition.who}
    return {
        name: value
        for name, value in transition.trailers.items()
        if shown.get(name.lower().replace("-", "_")) != value.lstrip("#")
    }


def _period(
    since: str | None, until: str | None, day: str | None, whole: tuple[pd.Timestamp, pd.Timestamp]
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """[first, last) of the days asked for; no earlier than the `whole`, except a day by its name."""
    if (one := _date("--day", day)) is not None:
        if since is not None or until is not None:
            raise UsageError("--day beside --since or --until", "a day, or a period", "leave one out")
        return one, one + DAY
    first, last = max(_date("--since", since) or whole[0], whole[0]), _date("--until", until) or whole[1]
    if last <= first:
        raise LoopError(
            f"the period ends {last:%Y-%m-%d}, and begins {first:%Y-%m-%d}",
            "an end after the beginning: --until names the day after the last",
            "fix --since and --until",
        )
    return first, last


def _date(option: str, text: str | None) -> pd.Timestamp | None:
    return None if text is None else instant_option(option, text).normalize()
