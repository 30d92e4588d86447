"""GitHub asked by `gh`, with the rights of whoever is logged in; it finds the repository by git's remote."""

import shutil
from typing import Any

from loop.base import json_text, program
from loop.base.errors import LoopError
from loop.base.program import Done

LOGIN = "gh auth login"
NO_LOGIN = 4  # gh's exit code
TIMEOUT = 60  # seconds
PLANS = ("Upgrade to", "billing plan")  # GitHub's words for a rule that the repository's plan lacks


class PlanError(LoopError):
    """A rule that the plan of the repository does not have: nobody can bring it about."""


def ask(path: str) -> Any:
    """What GitHub answers, None for 404. Raises LoopError when it refuses or cannot be asked."""
    done = _run(["gh", "api", path])
    if done.code == 0:
        return json_text.parse(done.out)
    if "HTTP 404" in done.errors:
        return None
    raise _refused(done, "an answer of GitHub", LOGIN)


def do(script: str) -> None:
    """Run a script of gh commands, to its first failure. Raises LoopError with what GitHub said."""
    done = _run(["bash", "-euo", "pipefail", "-c", script])
    if done.code:
        raise _refused(done, "a change that GitHub takes", "an administrator may do it, in Settings")


def repository() -> dict[str, Any]:
    """The repository as GitHub shows it. Raises LoopError when gh is missing, or knows none."""
    if shutil.which("gh") is None:
        raise LoopError("gh is not installed", "GitHub's command line", "see https://cli.github.com")
    found = ask("repos/{owner}/{repo}")
    if found is None:
        raise LoopError("the repository is not on GitHub, or you may not see it", "one on GitHub", LOGIN)
    return dict(found)


def plan(repository: dict[str, Any]) -> str:
    """The plan of who owns a repository, such as "team"; empty where whoever is logged in may not see it."""
    owner = repository["owner"]
    try:
        found = ask(f"orgs/{owner['login']}" if owner["type"] == "Organization" else "user") or {}
    except LoopError:
        return ""
    own = found.get("login", owner["login"]) == owner["login"]
    return str((found.get("plan") or {}).get("name") or "") if own else ""


def _run(command: list[str]) -> Done:
    return program.ask(command, seconds=TIMEOUT)


def _refused(done: Done, expected: str, todo: str) -> LoopError:
    why = _why(done)
    return (PlanError if any(one in why for one in PLANS) else LoopError)(why, expected, todo)


def _why(done: Done) -> str:
    """What gh said: GitHub's own message where it gave one."""
    if done.code == NO_LOGIN:
        return "gh is not logged in"
    lines = [line.removeprefix("gh: ") for line in done.errors.splitlines() if line.strip()]
    reason = " ".join(lines[:1]) or "gh failed without a word"
    try:
        details = json_text.parse(done.out).get("errors") or []
    except (ValueError, AttributeError):
        details = []
    more = [one if isinstance(one, str) else one.get("message", "") for one in details]
    return "; ".join([reason, *filter(None, more)])
