"""Which pull request a run was for: by head commit *and* head repository, exactly one, still there."""

import re
from dataclasses import dataclass

from loop.base.markup import plain
from loop.github.client import GitHub
from loop.repo import default_branch

WORKFLOW = ".github/workflows/review.yml"
QUEUE = "merge_group"  # the event of a merge queue, whose branches GitHub alone writes
_QUEUED = re.compile(r"gh-readonly-queue/(.+)/pr-(\d+)-[0-9a-f]{40}")


class NothingToDo(Exception):  # noqa: N818 - it is no error
    """Why this run has nothing to be published; no fault of anybody."""


@dataclass(frozen=True)
class Run:
    """A run of review.yml that has ended; `repository` is empty where it is gone since."""

    id: int
    url: str
    conclusion: str
    sha: str
    repository: str
    branch: str
    queued: bool = False  # what a merge queue would merge, and no head of a pull request


@dataclass(frozen=True)
class Pull:
    """An open pull request, its head now, and whether its branch is of this repository."""

    number: int
    sha: str
    branch: str
    own: bool


def run(github: GitHub, number: int) -> Run:
    """The run of that number. Raises NothingToDo when it is no review of a pull request."""
    found = github.get(f"actions/runs/{number}")
    path, event, home = found["path"].split("@")[0], found["event"], found.get("head_repository")
    if path != WORKFLOW or event not in ("pull_request", QUEUE):
        raise NothingToDo(f"run {number} is {plain(path)} by {event}, not {WORKFLOW} by pull_request")
    if found["status"] != "completed":
        raise NothingToDo(f"run {number} is running again: its end will be published")
    return Run(
        id=number,
        url=found["html_url"],
        conclusion=found["conclusion"] or "",
        sha=found["head_sha"],
        repository=(home or {}).get("full_name", ""),
        branch=found["head_branch"],
        queued=event == QUEUE,
    )


def find(github: GitHub, run: Run) -> Pull:
    """The open pull request from the run's branch to the default branch, whatever its head is by now.

    Raises NothingToDo unless there is exactly one, and LoopError when GitHub refuses.
    """
    if not run.repository:
        raise NothingToDo(f"the repository that run {run.id} came from is gone")
    if run.queued:
        return _queued(github, run)
    owner = run.repository.split("/")[0]
    listed = github.pages("pulls", state="open", head=f"{owner}:{run.branch}")
    mine = [
        found
        for found in listed
        if (found["head"].get("repo") or {}).get("full_name") == run.repository
        and found["head"]["ref"] == run.branch
        and found["base"]["ref"] == found["base"]["repo"]["default_branch"]
    ]
    if len(mine) != 1:
        several = ", ".join(f"#{found['number']}" for found in mine) or "no open pull request"
        raise NothingToDo(f"{several} to the default branch from the branch of run {run.id}, not exactly one")
    head = mine[0]["head"]
    return Pull(mine[0]["number"], head["sha"], head["ref"], run.repository == github.repository)


def _queued(github: GitHub, run: Run) -> Pull:
    """The entry of a queue: the pull request that its branch names, at the commit that would be merged."""
    found = _QUEUED.fullmatch(run.branch)
    if found is None or run.repository != github.repository or found[1] != default_branch.name():
        raise NothingToDo(
            f"{plain(run.branch)} of {run.repository} is no entry of the queue of this repository"
        )
    return Pull(int(found[2]), run.sha, run.branch, own=True)


def failed_steps(github: GitHub, run: Run) -> list[str]:
    """Names of the steps that failed, as the run's own workflow calls them: foreign text."""
    jobs = github.pages(f"actions/runs/{run.id}/jobs", key="jobs")
    return [
        step["name"] for job in jobs for step in job.get("steps") or [] if step.get("conclusion") == "failure"
    ]
