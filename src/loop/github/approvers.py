"""Who made a pull request, and who approved what was merged of it, as GitHub saw it.

The names in a commit are what its maker wrote there: who pushed it, who opened and who approved a pull
request is what GitHub knows. All are asked at once: who was renamed since has one name in all of them.
"""

from collections.abc import Collection
from typing import Any

from loop.base.errors import LoopError
from loop.github.client import BOT, GitHub, RefusalError
from loop.repo import remote
from loop.repo.git import git, is_ancestor

WRITERS = ("admin", "write")  # "maintain" is told as write
FORGE = "web-flow"  # GitHub itself, as for its button "Update branch"
NOTHING = "0" * 40  # before a branch, and after it
MOST = 250  # commits of a pull request that GitHub lists


def approvers(
    github: GitHub, pull: dict[str, Any], heads: Collection[str], least: int, also: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """Who approved one of the `heads` before the merge, and what is missing to `least` of them.

    Only the newest review of each person counts; nobody's who may not write, made a part of it, or is `also`
    left out, and none of what it was against another base.
    """
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
    own, lacks = makers(github, pull)
    since = _turned(github, pull)
    approved = {login: one for login, one in reviews.items() if one["state"] == "APPROVED"}
    valid = {login: one for login, one in approved.items() if one["submitted_at"] > since}
    if least and approved and not valid:
        lacks.append(f"it was approved before it was turned to {pull['base']['ref']}, against another branch")
    if lacks:
        return [], lacks
    others = {login: one for login, one in valid.items() if login not in own | set(also)}
    found = [login for login, one in others.items() if one["commit_id"] in heads]
    if len(found) >= least:
        return found, []
    if found:
        return found, [f"it was approved by {', '.join(found)} alone, and {least} are asked for"]
    if others:
        return [], ["the approval is of an older commit than the one that was merged"]
    return [], [f"it was approved {'only by who made it' if approved else 'by nobody who may write'}"]


def makers(github: GitHub, pull: dict[str, Any]) -> tuple[set[str], list[str]]:
    """Whose change it is, and what keeps that from being known.

    It is of who opened it, and of who made or pushed a commit of it; main merged in by GitHub is nobody's.
    """
    commits = {one["sha"]: one for one in github.pages(f"pulls/{pull['number']}/commits")}
    own = {sha: one for sha, one in commits.items() if not only_brings_main(one, commits, pull)}
    lived = _since_it_began(_pushes(github, pull), commits)
    pushes = [(one["after"], (one.get("actor") or {}).get("login")) for one in lived]
    rewritten = [(after, login) for after, login in pushes if login and after not in commits]
    gone = {login for after, login in rewritten if not _brought_main(github, after)}
    pushes = [(after, login) for after, login in pushes if after in own]
    pushed = {login for _, login in pushes if login} | gone
    named = {who["login"] for one in own.values() for who in (one.get("author"), one.get("committer")) if who}
    unknown = [sha for sha, one in own.items() if not one.get("author")]
    lacks = [f"it has {MOST} commits or more, and GitHub names no others"] if len(commits) >= MOST else []
    if unknown and not pushed - {BOT}:
        lacks += [f"GitHub knows neither who made commit {unknown[0][:12]} nor who pushed it"]
    by_nobody = [(sha, login) for sha, login in pushes if login in (BOT, None) and not signed(own[sha])]
    if named - {BOT, FORGE} and by_nobody:
        sha, login = by_nobody[0]
        who = "a workflow" if login else "a key or an account that is gone"
        lacks += [f"{who} pushed commit {sha[:12]}: GitHub does not know for whom"]
    return (named | pushed) - {BOT, FORGE} | {opener(pull)}, lacks


def opener(pull: dict[str, Any]) -> str:
    """Who opened a pull request; GitHub's name for who is gone."""
    return str((pull["user"] or {}).get("login", "ghost"))


def signed(commit: dict[str, Any]) -> bool:
    """Whether GitHub vouches for a commit's signature."""
    return bool(commit["commit"]["verification"]["verified"])


def _turned(github: GitHub, pull: dict[str, Any]) -> str:
    """When somebody last chose its base (UTC, as text): commits of the old one are part of it since."""
    events = github.pages(f"issues/{pull['number']}/events")
    return max((one["created_at"] for one in events if one["event"] == "base_ref_changed"), default="")


def _may_write(github: GitHub, login: str) -> bool:
    """Whether somebody may write here. How GitHub calls them beside a review tells it neither way."""
    path = f"collaborators/{login}/permission"
    try:
        return github.get(path)["permission"] in WRITERS
    except RefusalError as error:
        if error.status == 404:  # nobody of this repository
            return False
        raise


def only_brings_main(commit: dict[str, Any], commits: dict[str, Any], pull: dict[str, Any]) -> bool:
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


def _since_it_began(pushes: list[dict[str, Any]], commits: Collection[str]) -> list[dict[str, Any]]:
    """Of the pushes to a branch, the newest first, those that led to these commits, rewritten since or not.

    What somebody pushed may live on in a commit below the one that was taken away. An older branch of that
    name is another change.
    """
    found, before = [], set()
    for one in pushes:
        if one["after"] in commits or one["after"] in before:
            found.append(one)
            before |= {one["before"]} - {NOTHING} if "before" in one else set()
    return found


def _brought_main(github: GitHub, sha: str) -> bool:
    """Whether a commit that is in no branch any more was GitHub's merge of main; no where it forgot it."""
    try:
        commit = github.get(f"commits/{sha}")
    except RefusalError as error:
        if error.status in (404, 422):
            return False
        raise
    parents = [one["sha"] for one in commit["parents"]]
    return len(parents) == 2 and _by_the_forge(commit) and is_ancestor(parents[1], "HEAD")


def _by_the_forge(commit: dict[str, Any]) -> bool:
    """Whether GitHub itself made it: its name alone can be written by anybody."""
    return signed(commit) and (commit.get("committer") or {}).get("login") == FORGE


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
