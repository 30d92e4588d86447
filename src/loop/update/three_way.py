"""Three sets of files, and what became of each: the template's then and now, and what a copy has.

Files are mode and hash of git by path, so nothing here reads one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from loop.base.errors import UsageError

Files = dict[str, tuple[str, str]]
OWN = frozenset({"README.md", "params.yaml", "dvc.lock", "loop-version.json"})  # a person's, or written anew


@dataclass(frozen=True)
class Sides:
    """The template's files at the copy's version (`base`) and at the later one (`theirs`), and the copy's."""

    base: Files
    ours: Files
    theirs: Files

    def edited(self) -> set[str]:
        """Files of either version that are not as they came."""
        known = self.base.keys() | self.theirs.keys()
        return {path for path in known if self.ours.get(path) != self.base.get(path)}


@dataclass(frozen=True)
class Outcome:
    """What became of the files, by path."""

    replaced: list[str]
    merged: list[str]  # edited here, and changed by the template
    added: list[str]
    removed: list[str]
    kept: list[str]  # edited here, and left so
    gone: list[str]  # removed here, and left so

    def changed(self) -> list[str]:
        """What the update changes."""
        return [*self.replaced, *self.merged, *self.added, *self.removed]


def without_own(files: Files) -> Files:
    """The template's files, less those that a copy has of its own."""
    return {path: file for path, file in files.items() if path not in OWN}


def chosen(sides: Sides, only: Iterable[str], keep: Iterable[str], take: Iterable[str]) -> Sides:
    """The sides as a person wants them: nothing but some files, this copy's file, or the template's.

    Raises UsageError for a path that is no file of either version.
    """
    base, ours, theirs = map(dict, (sides.base, sides.ours, sides.theirs))
    for path in (*only, *keep, *take):
        if path not in base.keys() | theirs.keys():
            raise UsageError(f"{path}", "a file of the template, in either version", "see what --check names")
    if only := set(only):
        for path in (base.keys() | theirs.keys()) - only:
            put(theirs, path, base)
    for path in keep:
        put(theirs, path, base)
    for path in take:
        put(ours, path, base)
    return Sides(base, ours, theirs)


def conflict(sides: Sides, path: str) -> str:
    """Why a path cannot be merged."""
    base, ours, theirs = (path in files for files in (sides.base, sides.ours, sides.theirs))
    if not ours:
        return "removed here, and changed by the template"
    if not theirs:
        return "edited here, and removed by the template"
    return "edited here and by the template" if base else "a file here, and new in the template"


def outcome(sides: Sides, merged: Files) -> Outcome:
    """What became of each file that differs from the copy's, or differs there from what came."""
    ours, edited = sides.ours, sides.edited()
    moved = {path for path in ours.keys() | merged.keys() if ours.get(path) != merged.get(path)}
    both = moved & ours.keys() & merged.keys()
    left = edited - moved
    return Outcome(
        replaced=sorted(both - edited),
        merged=sorted(both & edited),
        added=sorted(moved - ours.keys()),
        removed=sorted(moved - merged.keys()),
        kept=sorted(path for path in left if path in ours and ours[path] != sides.theirs.get(path)),
        gone=sorted(path for path in left if path not in ours and path in sides.theirs),
    )


def put(files: Files, path: str, of: Files) -> None:
    """Let a path be as it is in other files."""
    files.pop(path, None)
    if path in of:
        files[path] = of[path]
