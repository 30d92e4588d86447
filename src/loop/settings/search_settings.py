"""`search` of params.yaml: which params of `train.model` a search may set, and how long it may take."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from loop.base.errors import LoopError
from loop.settings import params
from loop.settings.params import Section, Seed
from loop.settings.paths import PARAMS

Value = bool | int | float | str


class Dimension(Section):
    """What one param may be: a number from `low` to `high`, both possible, or one of `choices`.

    Whole numbers where both ends are; `log` draws them as often from 1 to 10 as from 10 to 100.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = None
    choices: list[Value] | None = None

    @model_validator(mode="after")
    def _of_one_kind(self) -> "Dimension":
        ends = [end for end in (self.low, self.high) if end is not None]
        if self.choices is not None:
            if ends or self.log or self.step is not None:
                raise ValueError("has `choices` beside a range", "either of them")
            if len(self.choices) < 2 or len(set(map(repr, self.choices))) < len(self.choices):
                raise ValueError(f"has choices {self.choices}", "at least two, none of them twice")
            return self
        if len(ends) < 2 or ends[0] >= ends[1]:
            raise ValueError("is no range", "`low`, and a `high` above it; or `choices`")
        if self.log and (ends[0] <= 0 or self.step is not None):
            raise ValueError("cannot be drawn by its logarithm", "a `low` above 0, and no `step`")
        if self.step is not None and not 0 < self.step <= ends[1] - ends[0]:
            raise ValueError(f"has step {self.step:g}", "a step above 0, within the range")
        return self

    def holds(self, value: Value) -> bool:
        """Whether a value is possible, but for the step."""
        if self.choices is not None:
            return value in self.choices
        if isinstance(value, str) or self.low is None or self.high is None:
            return False
        return self.low <= value <= self.high

    @property
    def corners(self) -> list[Value]:
        """The values that say whether the model takes all: both ends, or each choice."""
        ends = [end for end in (self.low, self.high) if end is not None]
        return list(self.choices) if self.choices is not None else [*ends]


class Settings(Section):
    """Ranges and choices by key of `train.model`, and the budget.

    trials: how many; minutes: after so many none begins; trial_minutes: a longer one is ended. folds: parts
    of the training window that judge, each by a model of what was known before it. prune: a trial that does
    worse than most did after as many folds is ended.
    """

    seed: Seed
    trials: int = Field(ge=1)
    minutes: float = Field(gt=0)
    trial_minutes: float = Field(gt=0)
    folds: int = Field(ge=2)
    prune: bool
    space: dict[str, Dimension] = Field(min_length=1)


def read(path: Path = PARAMS) -> Settings:
    """The settings of a search. Raises LoopError for a key of the space that `train.model` has not."""
    found = params.section("search", Settings, path)
    model: Any = params.whole(path).get("train", {}).get("model", {})
    for key in found.space:
        if isinstance(model.get(key), Value):
            continue
        near = get_close_matches(key, map(str, model), n=1)
        raise LoopError(
            f"{path}: search.space.{key} is no plain param of train.model"
            + (f"; did you mean `{near[0]}`?" if near else ""),
            f"keys of train.model: {', '.join(map(str, model))}",
            f"rename it in {path}, or write {key} with its usual value under train.model",
        )
    return found
