"""What is being published: a run, its pull request, what there is to say, and what went wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from loop.base.errors import LoopError
from loop.base.markup import code
from loop.github.client import GitHub
from loop.publish.head import Head
from loop.publish.pull import Pull, Run

FIRST = 10  # changed files that are named


@dataclass
class Case:
    """A run, its pull request, the head it judged and the head now; what to say, and what went wrong."""

    github: GitHub
    run: Run
    pull: Pull
    head: Head
    tip: Head
    notes: list[str] = field(default_factory=list)
    errors: list[LoopError] = field(default_factory=list)

    def attempt(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """What `act` gives; None when it fails, and then its error is kept."""
        try:
            return act(*arguments)
        except LoopError as error:
            self.errors.append(error)
            return None


def named(paths: list[str]) -> str:
    """The first of some paths, as code."""
    more = f" and {len(paths) - FIRST} more" if len(paths) > FIRST else ""
    return ", ".join(code(path) for path in paths[:FIRST]) + more
