"""Whether a run of a workflow ran main's own code: whoever may push can run a file of that name on a branch.

GitHub ties a run to its file, event, branch and commit, so no other workflow can pass for one of main's.
"""

from collections.abc import Collection, Mapping, Set
from typing import Any

from loop.github.client import GitHub
from loop.repo import default_branch
from loop.repo.git import git

FOLDER = ".github/workflows"
SCHEDULED = ("schedule", "workflow_dispatch")  # events of a workflow that a clock or a person starts


def by_main(
    github: GitHub,
    run: dict[str, Any],
    workflows: Mapping[str, Collection[str]],
    commits: Set[str] | None = None,
) -> bool:
    """Whether a run, as GitHub shows it, is of one of these files (file -> events) at a commit of main.

    `commits` are main's; by default up to the one that is checked out.
    """
    own = (run["head_repository"] or {}).get("full_name") == github.repository
    of_it = run["event"] in workflows.get(run["path"].split("@")[0], ())
    at_main = run["head_branch"] == default_branch.name()
    return own and of_it and at_main and run["head_sha"] in (mainline() if commits is None else commits)


def mainline(tip: str = "HEAD") -> set[str]:
    """The commits that were main's newest at a time, up to the one that is checked out, or to another."""
    return set(git("rev-list", "--first-parent", tip).split())
