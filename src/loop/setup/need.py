"""A need: what must be there, what does not work without it, and the command that brings it about."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from loop.base.errors import LoopError
from loop.base.template import fill
from loop.settings import yaml_file
from loop.setup.gh import PlanError


class State(StrEnum):
    """How a need stands."""

    MET = "ok"
    MISSING = "missing"
    OPTIONAL = "optional"  # missing, and only what `why` names is lost
    ABSENT = "absent"  # the plan has no such rule: what stands in for it is said
    UNKNOWN = "unknown"


class LackError(LoopError):
    """What is missing, by name, where a need says more than no."""


@dataclass(frozen=True)
class Need:
    """One need; `met` checks it, and raises LoopError when it cannot."""

    name: str
    why: str
    fix: str
    met: Callable[[], bool]
    optional: bool = False
    instead: str = ""  # what stands in for it where GitHub's plan has no such rule


def written(template: str, checks: dict[str, Callable[[], bool]], **values: Any) -> list[Need]:
    """The needs that a template lists, in its order; `met` names a check there."""
    listed = yaml_file.parse(fill("loop.setup", template, **values))
    return [Need(**{**one, "met": checks[one["met"]]}) for one in listed]


@dataclass(frozen=True)
class Found:
    """A need as it was found; what is missing, or kept us from seeing it, and the way out of that."""

    need: Need
    state: State
    reason: str = ""
    todo: str = ""


def examine(need: Need) -> Found:
    """How a need stands now."""
    try:
        if need.met():
            return Found(need, State.MET)
    except PlanError:
        return Found(need, State.ABSENT, f"your plan has no such rule; instead {need.instead}")
    except LackError as error:
        return Found(need, _missing(need), error.found, error.todo)
    except LoopError as error:
        return Found(need, State.UNKNOWN, error.found, error.todo)
    return Found(need, _missing(need))


def _missing(need: Need) -> State:
    return State.OPTIONAL if need.optional else State.MISSING
