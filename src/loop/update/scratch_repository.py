"""A repository that borrows this clone's objects, for trees, merges and commits, and is gone in the end."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loop.base.errors import LoopError
from loop.repo import remote
from loop.repo.git import ask, git
from loop.update.three_way import Files, Sides


@dataclass(frozen=True)
class Scratch:
    """Its place, and who commits there."""

    place: Path
    who: tuple[str, str]

    def files(self, of: str) -> Files:
        """The files of a commit or a tree."""
        listed = self.git("ls-tree", "-r", "-z", "--full-tree", of).split("\0")
        lines = (line.split("\t", 1) for line in listed if line)
        return {path: (head.split()[0], head.split()[2]) for head, path in lines}

    def commit(self, files: Files, parent: str | None = None, message: str = "files") -> str:
        """A commit of files."""
        index_file = self.place / ".git/index.of-files"
        index_file.unlink(missing_ok=True)
        index = {"GIT_INDEX_FILE": str(index_file)}
        lines = "".join(f"{mode} {sha}\t{path}\0" for path, (mode, sha) in files.items())
        self.git("update-index", "-z", "--index-info", text=lines, env=index)
        return self.commit_of(self.git("write-tree", env=index), parent, message)

    def commit_of(self, tree: str, parent: str | None, message: str) -> str:
        """A commit of a tree."""
        parents = ("-p", parent) if parent else ()
        who = remote.commits_as(*self.who)
        return self.git(*who, "commit-tree", tree, *parents, "-F", "-", text=message)

    def merge(self, sides: Sides) -> tuple[str | None, list[str]]:
        """The tree of a merge, or the paths that cannot be merged.

        An edit follows a file that was moved; where that cannot be, paths are those of both sides.
        """
        base = self.commit(sides.base)
        pair = [self.commit(side, base) for side in (sides.ours, sides.theirs)]
        for renames in ("true", "false"):
            settings = ("-c", f"merge.renames={renames}", "-c", "merge.directoryRenames=false")
            how = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z")
            done = ask(*settings, *how, *pair, cwd=self.place)
            tree, *paths = done.out.rstrip("\0").split("\0")
            if done.code == 0:
                return tree, []
            if done.code != 1:
                raise LoopError(
                    f"git cannot merge: {done.gist()}", "git 2.38 or later", "install a newer git"
                )
        return None, sorted(set(paths))

    def checkout(self, commit: str, name: str) -> Path:
        """A worktree of a commit."""
        folder = self.place.parent / name
        self.git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        return folder

    def tree_of(self, folder: Path) -> str:
        """The tree of a worktree as it is now, without what is new in it."""
        git("add", "--update", cwd=folder)
        return git("write-tree", cwd=folder)

    def git(self, *arguments: str, text: str | None = None, env: dict[str, str] | None = None) -> str:
        """What git prints there."""
        return git(*arguments, cwd=self.place, text=text, env=env)

    def give(self, commit: str, branch: str) -> None:
        """Bring a commit to this clone as a new branch: all that is written, whole or not at all."""
        self.git("update-ref", f"refs/heads/{branch}", commit)
        ref = f"refs/heads/{branch}"
        git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(self.place), f"{ref}:{ref}")


@contextmanager
def scratch() -> Iterator[Scratch]:
    """A scratch repository for the clone in the current folder."""
    with tempfile.TemporaryDirectory(prefix="loop-update-") as folder:
        place = Path(folder).resolve() / "repository"
        git("init", "--quiet", str(place))
        for name, where in (("objects", ".git/objects/info/alternates"), ("shallow", ".git/shallow")):
            own = Path(git("rev-parse", "--path-format=absolute", "--git-path", name))
            if name == "shallow" and own.is_file():
                (place / where).write_bytes(own.read_bytes())
            elif name == "objects":
                (place / where).write_text(f"{own}\n", encoding="utf-8")
        yield Scratch(place, remote.committer())
