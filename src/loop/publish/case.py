"""What is being published: a run, its pull request, what there is to say, and what went wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from loop.base.errors import LoopError
from loop.github.client import GitHub
from loop.publish.head import Head
from loop.publish.pull import Pull, Run


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
