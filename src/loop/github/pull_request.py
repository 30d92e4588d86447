"""A pull request to main, opened by CML; by REST where CML cannot be had.

`cml pr create` without paths pushes the commit that is checked out, as a new branch, and opens the pull
request. With paths it would make a commit of its own, that skips checks. It leaves the token in the git
settings of the place where it runs, so that place must be one that vanishes.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.base.warning import warn
from loop.github import opener_run
from loop.github.client import GitHub
from loop.github.cml import cml
from loop.repo import default_branch, remote
from loop.repo.git import ask, git

TRACKING = "refs/remotes/origin"
FORBIDDEN = "not permitted to create"  # GitHub's words where Actions may open none


@dataclass(frozen=True)
class Change:
    """The name of a branch, and what its pull request says."""

    branch: str
    title: str
    body: str


def find(github: GitHub, name: str) -> str | None:
    """The address of the open pull request of a branch of this repository, if there is one."""
    owner, base = github.repository.split("/")[0], default_branch.name()
    for found in github.pages("pulls", state="open", head=f"{owner}:{name}"):
        if found["head"]["ref"] == name and found["base"]["ref"] == base:
            return str(found["html_url"])
    return None


@contextmanager
def clone(commit: str) -> Iterator[Path]:
    """A clone with the objects of this one, at a commit, that pushes to where this one does.

    An address may hold a password, so it goes by a file and not by a command line.
    """
    url = git("config", "remote.origin.url")
    with tempfile.TemporaryDirectory(prefix="loop-pull-request-") as folder:
        place = Path(folder, "clone")
        common = git("rev-parse", "--path-format=absolute", "--git-common-dir")
        git("clone", "--quiet", "--shared", "--no-checkout", "--no-tags", "--origin=here", common, str(place))
        git("remote", "remove", "here", cwd=place)
        with (place / ".git/config").open("a", encoding="utf-8") as settings:
            quoted = json.dumps(url, ensure_ascii=False)
            settings.write(f'[remote "origin"]\n\turl = {quoted}\n\tfetch = +refs/heads/*:{TRACKING}/*\n')
        if ask("config", "remote.origin.promisor").out.strip() == "true":  # has what is not here
            git("config", "remote.origin.promisor", "true", cwd=place)
            git("config", "remote.origin.partialCloneFilter", "blob:none", cwd=place)
        git("checkout", "--quiet", commit, cwd=place)
        if lost := git("status", "--porcelain", "--untracked-files=no", cwd=place):
            raise LoopError(
                f"this clone lacks files of the commit {commit[:12]}, as {lost.splitlines()[0][3:]}",
                "a whole clone, or an origin that gives them",
                "`git fetch --refetch origin`, or clone without --filter",
            )
        yield place


def open(github: GitHub, place: Path, change: Change) -> str:  # noqa: A001 - as in pull_request.open
    """The address of the pull request of the commit that is checked out in `place`.

    Raises LoopError when GitHub refuses it; then the branch may be there without one.
    """
    url = _opened(github, place, change)
    opener_run.leave(git("rev-parse", "HEAD", cwd=place), url)
    return url


def _opened(github: GitHub, place: Path, change: Change) -> str:
    try:
        return _cml(github, place, change)
    except LoopError as error:
        print(f"note: {plain(error.found)}; the pull request is opened by REST", flush=True)
    if url := find(github, change.branch):  # only the answer was lost
        return url
    push(place, change.branch)
    asked = {"title": change.title, "body": change.body, "head": change.branch, "base": default_branch.name()}
    made = github.post_once("pulls", **asked)
    return str(made["html_url"])


def push(place: Path, name: str) -> None:
    """The commit that is checked out in `place` as a branch at origin; one that is there stays as it is."""
    if remote.to_remote("ls-remote", "--exit-code", "origin", f"refs/heads/{name}").code == 0:
        print(f"note: the branch {name} is at origin already")
        return
    done = remote.to_remote("push", "--quiet", "origin", f"HEAD:refs/heads/{name}", cwd=place)
    if done.code:
        raise LoopError(
            f"the branch {name} could not be pushed: {done.gist()}",
            "the right to push a branch",
            "see the commands",
        )


def label(github: GitHub, url: str, name: str) -> None:
    """Label a pull request; without the label it is still one."""
    try:
        github.post(f"issues/{url.rpartition('/')[2]}/labels", labels=[name])
    except LoopError as error:
        warn(f"the pull request has no label: {error.found}")


def _cml(github: GitHub, place: Path, change: Change) -> str:
    options = (f"--branch={change.branch}", f"--title={change.title}", f"--body={change.body}")
    output = cml(github, "pr", "create", f"--target-branch={default_branch.name()}", *options, cwd=place)
    url = (output.strip().splitlines() or [""])[-1]
    if not url.startswith(github.server):
        raise LoopError(f"cml pr create said {plain(url, 200)!r}", "a pull request's address", "run it again")
    return url
