"""What decides on GitHub whether the workflows run, and is not ours to change unasked: for `loop doctor`."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from loop.setup.gh import ask, plan
from loop.setup.need import Need, written

_REPO = "repos/{owner}/{repo}"
_USES = re.compile(r"^\s*(?:- )?uses:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
_SCHEDULE = re.compile(r"^ +schedule:", re.MULTILINE)


def needs() -> list[Need]:
    """Every such need, each with its own command."""
    scheduled = _scheduled()
    checks: dict[str, Callable[[], bool]] = {
        "actions": _may_run,
        "owners": lambda: not (ask(f"{_REPO}/codeowners/errors") or {}).get("errors"),
        **{name: partial(_active, name) for name in scheduled},
    }
    return written("hosted.yaml.j2", checks, scheduled=scheduled)


def about(repository: dict[str, Any]) -> str:
    """What decides which rules there can be: visibility, plan, and which branch is the default one."""
    paid = "" if repository["visibility"] == "public" else f", plan {plan(repository) or 'not shown to you'}"
    return f"{repository['visibility']}{paid}, default branch {repository['default_branch']}"


def _may_run() -> bool:
    found = ask(f"{_REPO}/actions/permissions") or {}
    if not found.get("enabled") or found.get("allowed_actions") != "selected":
        return bool(found.get("enabled")) and found.get("allowed_actions") != "local_only"
    chosen = ask(f"{_REPO}/actions/permissions/selected-actions") or {}
    patterns = list(chosen.get("patterns_allowed") or [])
    patterns += ["actions/*", "github/*"] if chosen.get("github_owned_allowed") else []
    blocked = [one[1:] for one in patterns if one.startswith("!")]
    return all(_matches(one, patterns) and not _matches(one, blocked) for one in _used())


def _used() -> set[str]:
    """The actions that our workflows use, each with its ref; those of this repository need no leave."""
    files = [path for end in ("yml", "yaml") for path in Path(".github").rglob(f"*.{end}")]
    found = {name for path in files for name in _USES.findall(path.read_text("utf-8", "replace"))}
    return {name for name in found if not name.startswith("./")}


def _matches(action: str, patterns: list[str]) -> bool:
    """GitHub's patterns: `*` is any text, and case is all one."""
    wanted = (re.escape(one).replace(r"\*", ".*") for one in patterns)
    return any(re.fullmatch(one, action, re.IGNORECASE) for one in wanted)


def _scheduled() -> list[str]:
    """The workflows of this checkout that start by a clock, by the names of their files."""
    files = sorted(Path(".github/workflows").glob("*.y*ml"))
    return [path.name for path in files if _SCHEDULE.search(path.read_text("utf-8", "replace"))]


def _active(name: str) -> bool:
    return (ask(f"{_REPO}/actions/workflows/{name}") or {}).get("state") == "active"
