"""How a commit came to main, asked of GitHub: by whose approval, and whether `gate` had passed.

Branch rules may be missing, and an administrator may override them. So a release trusts neither: for
each commit that changed what is released it asks for the merged pull request, an approval by another
person who may write, on the very commit that was merged, the status `gate` by the review, and that
what was merged is, file by file, what was judged.
"""

from dataclasses import dataclass
from typing import Any

from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.github.client import BOT, HEADLINE, GitHub
from loop.production import content
from loop.production.state import Version
from loop.repo import default_branch
from loop.repo.git import git

GATE = "gate"
WRITERS = ("admin", "write")  # "maintain" is told as write
FORGE = "web-flow"  # GitHub itself, as for its button "Update branch"
RESULTS = ("models/", "reports/")
LISTED = 300  # files of a commit that GitHub lists at once


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
    return [_of(github, one) for one in introducing(last, commit)]


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


def _of(github: GitHub, sha: str) -> Evidence:
    merged = [
        one
        for one in github.pages(f"commits/{sha}/pulls")
        if one["merged_at"] and one["merge_commit_sha"] == sha and one["base"]["ref"] == default_branch.name()
    ]
    if not merged:
        raise _refused(sha, "no pull request", ["it came by no merge (squash or merge commit)"])
    pull = merged[0]
    head = github.get(f"commits/{pull['head']['sha']}")
    approver, lacks = _approver(github, pull, head)
    verdict, closed = _gate(github, head["sha"])
    if git("rev-parse", f"{sha}^{{tree}}") != head["commit"]["tree"]["sha"]:
        closed.append("its files are not those that were judged: main had moved on before the merge")
    if lacks or closed or approver is None:
        raise _refused(sha, f"#{pull['number']}", lacks + closed)
    return Evidence(sha, int(pull["number"]), plain(pull["title"], 200), _login(pull), approver, verdict)


def _approver(github: GitHub, pull: dict[str, Any], head: dict[str, Any]) -> tuple[str | None, list[str]]:
    """Who approved what was merged; else what is missing. Only the newest review of each person counts."""
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
        return None, [f"{refuses[0]} asked for changes"]
    authors = _authors(github, pull, path)
    approved = {login: one for login, one in reviews.items() if one["state"] == "APPROVED"}
    others = {login: one for login, one in approved.items() if login not in authors}
    if not others:
        whose = "only by who made it" if approved else "by nobody who may write"
        return None, [f"it was approved {whose}"]
    heads = {head["sha"], *_before_results(head)}
    for login, one in others.items():
        if one["commit_id"] in heads:
            return login, []
    return None, ["the approval is of an older commit than the one that was merged"]


def _may_write(github: GitHub, login: str) -> bool:
    """Whether somebody may write here. How GitHub calls them beside a review tells it neither way."""
    path = f"collaborators/{login}/permission"
    try:
        return github.get(path)["permission"] in WRITERS
    except LoopError as error:
        if f"{path}: 404" in error.found:  # nobody of this repository
            return False
        raise


def _authors(github: GitHub, pull: dict[str, Any], path: str) -> set[str]:
    """Whose change it is: who opened it, and whoever made a commit of it; of main merged in, nobody."""
    made = {_login(pull)}
    for one in github.pages(f"{path}/commits"):
        by_the_forge = (one.get("committer") or {}).get("login") == FORGE and len(one["parents"]) > 1
        if one.get("author") and not by_the_forge:
            made.add(one["author"]["login"])
    return made - {BOT} | {_login(pull)}


def _login(pull: dict[str, Any]) -> str:
    """Who opened a pull request; GitHub's name for who is gone."""
    return str((pull["user"] or {}).get("login", "ghost"))


def _before_results(head: dict[str, Any]) -> list[str]:
    """The commit that was judged, where `head` is the bot's commit of its results and nothing else."""
    commit, files = head["commit"], head["files"]
    names = {file[key] for file in files for key in ("filename", "previous_filename") if key in file}
    results = all(name == "dvc.lock" or name.startswith(RESULTS) for name in names) and len(files) < LISTED
    by_the_bot = (head.get("author") or {}).get("login") == BOT and commit["verification"]["verified"]
    named = commit["message"].split("\n")[0] == HEADLINE
    return [one["sha"] for one in head["parents"]] if results and by_the_bot and named else []


def _gate(github: GitHub, head: str) -> tuple[str, list[str]]:
    """The review's verdict in the status `gate` of a head, and what is wrong with that status."""
    mine = (one for one in github.pages(f"commits/{head}/statuses") if one["context"] == GATE)
    newest = next(mine, None)  # GitHub gives the newest first
    if newest is None:
        return "", [f"the status `{GATE}` was never set on {head[:12]}"]
    who = (newest.get("creator") or {}).get("login")
    wrong = [f"the status `{GATE}` is {newest['state']}"] if newest["state"] != "success" else []
    wrong += [f"the status `{GATE}` was set by {plain(who, 60)}, not by the review"] if who != BOT else []
    return plain(newest["description"] or "", 140).partition(":")[0], wrong


def _refused(sha: str, came: str, lacks: list[str]) -> LoopError:
    return LoopError(
        f"commit {sha[:12]} ({came}) may not be released: {'; '.join(lacks)}",
        f"a pull request that another person approved and that passed `{GATE}`, merged as it was judged",
        "take it back by a pull request, then bring it again by another that is reviewed; "
        "nothing was released, and what serves goes on",
    )
