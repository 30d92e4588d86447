"""The commit of results: what a review may bring to a pull request, and which commits are such."""

from typing import Any

from loop.github import approvers
from loop.github.client import BOT, HEADLINE

LOCK = "dvc.lock"
LISTED = 300  # files of a commit that GitHub lists at once
_PLACES = ("models/", "reports/")
_KINDS = (".json", ".csv", ".md")


def result(path: str) -> bool:
    """Whether a path is one that a review may bring: the lock, or a small file of models/ or reports/."""
    parts = path.split("/")
    plainly = all(part not in ("", ".", "..") and not part.startswith(".") for part in parts)
    return path == LOCK or (plainly and path.startswith(_PLACES) and path.endswith(_KINDS))


def heads(head: dict[str, Any]) -> set[str]:
    """Commits whose approval holds for a `head`: itself, and the judged one where it is the bot's on top."""
    commit, files = head["commit"], head["files"]
    names = {file[key] for file in files for key in ("filename", "previous_filename") if key in file}
    results = all(map(result, names)) and len(files) < LISTED and len(head["parents"]) == 1
    by_the_bot = (head.get("author") or {}).get("login") == BOT and approvers.signed(head)
    named = commit["message"].split("\n")[0] == HEADLINE
    judged = head["parents"] if results and by_the_bot and named else []
    return {head["sha"], *(one["sha"] for one in judged)}
