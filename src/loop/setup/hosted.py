"""What decides on GitHub whether the workflows run, and is not ours to change unasked: for `loop doctor`."""

from collections.abc import Callable
from functools import partial
from typing import Any

from loop.base.errors import LoopError
from loop.setup.gh import ask
from loop.setup.need import Need, written

_REPO = "repos/{owner}/{repo}"
SCHEDULED = ("monitor.yml", "reproduce.yml")


def needs() -> list[Need]:
    """Every such need, each with its own command."""
    checks: dict[str, Callable[[], bool]] = {
        "actions": _may_run,
        "owners": lambda: not (ask(f"{_REPO}/codeowners/errors") or {}).get("errors"),
        **{name: partial(_active, name) for name in SCHEDULED},
    }
    return written("hosted.yaml.j2", checks, scheduled=SCHEDULED)


def about(repository: dict[str, Any]) -> str:
    """What decides which rules there can be: visibility, plan, and which branch is the default one."""
    plan = _plan(repository)
    paid = "" if repository["visibility"] == "public" else f", plan {plan or 'not shown to you'}"
    return f"{repository['visibility']}{paid}, default branch {repository['default_branch']}"


def _plan(repository: dict[str, Any]) -> str:
    owner = repository["owner"]
    path = f"orgs/{owner['login']}" if owner["type"] == "Organization" else "user"
    try:
        return str(((ask(path) or {}).get("plan") or {}).get("name") or "")
    except LoopError:
        return ""


def _may_run() -> bool:
    found = ask(f"{_REPO}/actions/permissions") or {}
    if not found.get("enabled") or found.get("allowed_actions") != "selected":
        return bool(found.get("enabled")) and found.get("allowed_actions") != "local_only"
    chosen = ask(f"{_REPO}/actions/permissions/selected-actions") or {}
    return bool(chosen.get("github_owned_allowed")) or "actions/*" in chosen.get("patterns_allowed", [])


def _active(name: str) -> bool:
    return (ask(f"{_REPO}/actions/workflows/{name}") or {}).get("state") == "active"
