"""What started this run of a workflow, by the file that GitHub leaves of it."""

import os
from pathlib import Path
from typing import Any

from loop.base import json_text


def read() -> dict[str, Any]:
    """The event; nothing outside a workflow, and where it cannot be read."""
    if not os.environ.get("GITHUB_ACTIONS"):
        return {}
    try:
        event = json_text.parse(Path(os.environ.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return event if isinstance(event, dict) else {}


def of_fork() -> bool:
    """Whether it is a pull request whose branch is of another repository, or of one that is gone."""
    event = read()
    pull, home = event.get("pull_request"), event.get("repository")
    if not isinstance(pull, dict) or not isinstance(home, dict):
        return False
    head = (pull.get("head") or {}).get("repo") or {}
    return bool(head.get("full_name") != home.get("full_name"))
