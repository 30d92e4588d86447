"""A branch that is a record: each entry is a commit without a file, whose message holds it. It only grows.

Where origin's was rewritten or taken away, what this clone knew of it stays known, and the next entry that it
adds brings it back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.base.warning import warn
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

    def known(self) -> Iterator[dict[str, str]]:
        """The entries of origin's branch, and those that it lost since this clone knew them."""
        self._remember()
        return self.entries(self.remote, *self._lost())

    def entries(self, *refs: str) -> Iterator[dict[str, str]]:
        """The trailers of each commit, the oldest first; none where no ref is there."""
        there = [ref for ref in refs if commit_of(ref)] or ["HEAD", "--max-count=0"]
        done = ask("log", "--reverse", "--format=%B%x00", *there, "--")
        for text in [] if done.code else done.out.split("\0"):
            yield remote.trailers(text.strip().partition("\n\n")[2])[1]

    def keep(self, ref: str, message: str) -> None:
        """Add an entry to a ref of this clone."""
        git("update-ref", ref, self.commit(message, *filter(None, [commit_of(ref)])))

    def append(self, message: str, there: Callable[[], bool], failed: str) -> bool:
        """Add an entry at origin, unless by what origin has it is `there`; whether it was added.

        Raises LoopError, which begins with `failed`, where origin takes none.
        """
        output = ""
        for _ in range(TRIES):
            self.fetch()
            if there():
                return False
            commit = self.commit(message, *filter(None, [commit_of(self.remote)]), *self._lost())
            done = remote.to_remote("push", "--quiet", "--porcelain", "origin", f"{commit}:{self.local}")
            output = f"{done.out}\n{done.errors}"
            if done.code == 0:
                git("update-ref", self.remote, commit)
                self._remember()
                return True
            if not any(sign in output for sign in FASTER):
                break
        raise LoopError(
            f"{failed}: {output.strip()[:200]}",
            f"the right to push to the branch {self.branch}",
            "look at the rules of the branch, then run it again",
        )

    def fetch(self) -> None:
        """Bring origin's, and remember how it ends. Raises LoopError where it does not answer.

        What a fetch of git's own brought in between is in it, or lost, as well.
        """
        done = remote.to_remote("fetch", "--quiet", "--no-tags", "origin", f"+{self.local}:{self.remote}")
        if done.code and NO_BRANCH not in done.errors:
            found = f"the branch {self.branch} cannot be fetched: {done.gist()}"
            raise LoopError(found, "an origin that answers", "run it again")
        if done.code and commit_of(self.remote):
            git("update-ref", "-d", self.remote)
        self._remember()
        if lost := self._lost():
            gone = git("rev-list", "--count", *lost, *self._since("^"))
            many = counted(int(gone), "entry", "entries")
            warn(f"the branch {self.branch} at origin lost {many}, which this clone counts on: see its rules")

    def _remember(self) -> None:
        """Keep how origin's branch ends, in place of what is within it."""
        if tip := commit_of(self.remote):
            for ref in git("for-each-ref", "--format=%(refname)", f"--merged={tip}", self._seen).split():
                git("update-ref", "-d", ref)
            git("update-ref", f"{self._seen}/{tip}", tip)

    @property
    def _seen(self) -> str:
        return f"refs/loop/seen-{self.branch}"

    def _since(self, option: str) -> list[str]:
        return [f"{option}{self.remote}"] if commit_of(self.remote) else []

    def _lost(self) -> list[str]:
        """The commits that origin's branch ended with once, and that are no longer in it."""
        return git("for-each-ref", "--format=%(objectname)", *self._since("--no-merged="), self._seen).split()

    def commit(self, message: str, *parents: str) -> str:
        """A commit of an entry, on no branch yet."""
        named = [part for one in parents for part in ("-p", one)]
        git("hash-object", "-t", "tree", "-w", "--stdin", text="")
        return git("commit-tree", EMPTY, *named, text=message + "\n", env=remote.identity())
