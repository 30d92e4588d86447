"""Who let a version answer its share of the requests, asked of GitHub by whoever brings `production` about.

A version may answer a share where one commit of the branch gave it that share or more, and that commit came
by a pull request to `production` which another person approved or merged: neither who made it nor who made
the version's change. What a release gives to a new version was approved with its change. Going back needs
nobody: what was approved once may always have its share again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.base.errors import LoopError
from loop.github import approvers
from loop.github.client import GitHub
from loop.production import bot_commits, results_commit, rollout_policy
from loop.production.log import Transition
from loop.production.rollout_policy import Policy
from loop.production.state import BRANCH, Challenger, Champion, State
from loop.repo import default_branch, remote
from loop.repo.commit import Commit
from loop.repo.git import git

HERE = Path("src/loop/production/promotion.py")  # versions before it were promoted by a push
NOBODY = "nobody, as was the rule when it was released"
WHY = "deploy/policy.yaml says `approvals: 0`, or origin is no repository on GitHub"


@dataclass(frozen=True)
class Rise:
    """A commit that gave a version a larger share than it had, in percent; `enters` where a release did.

    A version is what it runs: under the same number, another commit, model or image has had no share.
    """

    commit: str
    model: str  # as `named` names it
    weight: int
    source: str  # the version's own commit, on main
    enters: bool


def named(one: Champion | Challenger) -> str:
    """Number, commit, model and image of what runs: what an approval is for."""
    return f"{one.version} {one.commit} {one.model} {one.image or '-'}"


def rises(known: list[Transition]) -> list[Rise]:
    """Every rise of a log, newest first."""
    found: list[Rise] = []
    before: dict[str, int] = {}
    numbers: set[int] = set()  # of which a release has made a version already
    for one in known:
        if one.state is None:
            continue
        found += [
            Rise(
                one.commit,
                named(model),
                model.weight,
                model.commit,
                one.kind == "release" and model.version not in numbers,
            )
            for model in one.state.models
            if model.weight > before.get(named(model), 0)
        ]
        before = {named(model): model.weight for model in one.state.models}
        numbers |= {model.version for model in one.state.models}
    return found[::-1]


def asked() -> bool:
    """Whether main asks for approvals now: not by `approvals: 0`, nor where origin knows of no people."""
    if not GitHub.known():
        return False
    remote.fetch_main()
    return rollout_policy.in_force().approvals > 0


class Approvals:
    """What GitHub says of the commits of `production`; `kept` are shares that were approved, by what runs."""

    def __init__(self, known: list[Transition], kept: dict[str, int]) -> None:
        self.kept = dict(kept)
        self._rises = rises(known)
        first = next((one.commit for one in known if one.state and one.state.champion), None)
        seen = {named(model) for one in known if one.state for model in one.state.models}
        self._first = None if set(kept) - seen else first  # a history that began anew has no first one
        self._policy: Policy = rollout_policy.in_force()
        self._found: dict[Rise, tuple[str, str]] = {}

    def lacking(self, state: State) -> list[str]:
        """Why a state may not be brought about: a line for each version that nobody gave its share."""
        return [why for one in state.models if one.weight and (why := self._why_not(one))]

    def by_whom(self, model: Champion | Challenger) -> str:
        """Who gave a version its share, in words; empty where nobody did."""
        told = (self._of(one)[0] for one in self._enough(model))
        return next(filter(None, told), "")

    def _why_not(self, model: Champion | Challenger) -> str:
        name, version = named(model), model.version
        if self.kept.get(name, 0) >= model.weight:
            return ""
        reasons = []
        for one in self._enough(model):
            who, why = self._of(one)
            if who:
                self.kept[name] = max(self.kept.get(name, 0), one.weight)
                return ""
            reasons.append(f"version {version} at {one.weight} %, by commit {one.commit[:12]}: {why}")
        return (
            reasons[0] if reasons else f"version {version} at {model.weight} %: no commit gave it that share"
        )

    def _enough(self, model: Champion | Challenger) -> Iterator[Rise]:
        name = named(model)
        return (one for one in self._rises if one.model == name and one.weight >= model.weight)

    def _of(self, rise: Rise) -> tuple[str, str]:
        """Who approved a rise, or why nobody did."""
        if rise not in self._found:
            self._found[rise] = self._ask(rise)
        return self._found[rise]

    def _ask(self, rise: Rise) -> tuple[str, str]:
        least = self._least(rise.source)
        if least == 0:
            return NOBODY, ""
        github = GitHub.of_origin()
        own = _merged(github, rise.source, default_branch.name())
        if own is None:
            return "", f"its change {rise.source[:12]} came to main by no pull request"
        if rise.enters and rise.weight <= self._entering(rise):
            return _told(github, own, least, set(), rise.source)
        made, lacks = approvers.makers(github, own)
        return (
            ("", f"of its change #{own['number']}: {lacks[0]}")
            if lacks
            else _moved(github, rise, least, made)
        )

    def _least(self, source: str) -> int:
        """How many people must have approved a rise: none of a version that came when none were asked.

        Only main says when that was: a commit that it never was at could say whatever its maker likes.
        """
        if not remote.once_main(source):
            return self._policy.approvals
        there = Commit(source)
        if there.file(HERE) is None:
            return 0
        return min(self._policy.approvals, rollout_policy.approvals(source))

    def _entering(self, rise: Rise) -> int:
        """The share that a release gives to a new version, in percent."""
        stages = self._policy.stages
        return stages[0].weight if stages and rise.commit != self._first else 100


def refusal(lacks: list[str]) -> LoopError:
    """What keeps a state from being brought about, and what to do."""
    return LoopError(
        f"{BRANCH} gives more than was approved: {'; '.join(lacks)}",
        "a pull request to production that another person approved and merged: neither who made it, nor who "
        "made the version's change",
        "`loop rollout abort` or `loop rollback` takes it back; then `loop rollout advance` opens the pull "
        "request. In a team of one: `approvals: 0` in deploy/policy.yaml",
    )


def _told(github: GitHub, pull: dict[str, Any], least: int, also: set[str], change: str) -> tuple[str, str]:
    """Who approved a merged pull request, in words, or why nobody did. A person who merged it approves it.

    `change` is the version's own commit.
    """
    number = pull["number"]
    own, lacks = approvers.makers(github, pull)
    if lacks:
        return "", f"#{number}: {lacks[0]}"
    merger = github.get(f"pulls/{number}").get("merged_by") or {}
    person = bool(merger) and merger.get("type") != "Bot"  # a workflow of any branch may merge
    people = {str(merger["login"])} - own - also if person else set()
    least, more = bot_commits.asked(github, pull, least, change)
    if len(people) < least:  # what somebody might write at the merge may be gone today, and is not asked
        head = github.get(f"commits/{pull['head']['sha']}")
        found, lacks = approvers.approvers(github, pull, results_commit.heads(head), least, also)
        people |= set(found)
    if len(people) < least:
        return "", f"#{number}: {'; '.join([*lacks[:1], *filter(None, [more])])}"
    return f"{', '.join(sorted(people))} in #{number}", ""


def _moved(github: GitHub, rise: Rise, least: int, made: set[str]) -> tuple[str, str]:
    """Who approved the pull request to `production` by which a rise came, or why nobody did."""
    pull = _merged(github, rise.commit, BRANCH)
    if pull is None:
        return "", f"it came by no pull request to {BRANCH}"
    if not _as_proposed(github, pull, rise.commit):
        return "", f"#{pull['number']}: {BRANCH} had moved on before the merge"
    return _told(github, pull, least, made, rise.source)


def _merged(github: GitHub, commit: str, base: str) -> dict[str, Any] | None:
    """The pull request by whose merge a commit came to a branch."""
    for one in github.pages(f"commits/{commit}/pulls"):
        if one["merged_at"] and one["merge_commit_sha"] == commit and one["base"]["ref"] == base:
            return dict(one)
    return None


def _as_proposed(github: GitHub, pull: dict[str, Any], commit: str) -> bool:
    """Whether what was merged is, file by file, what was proposed."""
    head = github.get(f"commits/{pull['head']['sha']}")
    return bool(git("rev-parse", f"{commit}^{{tree}}") == head["commit"]["tree"]["sha"])
