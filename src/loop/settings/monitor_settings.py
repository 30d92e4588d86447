"""`monitor` of params.yaml: what is monitored, and when it is reported."""

from datetime import date
from typing import Literal

from pydantic import Field, field_validator, model_validator

from loop.settings import params
from loop.settings.params import Section, Seed


class Labels(Section):
    """When a label counts as known: `delay_days` is added to what the source says.

    A label that has not come `final_after_days` (plus the delay) after its decision never will.
    """

    final_after_days: float = Field(gt=0)
    delay_days: float = Field(ge=0)


class Hysteresis(Section):
    """An alarm counts when `runs` of the last `of` monitoring runs alarm, the newest among them."""

    runs: int = Field(ge=1)
    of: int = Field(ge=1)

    @model_validator(mode="after")
    def _possible(self) -> "Hysteresis":
        if self.runs > self.of:
            raise ValueError(f"asks for {self.runs} of {self.of} runs", "`runs` up to `of`")
        return self


class Retrain(Section):
    """When a retrain is proposed, and on which rows it trains: all (expanding), or the last `days`.

    What it would gain is asked when a signal alarms, and every `check_up_days` anyway.
    """

    window: Literal["expanding", "rolling"]
    days: int | None = Field(default=None, ge=1)
    confidence: float = Field(gt=0, lt=1)
    check_up_days: int = Field(ge=1)
    cool_down_days: int = Field(ge=0)

    @model_validator(mode="after")
    def _rolls(self) -> "Retrain":
        if (self.window == "rolling") != (self.days is not None):
            raise ValueError(
                "has a window that is rolling without `days`, or `days` without it",
                "`days` beside `window: rolling` alone",
            )
        return self


class Accepted(Section):
    """A change of the feed that a person explained: it stops no retrain from then on.

    `change` is its place as a monitoring run prints it, such as "weather.temperature_f"; `since` its day.
    """

    change: str
    since: str
    reason: str = Field(min_length=1)

    @field_validator("since")
    @classmethod
    def _a_day(cls, day: str) -> str:
        try:
            date.fromisoformat(day)
        except ValueError:
            raise ValueError(f"is {day!r}, no day", "a day of UTC, as 2013-06-10") from None
        return day


class Settings(Section):
    """`monitor` of params.yaml; days are whole days of UTC."""

    seed: Seed
    window_days: int = Field(ge=1)
    step_days: int = Field(ge=1)
    rows_min: int = Field(ge=1)
    labels: Labels
    alpha: float = Field(gt=0, lt=1)
    hysteresis: Hysteresis
    retrain: Retrain
    accepted: tuple[Accepted, ...] = Field(default=(), strict=False)

    @property
    def wait_days(self) -> float:
        """How old a decision must be for its label to be final."""
        return self.labels.final_after_days + self.labels.delay_days


def read() -> Settings:
    """The section as it is in the working tree. Raises LoopError that names every wrong key."""
    return params.section("monitor", Settings)
