"""The head commit of a pull request as git objects: fetched and read, never checked out or run."""

import re

from loop.base.errors import LoopError
from loop.github.client import GitHub
from loop.publish.pull import NothingToDo, Pull
from loop.repo import git
from loop.repo.remote import auth_by_environment

LARGEST = 5_000_000  # bytes of a file that is read
_LINKS = ("120000", "160000")  # modes in git


class Head:
    """Files of one commit."""

    def __init__(self, sha: str) -> None:
        self.sha = sha

    def read(self, path: str) -> bytes | None:
        """A plain file's bytes; None where there is none, or a link. Raises LoopError if it is too large."""
        listed = _git("ls-tree", "-l", self.sha, "--", path).decode(errors="replace").split()
        if len(listed) < 5 or listed[0] not in ("100644", "100755"):
            return None
        if int(listed[3]) > LARGEST:
            raise LoopError(
                f"{path} has {listed[3]} bytes", f"at most {LARGEST:,}", "keep large files in DVC"
            )
        return _git("cat-file", "blob", listed[2])

    def parents(self) -> list[str]:
        """Its parent commits."""
        return _git("rev-parse", f"{self.sha}^@").decode().split()

    def holds(self, sha: str) -> bool:
        """Whether a commit is in its history."""
        return bool(re.fullmatch("[0-9a-f]{40}", sha)) and git.is_ancestor(sha, self.sha)

    def changed(self, since: str) -> list[str]:
        """Paths that differ from another commit."""
        listed = _git("diff", "--name-only", "--no-renames", "-z", since, self.sha).decode(errors="replace")
        return [path for path in listed.split("\0") if path]

    def links(self, since: str) -> set[str]:
        """Of those that differ, what is a link or another repository now: what it leads to, no diff shows."""
        listed = _git("diff", "--raw", "--no-renames", "-z", since, self.sha).decode(errors="replace")
        parts = listed.split("\0")
        return {path for how, path in zip(parts[::2], parts[1::2], strict=False) if how.split()[1] in _LINKS}


def fetch(github: GitHub, pull: Pull) -> Head:
    """The head of a pull request. Raises NothingToDo when it moved since GitHub named it."""
    return _fetch(github, pull, f"refs/pull/{pull.number}/head")


def past(github: GitHub, sha: str) -> Head:
    """A commit that was a head, on a branch or not. Raises LoopError where GitHub has it no more."""
    _git("fetch", "--quiet", "--no-tags", _url(github), sha, token=github.token)
    return Head(sha)


def queued(github: GitHub, pull: Pull) -> Head:
    """The commit of an entry of a merge queue. Raises NothingToDo when it has left the queue."""
    ref = f"refs/heads/{pull.branch}"
    if not _git("ls-remote", _url(github), ref, token=github.token).strip():
        raise NothingToDo(f"#{pull.number} has left the merge queue, or its entry was made anew")
    return _fetch(github, pull, ref)


def _fetch(github: GitHub, pull: Pull, ref: str) -> Head:
    _git("fetch", "--quiet", "--no-tags", _url(github), ref, token=github.token)
    sha = _git("rev-parse", "FETCH_HEAD").decode().strip()
    if sha != pull.sha:
        raise NothingToDo(f"the head of #{pull.number} moved while it was read: its own review will speak")
    return Head(sha)


def merge_base(sha: str) -> str:
    """The newest commit that main and another commit share."""
    return _git("merge-base", "HEAD", sha).decode().strip()


def _git(*arguments: str, token: str = "") -> bytes:
    """What git prints. A token goes by the environment: neither a command line nor a file holds it."""
    more = {"GIT_TERMINAL_PROMPT": "0", **(auth_by_environment(token) if token else {})}
    done = git.ask("--literal-pathspecs", *arguments, env=more)
    if done.code:
        raise LoopError(
            f"git {arguments[0]} failed: {done.gist(200)}", "a commit that can be read", "run it again"
        )
    return done.raw


def _url(github: GitHub) -> str:
    return f"{github.server}/{github.repository}.git"
