"""The files of a commit, read from git's objects: nothing is checked out."""

import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from loop.base.errors import LoopError
from loop.repo import git
from loop.settings import yaml_file
from loop.settings.paths import LINEAGE

_WHOLE = re.compile(r"[0-9a-f]{40}")
CHANGED = "-changed"  # after the commit of a checkout in which files were changed


@dataclass(frozen=True)
class Commit:
    """A commit by its hash or a name of it, of the clone `cwd` (this one by default)."""

    name: str
    cwd: Path | None = None

    def file(self, path: Path | str) -> bytes | None:
        """A file to the byte; None where the commit has none, or the clone no such commit."""
        asked = (f"{self.name}:{_plain(path)}", self.cwd)
        try:
            return _held(*asked) if _WHOLE.fullmatch(self.name) else _read(*asked)
        except KeyError:
            return None

    def words(self, path: Path | str) -> str | None:
        """A file as text; None as in `file`."""
        found = self.file(path)
        return None if found is None else found.decode(errors="replace")

    def text(self, path: Path | str) -> str:
        """A file as text. Raises LoopError where the commit has none."""
        found = self.words(path)
        if found is None:
            raise LoopError(
                f"commit {self.name[:12]} has no {_plain(path)}",
                "a file that was committed",
                f"look at it: `git ls-tree -r {self.name[:12]}`",
            )
        return found

    def yaml(self, path: Path | str) -> Any:
        """A YAML file as plain values. Raises LoopError for one that is missing, or no YAML."""
        return self.parsed(path, self.text(path))

    def parsed(self, path: Path | str, text: str) -> Any:
        """The text of its file as plain values of YAML. Raises LoopError for what is none."""
        try:
            return yaml_file.parse(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f", line {mark.line + 1}" if mark else ""
            raise LoopError(
                f"{_plain(path)}{where} is not YAML in commit {self.name[:12]}",
                "valid YAML",
                f"look at it: `git show {self.name[:12]}:{_plain(path)}`",
            ) from None

    def json(self, path: Path | str) -> Any:
        """A JSON file as plain values. Raises LoopError for one that is missing, or no JSON."""
        try:
            return json.loads(self.text(path))
        except (ValueError, RecursionError):
            raise LoopError(
                f"{_plain(path)} is not JSON in commit {self.name[:12]}",
                "valid JSON",
                f"look at it: `git show {self.name[:12]}:{_plain(path)}`",
            ) from None

    def model(self) -> str | None:
        """The sha256 of the model that its lineage names; None where it names none."""
        try:
            return str(self.json(LINEAGE)["model"]["sha256"])
        except (LoopError, KeyError, TypeError):
            return None

    def blobs(self, *under: str) -> dict[str, str]:
        """Path -> blob of its files, those below `under` if any is named."""
        asked = (self.name, under, self.cwd)
        lines = _held_tree(*asked) if _WHOLE.fullmatch(self.name) else _tree(*asked)
        parts = (line.split("\t", 1) for line in lines.split("\0") if line)
        return {path: meta.split()[2] for meta, path in parts}

    def texts(self, *under: str) -> dict[str, str]:
        """Path -> text of its files, by one call of git. Raises LoopError for one that cannot be read."""
        blobs = self.blobs(*under)
        found = contents(list(blobs.values()), self.cwd)
        if None in found:
            raise _broken(f"{[*blobs][found.index(None)]} of commit {self.name[:12]}", "it is not there")
        return {path: (raw or b"").decode(errors="replace") for path, raw in zip(blobs, found, strict=True)}


def _read(name: str, cwd: Path | None) -> bytes:
    """A blob as COMMIT:PATH. Raises KeyError where there is none, LoopError where it cannot be read."""
    done = git.ask("cat-file", "blob", name, cwd=cwd)
    if done.code and _BROKEN.search(done.errors):
        raise _broken(name, done.gist(200))
    if done.code:
        raise KeyError(name)
    return done.raw


def _tree(name: str, under: tuple[str, ...], cwd: Path | None) -> str:
    """Mode, kind, hash and path of a commit's files, each ended by a NUL."""
    return git.git("ls-tree", "-r", "-z", "--full-tree", name, "--", *under, cwd=cwd)


# What a whole hash names never changes.
_held = functools.lru_cache(maxsize=64)(_read)
_held_tree = functools.lru_cache(maxsize=64)(_tree)


_BROKEN = re.compile("bad file|corrupt|is empty|unable to|inflate")


def _broken(what: str, why: str) -> LoopError:
    todo = "`git fsck` says what is broken; `git fetch`, or another clone, has it"
    return LoopError(f"git cannot read {what}: {why}", "a whole repository", todo)


def contents(names: Sequence[str], cwd: Path | None = None) -> list[bytes | None]:
    """The bytes of blobs, each by hash or as COMMIT:PATH, by one call of git; None where there is none.

    Raises LoopError for one that cannot be read: git calls it missing too, or ends in the middle of it.
    """
    done = git.ask("cat-file", "--batch", cwd=cwd, text="".join(f"{one}\n" for one in names))
    if done.code or _BROKEN.search(done.errors):
        raise _broken("what it keeps", done.gist(200))
    found: list[bytes | None] = []
    at = 0
    for _ in names:
        end = done.raw.index(b"\n", at)
        head = done.raw[at:end].rsplit(b" ", 2)
        if len(head) < 3 or head[1] != b"blob":  # missing
            found.append(None)
            at = end + 1
            continue
        size = int(head[2])
        found.append(done.raw[end + 1 : end + 1 + size])
        at = end + size + 2
    return found


def require(commit: str, what: str, cwd: Path | None = None) -> None:
    """Raise LoopError where the clone `cwd` does not have the commit of `what`."""
    if not git.has(commit, cwd):
        raise LoopError(
            f"{what} is commit {commit[:12]}, which this clone does not have",
            "the history of main, whole",
            "`git fetch --unshallow origin`, or `git fetch origin`, then run this again",
        )


def checked_out() -> str:
    """The commit of this checkout, marked as CHANGED if files of it were."""
    changed = git.git("status", "--porcelain", "--untracked-files=no")
    return git.git("rev-parse", "HEAD") + (CHANGED if changed else "")


def of_model(sha256: str) -> list[str]:
    """Commits of any branch that wrote a lineage of this model (or start of a hash), oldest first."""
    commits = git.git("log", "--all", "--reverse", "--format=%H", "--", str(LINEAGE)).split()
    named = ("grep", "--files-with-matches", "--fixed-strings", f'"sha256": "{sha256}')
    found = git.ask(*named, *commits, "--", str(LINEAGE)).out.split() if commits else []
    return [name.partition(":")[0] for name in found]


def _plain(path: Path | str) -> str:
    return path.as_posix() if isinstance(path, Path) else path
