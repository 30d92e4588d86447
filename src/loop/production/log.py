"""The log of `production` as transitions: who changed what serves, when, how and why, and what served then.

Read from git alone, and without trust: a commit whose state cannot serve, or that no transition of ours makes
of the state before it, is a transition too, made by hand.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.production import state as production
from loop.production.state import EMPTY, STATE, VERSIONS, Champion, State, Version
from loop.repo import remote
from loop.repo.commit import Commit, contents
from loop.repo.git import git
from loop.settings.params import parse

BY_HAND = "by hand"
ALONE = ("hold", "resume", "abort", "rollback")  # what one person may do
_PULL = re.compile(r"\(#(\d{1,9})\)$|^Merge pull request #(\d{1,9}) ")  # GitHub's words for a merge
FIELDS = ("%H", "%cI", "%an", "%s", "%b")


@dataclass(frozen=True)
class Transition:
    """One commit on the branch: `state` is what served after it, or `problem` why it could not serve."""

    commit: str
    at: pd.Timestamp
    author: str
    subject: str
    evidence: str
    trailers: dict[str, str]
    kind: str
    version: int | None  # what it is about
    state: State | None
    problem: str | None

    @property
    def approved(self) -> str:
        """Whether another person let it in, in words; empty for a release, whose record says so."""
        pull = _PULL.search(self.subject)
        if self.kind == "advance":
            number = pull and (pull[1] or pull[2])
            return (
                f"pull request #{number} says who approved it" if pull else "pushed: nobody else approved it"
            )
        return (
            "nobody else is asked: going back and waiting are one person's right"
            if self.kind in ALONE
            else ""
        )

    @property
    def who(self) -> str:
        """Who made it: whom the commit names, as a workflow does, else its author."""
        named = {name.lower(): value for name, value in self.trailers.items()}
        return named.get("by") or self.author


def champions(commit: str) -> Iterator[int]:
    """Versions that were champion, newest first, as the log of the branch tells; one may come again."""
    return (one.version for one in served(commit))


def served(commit: str) -> Iterator[Champion]:
    """The champions themselves, each with the commit, the model and the image that it last served by.

    A state that somebody edited into what cannot serve is passed over.
    """
    last = None
    for line in git("log", "--format=%H %cI", commit, "--", str(STATE)).splitlines():
        name, at = line.split()
        state, _ = _state(name, at)
        if state is not None and state.champion is not None and state.champion.version != last:
            last = state.champion.version
            yield state.champion


def transitions(ref: str | None) -> list[Transition]:
    """Every commit since the first that holds a state, oldest first; none for a branch without one."""
    if ref is None:
        return []
    first = git("log", "--first-parent", "--diff-filter=A", "--format=%H", ref, "--", str(STATE)).split()
    if not first:
        return []
    entries = list(_log(ref, first[-1]))
    raw = contents([f"{entry[0]}:{STATE}" for entry in entries])
    records = _records(ref)
    found: list[Transition] = []
    before, there = EMPTY, set[int]()
    for (commit, at, author, subject, text), file in zip(entries, raw, strict=True):
        state, problem = _state(commit, at, file)
        named, meddled = records.get(commit, (set[int](), False))
        numbers = named if found else _numbers(commit)
        kind, version = BY_HAND, None
        repairs = bool(found) and found[-1].state is None
        if state is not None and not repairs and not meddled:
            kind, version = kind_of(before, state, numbers - there)
        when, (evidence, trailers) = pd.Timestamp(at).tz_convert("UTC"), remote.trailers(text)
        found.append(
            Transition(commit, when, author, subject, evidence, trailers, kind, version, state, problem)
        )
        before, there = state or before, there | numbers
    return found


def kind_of(before: State, after: State, new: set[int]) -> tuple[str, int | None]:
    """Which move leads from a state to the next, and the version that it is about.

    `new` are the versions whose record came with it.
    """
    if new:
        entered = max(new)
        released = len(new) == 1 and entered in {one.version for one in after.models}
        return ("release" if released else BY_HAND), entered
    if before == after:
        return "rendered", None  # what is made of the state is another
    if _champion(before) != _champion(after):
        return _changed_champion(before, after)
    return _changed_challenger(before, after)


def _changed_champion(before: State, after: State) -> tuple[str, int | None]:
    number = _champion(after)
    gone = {one.version for one in after.refused}
    if (
        before.challenger is not None
        and number == before.challenger.version
        and _champion(before) not in gone
    ):
        return "advance", number
    return ("rollback" if _champion(before) in gone else BY_HAND), number


def _changed_challenger(before: State, after: State) -> tuple[str, int | None]:
    was, now = before.challenger, after.challenger
    if now is None:
        refused = was is not None and was.version in {one.version for one in after.refused}
        return ("abort", was.version) if was is not None and refused else (BY_HAND, None)
    kind = BY_HAND
    if was is None or was.version != now.version:
        kind = "release" if len(now.stages) == 1 else BY_HAND  # again, of a version that was released before
    elif now.stages[:-1] == was.stages:
        kind = "advance"
    elif now.stages == was.stages and now.held != was.held:
        kind = "hold" if now.held else "resume"
    return kind, now.version


def _champion(state: State) -> int | None:
    return state.champion.version if state.champion else None


def versions(ref: str | None) -> dict[int, Version]:
    """What the branch says of each version; those that were edited into none are left out."""
    found = {}
    texts = Commit(ref).texts(f"{VERSIONS}/") if ref else {}
    for path, text in texts.items():
        try:
            if named := production.RECORD.fullmatch(path):
                values = Commit(str(ref)).parsed(path, text)
                found[int(named[1])] = parse("version", values, Version, Path(path))
        except LoopError:
            continue
    return dict(sorted(found.items()))


def at_end(known: list[Transition], day: pd.Timestamp) -> State | None:
    """What served when a day (UTC) ended: the last state that could."""
    end = day.normalize() + pd.Timedelta(days=1)
    states = [
        transition.state for transition in known if transition.at < end and transition.state is not None
    ]
    return states[-1] if states else None


def described(state: State | None) -> str:
    """A state in words."""
    if state is None or not state.models:
        return "nothing"
    return ", ".join(_described(one) for one in state.models)


def clean(text: str) -> str:
    """Lines for a terminal or a page, without unseen signs; what is aligned by spaces stays so."""
    lines = (re.sub(r"[^ ]+", lambda part: plain(part[0]), line) for line in text.splitlines())
    return "\n".join(lines)


def _described(one: production.Champion | production.Challenger) -> str:
    stage = ""
    if isinstance(one, production.Challenger):
        stage = f", {one.stage.name}{', held' if one.held else ''}"
    return f"version {one.version}: {one.weight} % ({one.role}{stage})"


def _log(ref: str, first: str) -> Iterator[list[str]]:
    form = "%x00".join(FIELDS)
    text = git("log", "-z", "--first-parent", "--reverse", f"--format={form}", ref, "--not", f"{first}^@")
    parts = text.removesuffix("\0").split("\0")
    for at in range(0, len(parts), len(FIELDS)):
        yield parts[at : at + len(FIELDS)]


def _records(ref: str) -> dict[str, tuple[set[int], bool]]:
    """Of each commit: versions whose record it brings, and whether it changes one, which is written once."""
    text = git(
        "log", "--first-parent", "--name-status", "--no-renames", "--format=%x00%H", ref, "--", str(VERSIONS)
    )
    found = {}
    for entry in text.split("\0")[1:]:
        commit, *lines = entry.split("\n")
        changes = [line.split("\t") for line in lines if line]
        added = (production.RECORD.fullmatch(path) for how, path in changes if how == "A")
        meddled = any(how != "A" for how, _ in changes)
        found[commit] = ({int(one[1]) for one in added if one}, meddled)
    return found


def _state(commit: str, at: str, file: bytes | None = None) -> tuple[State | None, str | None]:
    """The state that a commit of an instant holds, or why it is none; `file` is it where it was read."""
    there = Commit(commit)
    try:
        values = there.yaml(STATE) if file is None else there.parsed(STATE, file.decode(errors="replace"))
        state = parse("rollout", values, State, STATE)
        production.timely(state, pd.Timestamp(at))
    except LoopError as error:
        return None, error.found
    return state, None


def _numbers(commit: str) -> set[int]:
    listed = map(production.RECORD.fullmatch, Commit(commit).blobs(f"{VERSIONS}/"))
    return {int(found[1]) for found in listed if found}
