"""The base branch: its commit, its files, and what the working tree changed since their merge base."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from loop.base.errors import LoopError, UsageError
from loop.repo.commit import Commit
from loop.repo.git import commit_of, git
from loop.repo.rerun import made
from loop.settings.paths import BEGUN, PIPELINE_LOCK


@dataclass(frozen=True)
class Base:
    """A branch as named, its newest commit, and the commit where the working tree's history left it."""

    name: str
    commit: str
    merge_base: str

    def text(self, path: Path, commit: str | None = None) -> str | None:
        """A file of the base's newest commit (or of `commit`); None if it has no such file."""
        return Commit(commit or self.commit).words(path)

    def yaml(self, path: Path, commit: str | None = None) -> Any:
        """A YAML file of the base; None if it has no such file. Raises LoopError if it is not YAML."""
        there = Commit(commit or self.commit)
        return None if there.file(path) is None else there.yaml(path)

    def changed(self) -> list[str]:
        """Paths that the working tree changed since the merge base, new ones included."""
        changed = git("diff", "--name-only", "--no-renames", "-z", self.merge_base).split("\0")
        new = git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
        return sorted({name for name in [*changed, *new] if name})

    def behind(self) -> int:
        """How many commits the base has that the working tree's history lacks."""
        return int(git("rev-list", "--count", f"{self.merge_base}..{self.commit}"))

    def again(self, tree: "Judged") -> list[str]:
        """The commands that give the same verdict again; in this very tree while it is not committed.

        None where there is no such base.
        """
        if not self.commit:
            return []
        review = f"make review BASE={self.commit[:12]}"
        return [review] if tree.dirty else [f"git switch --detach {tree.commit[:12]}", review]

    def ever_had_a_champion(self) -> bool:
        """Whether any commit of the base's history, since this problem began, holds a dvc.lock."""
        begun = git("log", "-1", "--diff-filter=A", "--format=%H", self.commit, "--", str(BEGUN))
        since = [f"{begun}..{self.commit}"] if begun else [self.commit]
        return bool(git("log", "-1", "--format=%H", *since, "--", str(PIPELINE_LOCK)))


@dataclass(frozen=True)
class Judged:
    """What is judged: the branch, its commit, and whether the working tree has more than that."""

    name: str
    commit: str
    dirty: bool


def judged() -> Judged:
    """The working tree; what a run makes of it is not a change of it."""
    try:
        return Judged(git("rev-parse", "--abbrev-ref", "HEAD"), git("rev-parse", "HEAD"), _dirty())
    except LoopError:
        return Judged("", "", dirty=True)


def _dirty() -> bool:
    try:
        others = [f":(exclude){path}" for path in made()]
    except (LoopError, AttributeError):  # dvc.yaml was changed into what is none
        others = []
    return bool(git("status", "--porcelain", "--", ".", *others))


def commit_named(name: str) -> str | None:
    """The commit of a branch here or on `origin`, or of another name; a branch before a tag of its name.

    HEAD is what is checked out here: each clone has one of origin's too.
    """
    there = () if re.match(r"HEAD($|[~^@])", name) else (f"refs/remotes/origin/{name}",)
    tried = (f"refs/heads/{name}", *there, name)
    return next(filter(None, map(commit_of, tried)), None)


def near(name: str) -> str:
    """Which branch may have been meant, as the end of a sentence; empty where none is near."""
    branches = git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes").split()
    found = get_close_matches(name, branches, n=1)
    return f"; did you mean `{found[0]}`?" if found else ""


def resolve(name: str) -> Base:
    """The base of that name: a local ref, or else the one of `origin`.

    Raises UsageError for a name that git does not know, LoopError for a shallow clone, and for histories that
    share no commit.
    """
    if git("rev-parse", "--is-shallow-repository") == "true":
        raise LoopError(
            "this clone is shallow: where the branch left the base cannot be seen",
            "the whole history",
            "`git fetch --unshallow`; in a workflow, checkout with `fetch-depth: 0`",
        )
    commit = commit_named(name)
    if commit is None:
        raise UsageError(
            f"--against {name}: git knows no such name{near(name)}",
            "a branch, tag or commit to compare with",
            f"`git fetch origin {name}`, or name another with --against",
        )
    try:
        merge_base = git("merge-base", commit, "HEAD")
    except LoopError:
        raise LoopError(
            f"`{name}` and this branch share no commit",
            "a branch that grew out of its base",
            "fetch the whole history, or name another base with --against",
        ) from None
    return Base(name, commit, merge_base)
