"""What a step of a workflow leaves to the next ones, and on the run's page."""

import os
from pathlib import Path

from loop.markup import plain


def put(**values: object) -> None:
    """Outputs of this step, each a line; booleans as GitHub compares them. Nothing outside of a workflow."""
    plainly = {
        name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()
    }
    _append("GITHUB_OUTPUT", "".join(f"{name}={plain(value)}\n" for name, value in plainly.items()))


def summary(markdown: str) -> None:
    """Markdown for the page of the run."""
    _append("GITHUB_STEP_SUMMARY", f"{markdown}\n")


def _append(variable: str, text: str) -> None:
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(text)
