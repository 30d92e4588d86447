"""A need: what must be there, what does not work without it, and the command that brings it about."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from loop.base.errors import LoopError


class State(StrEnum):
    """How a need stands."""

    MET = "ok"
    MISSING = "missing"
    OPTIONAL = "optional"  # missing, and only what `why` names is lost
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Need:
    """One need; `met` checks it, and raises LoopError when it cannot."""

    name: str
    why: str
    fix: str
    met: Callable[[], bool]
    optional: bool = False


@dataclass(frozen=True)
class Found:
    """A need as it was found, and what kept us from seeing it."""

    need: Need
    state: State
    reason: str = ""


def examine(need: Need) -> Found:
    """How a need stands now."""
    try:
        if need.met():
            return Found(need, State.MET)
    except LoopError as error:
        return Found(need, State.UNKNOWN, error.found)
    return Found(need, State.OPTIONAL if need.optional else State.MISSING)
