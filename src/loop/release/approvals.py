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
from loop.github.client import BOT, HEADLINE, GitHub, RefusalError
from loop.github.commit_status import NAME as GATE
from loop.production import content, rollout_policy
from loop.production.state import Version
from loop.publish import artifact
from loop.release import gate_run
from loop.repo import default_branch, remote
from loop.repo.git import commit_of, git

WRITERS = ("admin", "write")  # "maintain" is told as write
FORGE = "web-flow"  # GitHub itself, as for its button "Update branch"
LISTED = 300  # files of a commit that GitHub lists at once
MOST = 250  # commits of a pull request that GitHub lists


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
    approvers, lacks = _approvers(github, pull, head, approvals)
    verdict, closed = _judged(github, sha, head)
    if lacks or closed:
        raise _refused(sha, f"#{pull['number']}", lacks + closed, approvals)
    who = ", ".join(approvers) or None
    return Evidence(sha, int(pull["number"]), plain(pull["title"], 200), _login(pull), who, verdict)


def _judged(github: GitHub, sha: str, head: dict[str, Any]) -> tuple[str, list[str]]:
    """The verdict on what was merged: on a head of the same files, else on the commit of a merge queue."""
    app = rollout_policy.gate_app(f"{sha}^")
    on_head = _gate(github, head["sha"], app)
    if git("rev-parse", f"{sha}^{{tree}}") == head["commit"]["tree"]["sha"]:
        return on_head
    verdict, closed = _gate(github, sha, app)
    moved = "its files are not those that were judged: main had moved on before the merge"
    return (verdict, []) if not closed else ("", [*on_head[1], moved])


def _approvers(
    github: GitHub, pull: dict[str, Any], head: dict[str, Any], least: int
) -> tuple[list[str], list[str]]:
    """Who approved what was merged, and what is missing. Only the newest review of each person counts."""
    path = f"pulls/{pull['number']}"
    newest = {
        one["user"]["login"]: one
        for one in github.pages(f"{path}/reviews")
        if one.get("user")
        and one["state"] in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
        and one["submitted_at"] <= pull["merged_at"]  # both in UTC, as text
    }
    reviews = {
        login: one
        for login, one in newest.items()
        if one["user"].get("type") != "Bot" and _may_write(github, login)
    }
    if refuses := [login for login, one in reviews.items() if one["state"] == "CHANGES_REQUESTED"]:
        return [], [f"{refuses[0]} asked for changes"]
    makers, lacks = _makers(github, pull, path)
    if lacks:
        return [], lacks
    approved = {login: one for login, one in reviews.items() if one["state"] == "APPROVED"}
    others = {login: one for login, one in approved.items() if login not in makers}
    heads = {head["sha"], *_before_results(head)}
    found = [login for login, one in others.items() if one["commit_id"] in heads]
    if len(found) >= least:
        return found, []
    if found:
        return found, [f"it was approved by {', '.join(found)} alone, and {least} are asked for"]
    if others:
        return [], ["the approval is of an older commit than the one that was merged"]
    return [], [f"it was approved {'only by who made it' if approved else 'by nobody who may write'}"]


def _may_write(github: GitHub, login: str) -> bool:
    """Whether somebody may write here. How GitHub calls them beside a review tells it neither way."""
    path = f"collaborators/{login}/permission"
    try:
        return github.get(path)["permission"] in WRITERS
    except RefusalError as error:
        if error.status == 404:  # nobody of this repository
            return False
        raise


def _makers(github: GitHub, pull: dict[str, Any], path: str) -> tuple[set[str], list[str]]:
    """Whose change it is, and what keeps that from being known.

    It is of who opened it, and of who made or pushed a commit of it; main merged in by GitHub is nobody's.
    The names in a commit are what its maker wrote there: who pushed it is what GitHub saw.
    """
    commits = {one["sha"]: one for one in github.pages(f"{path}/commits")}
    own = {sha: one for sha, one in commits.items() if not _only_brings_main(one, commits, pull)}
    pushes = [(one["after"], (one.get("actor") or {}).get("login")) for one in _pushes(github, pull)]
    pushes = [(after, login) for after, login in pushes if after in own]
    pushed = {login for _, login in pushes if login}
    named = {who["login"] for one in own.values() for who in (one.get("author"), one.get("committer")) if who}
    unknown = [sha for sha, one in own.items() if not one.get("author")]
    lacks = [f"it has {MOST} commits or more, and GitHub names no others"] if len(commits) >= MOST else []
    if unknown and not pushed - {BOT}:
        lacks += [f"GitHub knows neither who made commit {unknown[0][:12]} nor who pushed it"]
    by_nobody = [(sha, login) for sha, login in pushes if login in (BOT, None) and not _signed(own[sha])]
    if named - {BOT, FORGE} and by_nobody:
        sha, login = by_nobody[0]
        who = "a workflow" if login else "a key or an account that is gone"
        lacks += [f"{who} pushed commit {sha[:12]}: GitHub does not know for whom"]
    return (named | pushed) - {BOT, FORGE} | {_login(pull)}, lacks


def _only_brings_main(commit: dict[str, Any], commits: dict[str, Any], pull: dict[str, Any]) -> bool:
    """Whether GitHub merged main into a pull request: no other branch, and nothing of it was made by hand."""
    parents = [one["sha"] for one in commit["parents"]]
    if len(parents) != 2 or parents[1] in commits or not _by_the_forge(commit):
        return False
    try:
        remote.fetch(f"refs/pull/{pull['number']}/head")
        clean = git("merge-tree", "--write-tree", *parents).split("\n")[0]
    except LoopError:  # it cannot be had, or there is a conflict
        return False
    return clean == str(commit["commit"]["tree"]["sha"])


def _by_the_forge(commit: dict[str, Any]) -> bool:
    """Whether GitHub itself made it: its name alone can be written by anybody."""
    return _signed(commit) and (commit.get("committer") or {}).get("login") == FORGE


def _signed(commit: dict[str, Any]) -> bool:
    return bool(commit["commit"]["verification"]["verified"])


def _pushes(github: GitHub, pull: dict[str, Any]) -> list[dict[str, Any]]:
    """The pushes to the pull request's branch, each with its actor; none where GitHub does not say."""
    home = (pull["head"].get("repo") or {}).get("full_name")
    if home is None:  # a fork that is gone
        return []
    there = GitHub(github.api, github.server, home, github.token)
    try:
        return list(there.linked("activity", ref=f"refs/heads/{pull['head']['ref']}"))
    except RefusalError as error:
        if error.status in (403, 404):  # a private fork, or an older GitHub
            return []
        raise


def _login(pull: dict[str, Any]) -> str:
    """Who opened a pull request; GitHub's name for who is gone."""
    return str((pull["user"] or {}).get("login", "ghost"))


def _before_results(head: dict[str, Any]) -> list[str]:
    """The commit that was judged, where `head` is the bot's commit of its results and nothing else."""
    commit, files = head["commit"], head["files"]
    names = {file[key] for file in files for key in ("filename", "previous_filename") if key in file}
    results = all(map(artifact.result, names)) and len(files) < LISTED and len(head["parents"]) == 1
    by_the_bot = (head.get("author") or {}).get("login") == BOT and commit["verification"]["verified"]
    named = commit["message"].split("\n")[0] == HEADLINE
    return [one["sha"] for one in head["parents"]] if results and by_the_bot and named else []


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
