"""Commits of a pull request that github-actions[bot] made, and of which nobody can say for whom.

A workflow of any branch acts as that bot: whoever pushed it could approve what it proposed, and stood alone
behind a change. Two people have to approve it where one has to approve a person's.
"""

from pathlib import Path
from typing import Any

from loop.github import approvers, opener_run
from loop.github.client import BOT, GitHub
from loop.production import results_commit
from loop.repo.commit import Commit

HERE = Path("src/loop/production/bot_commits.py")


def asked(github: GitHub, pull: dict[str, Any], least: int, change: str) -> tuple[int, str]:
    """How many must approve a pull request, of `least` for a person's; and why it is one more.

    Where main had this rule before `change`: workflows of before it left no word of what they opened.
    """
    if least == 0 or Commit(f"{change}^").file(HERE) is None or not (sha := _nobodys(github, pull)):
        return least, ""
    return least + 1, f"a workflow made commit {sha[:12]}, which none of main's did, so one more must approve"


def _nobodys(github: GitHub, pull: dict[str, Any]) -> str:
    """The first commit that the bot made: no results of a review, and proposed by no run of main's."""
    commits = {one["sha"]: one for one in github.pages(f"pulls/{pull['number']}/commits")}
    known: set[str] = set()
    left = []
    for sha, one in reversed(commits.items()):
        if (one.get("author") or {}).get("login") != BOT or sha in known:
            continue
        if approvers.only_brings_main(one, commits, pull):
            continue
        if len(results_commit.heads(github.get(f"commits/{sha}"))) > 1:
            continue
        if opener_run.by_main(github, sha):
            known |= _below(sha, commits)
        else:
            left.append(sha)
    return next((sha for sha in left if sha not in known), "")


def _below(sha: str, commits: dict[str, Any]) -> set[str]:
    """A commit of a pull request, and those of it that it grew out of."""
    found, waiting = set[str](), [sha]
    while waiting:
        if (one := waiting.pop()) in commits and one not in found:
            found.add(one)
            waiting += [parent["sha"] for parent in commits[one]["parents"]]
    return found
