"""A branch that is a record: each entry is a commit without a file, whose message holds it. It only grows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from loop.base.errors import LoopError
from loop.repo import remote
from loop.repo.git import ask, commit_of, git

TRIES = 5
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git's tree without a file
FASTER = ("non-fast-forward", "fetch first", "cannot lock ref", "failed to update")  # git's words
NO_BRANCH = "couldn't find remote ref"


@dataclass(frozen=True)
class CommitLog:
    """The record on a branch, as origin has it and as this clone does."""

    branch: str

    @property
    def local(self) -> str:
        """The branch here, and at origin."""
        return f"refs/heads/{self.branch}"

    @property
    def remote(self) -> str:
        """What this clone knows of origin's."""
        return f"refs/remotes/origin/{self.branch}"

    def entries(self, ref: str) -> Iterator[dict[str, str]]:
        """The trailers of each commit, the oldest first; none where the ref is not there."""
        done = ask("log", "--reverse", "--format=%B%x00", "--end-of-options", ref, "--")
        for text in [] if done.code else done.out.split("\0"):
            yield remote.trailers(text.strip().partition("\n\n")[2])[1]

    def keep(self, ref: str, message: str) -> None:
        """Add an entry to a ref of this clone."""
        git("update-ref", ref, self.commit(message, commit_of(ref)))

    def append(self, message: str, there: Callable[[], bool], failed: str) -> bool:
        """Add an entry at origin, unless by what origin has it is `there`; whether it was added.

        Raises LoopError, which begins with `failed`, where origin takes none.
        """
        output = ""
        for _ in range(TRIES):
            self.fetch()
            if there():
                return False
            commit = self.commit(message, commit_of(self.remote))
            done = remote.to_remote("push", "--quiet", "--porcelain", "origin", f"{commit}:{self.local}")
            output = f"{done.out}\n{done.errors}"
            if done.code == 0:
                git("update-ref", self.remote, commit)
                return True
            if not any(sign in output for sign in FASTER):
                break
        raise LoopError(
            f"{failed}: {output.strip()[:200]}",
            f"the right to push to the branch {self.branch}",
            "look at the rules of the branch, then run it again",
        )

    def fetch(self) -> None:
        """Bring origin's. Raises LoopError where it does not answer; one without the branch has no entry."""
        done = remote.to_remote("fetch", "--quiet", "--no-tags", "origin", f"+{self.local}:{self.remote}")
        if done.code and NO_BRANCH not in done.errors:
            found = f"the branch {self.branch} cannot be fetched: {done.gist()}"
            raise LoopError(found, "an origin that answers", "run it again")

    def commit(self, message: str, parent: str | None) -> str:
        """A commit of an entry, on no branch yet."""
        parents = ["-p", parent] if parent else []
        git("hash-object", "-t", "tree", "-w", "--stdin", text="")
        return git("commit-tree", EMPTY, *parents, text=message + "\n", env=remote.identity())
