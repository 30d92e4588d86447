"""git, asked and answered as text: the one place that runs it."""

import re
from collections.abc import Mapping
from pathlib import Path

from loop.base import environment, program
from loop.base.errors import LoopError
from loop.base.program import Done

Env = Mapping[str, str] | None
SECONDS = 600.0  # of a call that stays on this machine: a checkout of a large tree
_NEUTRAL = {  # what a person's own settings must not change in what git prints, checks out or runs
    "advice.detachedHead": "false",
    "clone.defaultRemoteName": "origin",
    "color.diff": "false",
    "color.grep": "false",
    "color.ui": "false",
    "column.ui": "never",
    "commit.cleanup": "whitespace",
    "commit.gpgSign": "false",
    "core.attributesFile": "/dev/null",
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.quotePath": "true",
    "core.splitIndex": "false",
    "diff.ignoreSubmodules": "none",
    "diff.orderFile": "/dev/null",
    "diff.relative": "false",
    "diff.renames": "true",
    "i18n.commitEncoding": "UTF-8",
    "i18n.logOutputEncoding": "UTF-8",
    "log.follow": "false",
    "log.showRoot": "true",
    "log.showSignature": "false",
    "merge.verifySignatures": "false",
    "push.followTags": "false",
    "push.gpgSign": "false",
    "push.pushOption": "",
    "status.renames": "true",
    "status.showUntrackedFiles": "normal",
}
_OBJECTS = {  # refs/replace and .git/info/grafts give a commit other contents and parents
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null",
}
_NOBODY = re.compile("identity unknown|empty ident name|unable to auto-detect email address")
_ANSWERS = (  # to what git says: what was expected, and what to do
    ("not a git repository", "a git repository", "run from a clone's root"),
    (
        "(name|argument|revision) '?HEAD|not have any commits",
        "a commit, beside which results are recorded",
        "`git add --all` and `git commit -m first`, then run it again",
    ),
    (
        "bad config|bad numeric config|bad boolean config",
        "settings that git can read",
        "fix that line of them",
    ),
    (
        "dubious ownership",
        "a clone of one's own",
        "`sudo chown -R $(id -u) .`, or what git says: `git config --global --add safe.directory ...`",
    ),
    (
        r"object file|corrupt|unable to read|bad object|missing (blob|tree)|loose object",
        "a whole repository",
        "`git fsck` says what is broken; `git fetch`, or another clone, has it",
    ),
    ("Permission denied|Read-only file system", "a clone that may be written", "fix its permissions"),
    ("", "that git can do it", "look at `git status`; `git fsck` says whether the repository is whole"),
)
SETTINGS = tuple(part for name, value in _NEUTRAL.items() for part in ("-c", f"{name}={value}"))


def git(*arguments: str, cwd: Path | None = None, text: str | None = None, env: Env = None) -> str:
    """What git prints, without the last line's end; `text` is its input, `env` is added to its environment.

    Raises LoopError with git's own first line.
    """
    return _good(ask(*arguments, cwd=cwd, text=text, env=env)).out.rstrip("\n")


def ask(*arguments: str, cwd: Path | None = None, text: str | None = None, env: Env = None) -> Done:
    """A call of git whose exit code is an answer."""
    told = environment.child(**{"LC_ALL": "C", **_OBJECTS, **(env or {})})
    return program.ask(["git", *SETTINGS, *arguments], seconds=SECONDS, cwd=cwd, env=told, text=text)


def commit_of(name: str, cwd: Path | None = None) -> str | None:
    """The commit that a name means here; None where it means none."""
    done = ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", cwd=cwd)
    return done.out.strip() or None if done.code == 0 else None


def has(commit: str, cwd: Path | None = None) -> bool:
    """Whether this clone has a commit."""
    return ask("cat-file", "-e", f"{commit}^{{commit}}", cwd=cwd).code == 0


def damage(commit: str) -> str:
    """What of a commit cannot be read, or has other bytes than its hash says; nothing where it is whole.

    A loose object with other bytes is taken for the right one by all that reads, but for this.
    """
    done = ask("rev-list", "--objects", "--verify-objects", "--no-walk", "--quiet", commit)
    return done.gist(200) if done.code or "mismatch" in done.errors else ""


def is_ancestor(commit: str, of: str) -> bool:
    """Whether a commit is in the history of another; no where this clone does not have it."""
    return ask("merge-base", "--is-ancestor", commit, of).code == 0


def whole_index(cwd: Path | None = None) -> None:
    """Make an index one file that core.splitIndex made two: DVC fails on it, or waits for ever."""
    home = cwd or Path()
    place = home / ".git"
    if place.is_file():  # of a worktree or a submodule: it says where
        place = home / place.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    if any(place.glob("sharedindex.*")):
        git("update-index", "--no-split-index", cwd=cwd)


class LockedError(LoopError):
    """A file by which git keeps others away: of a git that is at work, or that was killed."""

    def __init__(self, path: str) -> None:
        todo = f"wait until it has ended and run it again; if no git is at work, `rm {path}`"
        super().__init__(f"git is locked by {path}", "no other git at work here", todo)


def _good(done: Done) -> Done:
    if done.code:
        if locked := re.search(r"Unable to create '(.+\.lock)': File exists", done.errors):
            raise LockedError(locked[1])
        if _NOBODY.search(done.errors):
            raise LoopError(
                "git does not know who commits here",
                "a name and a mail address",
                "`git config --global user.name 'YOUR NAME'` and `git config --global user.email "
                "YOU@EXAMPLE.ORG`, then run it again",
            )
        said = [line for line in done.errors.splitlines() if line.strip()]
        lines = [line for line in said if not line.startswith("hint: ")] or said or ["it said nothing"]
        expected, todo = next(answer for pattern, *answer in _ANSWERS if re.search(pattern, done.errors))
        raise LoopError(f"git failed: {lines[0].strip()}", expected, todo)
    return done
