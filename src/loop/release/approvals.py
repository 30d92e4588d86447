"""How a commit came to main, asked of GitHub: by whose approval, and whether `gate` had passed.

Branch rules may be missing, and an administrator may override them. So a release trusts neither: for
each commit that changed what is released it asks for the merged pull request, as many approvals by other
people who may write as deploy/policy.yaml says, on the very commit that was merged, the status `gate` and the
run that set it, and that what was merged is, file by file, what was judged.
"""

from dataclasses import dataclass
from typing import Any

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.github import approvers
from loop.github.client import BOT, GitHub
from loop.github.commit_status import NAME as GATE
from loop.production import bot_commits, content, results_commit, rollout_policy
from loop.production.state import Version
from loop.release import gate_run
from loop.repo import default_branch
from loop.repo.git import commit_of, git


@dataclass(frozen=True)
class Evidence:
    """Who let a commit in, and what the review said of it; None where nobody can be asked."""

    commit: str
    pull: int | None
    title: str
    author: str | None
    approver: str | None
    verdict: str


def nobody(commit: str) -> Evidence:
    """What is known of a commit in a clone without `origin`: a trial, which no other person has seen."""
    return Evidence(commit, None, git("log", "-1", "--format=%s", commit), None, None, "not judged")


def evidence(github: GitHub, last: Version | None, commit: str) -> list[Evidence]:
    """The evidence for each commit that brought what `commit` has and `last` had not, newest first.

    Raises LoopError that names the commit, the pull request and all that is missing.
    """
    return [_of(github, one, needed(one, commit)) for one in introducing(last, commit)]


def needed(sha: str, at: str) -> int:
    """How many people must have approved a commit: as main says at `at`, where that is to be released.

    The judge does not belong to the judged: a commit that brings a lower number together with another model
    or what serves it needs that of before.
    """
    parent = f"{sha}^"
    before, own, now = (rollout_policy.approvals(one) for one in (parent, sha, at))
    alone = before == own or (commit_of(parent) is not None and content.of(parent) == content.of(sha))
    return now if alone else max(now, before)


def introducing(last: Version | None, commit: str) -> list[str]:
    """Commits of main, newest first, that brought what is to be released; for a first release, `commit`.

    What was changed and changed back between two equal commits is in neither, and needs no evidence:
    so a change that came past the rules is fixed by taking it back.
    """
    if last is None:
        return [commit]
    span = f"{last.commit}..{commit}"
    line = [last.commit, *git("rev-list", "--first-parent", "--reverse", span, "--", *content.PATHS).split()]
    contents = [content.of(one) for one in line]
    found: list[str] = []
    at = 0
    while True:
        at = max(n for n in range(at, len(line)) if contents[n] == contents[at])
        if at == len(line) - 1:
            return found[::-1]
        at += 1
        found.append(line[at])


def _of(github: GitHub, sha: str, approvals: int) -> Evidence:
    merged = [
        one
        for one in github.pages(f"commits/{sha}/pulls")
        if one["merged_at"] and one["merge_commit_sha"] == sha and one["base"]["ref"] == default_branch.name()
    ]
    if not merged:
        raise _refused(sha, "no pull request", ["it came by no merge (squash or merge commit)"], approvals)
    pull = merged[0]
    head = github.get(f"commits/{pull['head']['sha']}")
    least, why = bot_commits.asked(github, pull, approvals, sha)
    people, lacks = approvers.approvers(github, pull, results_commit.heads(head), least)
    lacks += [why] if lacks and why else []
    verdict, closed = _judged(github, sha, head)
    if lacks or closed:
        raise _refused(sha, f"#{pull['number']}", lacks + closed, approvals)
    who = ", ".join(people) or None
    return Evidence(sha, int(pull["number"]), plain(pull["title"], 200), approvers.opener(pull), who, verdict)


def _judged(github: GitHub, sha: str, head: dict[str, Any]) -> tuple[str, list[str]]:
    """The verdict on what was merged: on a head of the same files, else on the commit of a merge queue."""
    app = rollout_policy.gate_app(f"{sha}^")
    on_head = _gate(github, head["sha"], app)
    if git("rev-parse", f"{sha}^{{tree}}") == head["commit"]["tree"]["sha"]:
        return on_head
    verdict, closed = _gate(github, sha, app)
    moved = "its files are not those that were judged: main had moved on before the merge"
    return (verdict, []) if not closed else ("", [*on_head[1], moved])


def _gate(github: GitHub, head: str, app: str | None) -> tuple[str, list[str]]:
    """The review's verdict in the status `gate` of a head, and what is wrong with that status."""
    setter = f"{app}[bot]" if app else BOT
    listed = [one for one in github.pages(f"commits/{head}/statuses") if one["context"] == GATE]
    mine = (
        [one for one in listed if _setter(one) == setter] if app else listed
    )  # GitHub gives the newest first
    if not mine:
        who = f" by the App {app}" if app and listed else ""
        return "", [f"the status `{GATE}` was never set on {head[:12]}{who}"]
    newest = mine[0]
    if newest["state"] != "success":
        return "", [f"the status `{GATE}` is {newest['state']}"]
    if _setter(newest) != setter:
        return "", [f"the status `{GATE}` was set by {plain(_setter(newest), 60)}, not by the review"]
    verdict = newest["description"] or ""
    if not app:
        receipt = gate_run.receipt(github, newest, head)
        if receipt is None:
            return "", [
                f"no run of publish.yml or monitor.yml of main set the status `{GATE}` of {head[:12]}"
            ]
        verdict = receipt["why"]
    return plain(verdict, 140).partition(":")[0], []


def _setter(status: dict[str, Any]) -> str:
    return str((status.get("creator") or {}).get("login"))


def _refused(sha: str, came: str, lacks: list[str], approvals: int) -> LoopError:
    """What is missing, and the way on for who reads it: with another person, or alone."""
    main = default_branch.name()
    mainline = "-m 1 " if len(git("rev-parse", f"{sha}^@").split()) > 1 else ""
    who = f"{counted(approvals, 'other person', 'other people')} approved" if approvals else "was opened"
    alone = (
        "If nobody else can approve, a pull request that sets `approvals: 0` in deploy/policy.yaml "
        "releases it, and card, release notes and audit say so. "
    )
    back = f"git fetch && git switch -c take-back origin/{main} && git revert {mainline}{sha[:12]}"
    return LoopError(
        f"commit {sha[:12]} ({came}) may not be released: {'; '.join(lacks)}",
        f"a pull request that {who} before the merge, that passed `{GATE}`, merged as it was judged",
        f"take it back by a pull request: `{back}`; then bring it again by another (`git revert` of it), "
        f"reviewed before its merge. {alone if approvals and any('approv' in one for one in lacks) else ''}"
        "Nothing was released, and what serves goes on",
    )
