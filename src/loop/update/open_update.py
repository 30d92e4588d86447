"""An update brought to GitHub, by the job that may: a pull request, or an issue for what a person must do.

The job that made it ran code of the version that comes, and may write nothing. Of what it left, only the
form is believed: one commit on top of main, and a text. What a person closed is not opened again.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from loop.base.errors import LoopError
from loop.base.markup import fenced, ready, render
from loop.base.warning import warn
from loop.github import issue, pull_request
from loop.github.client import GitHub
from loop.github.pull_request import FORBIDDEN, Change
from loop.repo.git import git, is_ancestor
from loop.settings.plain_words import read_json
from loop.update import message
from loop.update.make_update import WORKFLOWS
from loop.update.update import BUNDLE, MADE

LABEL = "dependencies"
_WORKFLOWS = "it changes workflows, which a workflow's own token may not push"


class Found(BaseModel):
    """What the other job left."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: str = Field(pattern=r"^\d{1,6}\.\d{1,6}\.\d{1,6}$")
    branch: str = Field(pattern=r"^update/\d{1,6}\.\d{1,6}\.\d{1,6}$")
    title: str = Field(max_length=100)
    text: str = Field(max_length=60_000)
    workflows: bool
    conflicts: list[str]


def main(folder: Path) -> int:
    """Open the pull request, or the issue, of what was left in a folder; 0 where it is there already."""
    found, github = _read(folder), GitHub.of_this_run()
    owner = github.repository.split("/")[0]
    for one in github.pages("pulls", state="all", head=f"{owner}:{found.branch}"):
        if one["head"]["ref"] == found.branch:
            print(f"nothing to do: {one['html_url']} is there")
            return 0
    if found.conflicts:
        return _ask(github, found, "both sides changed the same files")
    commit = _commit(folder, found.branch)
    if found.workflows or git("diff", "--name-only", f"{commit}^", commit, "--", WORKFLOWS):
        return _ask(github, found, _WORKFLOWS)
    try:
        with pull_request.clone(commit) as place:
            url = pull_request.open(github, place, Change(found.branch, found.title, _text(found, "")))
    except LoopError as error:
        if FORBIDDEN not in error.found:
            raise
        warn("Actions may not open pull requests: an issue says what to do")
        return _ask(github, found, "Actions may not open pull requests here: `loop setup github --apply`")
    pull_request.label(github, url, LABEL)
    print(f"a person may merge it after its review: {url}")
    return 0


def _read(folder: Path) -> Found:
    path = folder / MADE
    wrong = f"{path} is not what `loop update --out` writes"
    error = LoopError(wrong, "an update", "run the workflow again")
    if not path.is_file():
        raise error
    return read_json(
        Found, path.read_bytes(), lambda why: LoopError(f"{wrong}: {why}", error.expected, error.todo), error
    )


def _commit(folder: Path, branch: str) -> str:
    """The commit that was left. Raises LoopError where it is not one commit on top of what is here."""
    bundle = str((folder / BUNDLE).resolve())
    ref = "refs/update/made"
    git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", bundle, f"+refs/heads/{branch}:{ref}")
    commit = git("rev-parse", ref)
    git("update-ref", "-d", ref)
    parents = git("rev-list", "--parents", "--max-count=1", commit).split()[1:]
    if len(parents) != 1 or not is_ancestor(parents[0], "HEAD"):
        raise LoopError(
            f"{BUNDLE} holds no update", "one commit on top of the default branch", "run it again"
        )
    return commit


def _ask(github: GitHub, found: Found, why: str) -> int:
    """An issue that names the commands for a person."""
    title = f"Version {found.version} of the template: a person brings it"
    url = issue.open_once(github, title, _text(found, why), LABEL, ever=True)
    print(f"an issue says how a person brings version {found.version}: {url}")
    return 0


def _text(found: Found, why: str) -> str:
    lines = [f"loop update --to {found.version}", *message.pushing(found.branch)]
    text = fenced(found.text.split("\n")) if found.conflicts else ready(found.text)
    values = {"why": why, "commands": lines, "text": text}
    return render("loop.update", "open_update.md.j2", values).strip()
