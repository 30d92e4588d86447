"""Zip what the patterns find, as actions/upload-artifact 7 does by @actions/glob, and give it to the double.

One pattern a line, `!` takes away. What is hidden is left out, and all below it, at the last part of where a
search starts too. Names in the archive start where all searches do; a single file is stored without folder.
"""

import io
import os
import re
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

REFUSED = re.compile(r'[":<>|*?\r\n]')  # in the name of a file; in an artifact's, slashes too
UNKNOWN = re.compile(r"[\[\\~]|(^|/)\.\.?(/|$)|/$")  # what the real one reads in ways of its own


class Pattern:
    """One line: where the search starts, and what it matches; a folder is matched with all below it."""

    def __init__(self, line: str) -> None:
        assert not UNKNOWN.search(line), f"this stand-in does not read {line}"
        self.takes_away = line.startswith("!")
        parts = os.path.abspath(line.lstrip("!").strip()).split("/")
        wild = next((at for at, part in enumerate(parts) if set(part) & set("*?")), len(parts))
        self.start = "/".join(parts[:wild])
        self._parts = [part if part == "**" else _regex(part) for part in parts]

    def matches(self, path: str) -> bool:
        return _match(self._parts, path.split("/"))


def _regex(part: str) -> str:
    return re.sub(r"\\\*|\\\?", lambda sign: {"*": "[^/]*", "?": "[^/]"}[sign[0][1]], re.escape(part))


def _match(pattern: list[str], path: list[str]) -> bool:
    if not pattern:
        return True  # whatever lies below what is matched
    if pattern[0] == "**":
        return any(_match(pattern[1:], path[at:]) for at in range(len(path) + 1))
    return bool(path) and bool(re.fullmatch(pattern[0], path[0])) and _match(pattern[1:], path[1:])


def found(text: str, hidden: bool = False) -> tuple[list[str], str]:
    """The files that go into an artifact, and the folder at which their names start."""
    lines = [line.strip() for line in text.split("\n")]
    patterns = [Pattern(line) for line in lines if line and not line.startswith("#")]
    starts = [one.start for one in patterns if not one.takes_away]
    starts = sorted({one for one in starts if not any(one.startswith(f"{other}/") for other in starts)})
    files = []
    for path in sorted({path for start in starts for path in _below(start, hidden)}):
        taken = False
        for one in patterns:
            taken = (not one.takes_away) if one.matches(path) else taken
        files += [path] * taken
    root = os.path.commonpath(starts)
    return files, os.path.dirname(root) if files == [root] else root


def _below(start: str, hidden: bool) -> list[str]:
    path = Path(start)
    if not path.exists() or (path.name.startswith(".") and not hidden):
        return []
    if not path.is_dir():
        return [start]
    assert not path.is_symlink(), f"{path}: this stand-in follows no link to a folder"
    return [one for child in path.iterdir() for one in _below(str(child), hidden)]


def main() -> int:
    """The exit code of the step."""
    name, patterns = os.environ["ARTIFACT"], os.environ["PATTERNS"]
    files, root = found(patterns, os.environ["HIDDEN"] == "true")
    names = [os.path.relpath(file, root) for file in files]
    if not files:
        level = {"warn": "warning", "error": "error", "ignore": "notice"}[os.environ["IF_NONE"]]
        print(f"::{level}::No files were found: {patterns}. No artifacts will be uploaded.")
        return level == "error"
    for one in [name.replace("/", ":").replace("\\", ":"), *names]:
        if REFUSED.search(one):
            print(f"::error::{name}: {one} contains a character that an artifact cannot hold")
            return 1
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for file, inside in zip(files, names, strict=True):
            made.write(file, inside)
    run = f"{os.environ['GITHUB_RUN_ID']}/{os.environ['GITHUB_RUN_ATTEMPT']}"
    where = f"{os.environ['GITHUB_SERVER_URL']}/_artifacts/{run}/{name}"
    try:
        asked = urllib.request.Request(where, out.getvalue(), method="POST")  # noqa: S310
        urllib.request.urlopen(asked, timeout=60)  # noqa: S310
    except urllib.error.HTTPError as error:
        print(f"::error::Failed to CreateArtifact: ({error.code}) {error.read().decode()}")
        return 1
    print("\n".join(names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
