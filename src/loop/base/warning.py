"""One line for a person about what did not stop a command."""

import os

from loop.base.markup import plain
from loop.base.secret import hidden


def warn(text: str) -> None:
    """Print it: on the run's page in a workflow, else on the terminal."""
    start = "::warning::" if os.environ.get("GITHUB_ACTIONS") else "warning: "
    print(f"{start}{plain(hidden(text), 1000)}", flush=True)
