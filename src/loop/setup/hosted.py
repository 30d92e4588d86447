"""What decides on GitHub whether the workflows run, and is not ours to change unasked: for `loop doctor`."""

from functools import partial
from typing import Any

from loop.base.errors import LoopError
from loop.setup.gh import ask
from loop.setup.need import Need

_REPO = "repos/{owner}/{repo}"
SCHEDULED = ("monitor.yml", "reproduce.yml")


def needs() -> list[Need]:
    """Every such need, each with its own command."""
    return [
        Need(
            "Actions run, GitHub's own among them",
            "no workflow starts, and `gate` is never set: every step uses actions/checkout",
            f"gh api -X PUT '{_REPO}/actions/permissions' -F enabled=true -f allowed_actions=selected && "
            f"gh api -X PUT '{_REPO}/actions/permissions/selected-actions' -F github_owned_allowed=true",
            _may_run,
        ),
        Need(
            "owners that GitHub knows",
            "a file whose owner does not exist, or may not write, is protected by nobody",
            f"name others in .github/CODEOWNERS: gh api '{_REPO}/codeowners/errors' --jq '.errors[].message'",
            lambda: not (ask(f"{_REPO}/codeowners/errors") or {}).get("errors"),
        ),
        *(
            Need(
                f"the schedule of {name}",
                "it does not run by itself: switched off by hand, or by GitHub after 60 quiet days",
                f"gh workflow enable {name}",
                partial(_active, name),
                optional=True,
            )
            for name in SCHEDULED
        ),
    ]


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
