"""An issue about what a workflow could not do, opened once, and a warning on the run's page."""

from typing import Any

from loop.base.errors import LoopError
from loop.github.client import BOT, GitHub


def here() -> GitHub | None:
    """GitHub as the workflow that runs sees it; None outside of one."""
    try:
        return GitHub.of_this_run()
    except LoopError:
        return None


def find(github: GitHub, title: str, state: str = "open") -> dict[str, Any] | None:
    """The issue of a state with that title that a workflow opened: a stranger's own may not silence ours."""
    for one in github.pages("issues", state=state):
        if one["title"] == title and "pull_request" not in one and one["user"]["login"] == BOT:
            return dict(one)
    return None


def open_once(github: GitHub, title: str, body: str, *labels: str, ever: bool = False) -> str:
    """The address of the open issue with that title, made if there is none; with `ever` a closed one counts.

    Raises LoopError when GitHub refuses it.
    """
    found = find(github, title, "all" if ever else "open")
    made = found or github.post_once("issues", title=title, body=body, labels=list(labels))
    return str(made["html_url"])
