"""What a step of a workflow leaves to the next ones, and on the run's page."""

import os
from pathlib import Path

from loop.base.markup import plain
from loop.repo import default_branch

_RUN = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")


def put(**values: object) -> None:
    """Outputs of this step, each a line; booleans as GitHub compares them. Nothing outside of a workflow."""
    plainly = {
        name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()
    }
    _append("GITHUB_OUTPUT", "".join(f"{name}={plain(value)}\n" for name, value in plainly.items()))


def summary(markdown: str) -> None:
    """Markdown for the page of the run."""
    _append("GITHUB_STEP_SUMMARY", f"{markdown}\n")


def run_url() -> str | None:
    """The address of the workflow's run, if this is one."""
    if not all(os.environ.get(name) for name in _RUN):
        return None
    server, repository, number = (os.environ[name] for name in _RUN)
    return f"{server}/{repository}/actions/runs/{number}"


def files_url() -> str:
    """The address of main's files, for links; empty outside of a workflow."""
    run = run_url()
    return f"{run.partition('/actions/')[0]}/blob/{default_branch.name()}" if run else ""


def _append(variable: str, text: str) -> None:
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(text)
