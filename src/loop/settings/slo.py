"""deploy/slo.yaml: what is promised to callers, and from when on somebody is told."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from loop.settings.params import Section, parse
from loop.settings.serve_settings import BUCKETS
from loop.settings.yaml_file import load

SETTINGS = Path("deploy/slo.yaml")
Url = Annotated[str, Field(pattern=r"^https?://[^\s\"'{}]+$")]
Reason = Annotated[str, Field(min_length=3)]


class Objective(Section):
    """The share of requests for which a promise is kept."""

    share: float = Field(gt=0, lt=1)
    reason: Reason


class Latency(Objective):
    """The share that is answered within so many seconds: a bound of the server's histogram."""

    seconds: float

    @field_validator("seconds")
    @classmethod
    def _is_counted(cls, seconds: float) -> float:
        if seconds not in BUCKETS:
            raise ValueError(f"seconds {seconds} is not counted", f"one of {', '.join(map(str, BUCKETS))}")
        return seconds


class Objectives(Section):
    """The promises, and over how many days they hold."""

    days: int = Field(ge=7, le=90)
    requests_min: int = Field(ge=1)
    availability: Objective
    latency: Latency


class Limit(Section):
    """A number beyond which somebody is told, and why it is this one."""

    max: float = Field(ge=0)
    reason: Reason


class Share(Limit):
    """A limit between 0 and 1."""

    max: float = Field(ge=0, le=1)


class Limits(Section):
    """What else an alert goes by."""

    missing_share: Share
    stale_share: Share
    unknown_share: Share
    fallback_share: Share
    decision_shift: Share
    dropped: Limit
    features_lag_hours: Limit
    clock_seconds: Limit = Limit(
        max=30, reason="what servers write down is joined and ordered by their clocks"
    )
    monitoring_days: Limit
    schedule_days: Limit


class Receivers(Section):
    """Who is told: at once, or in the morning."""

    page: Url
    ticket: Url


class Slo(Section):
    """The whole file."""

    job: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    runbooks: Url
    receivers: Receivers
    objectives: Objectives
    limits: Limits


def read(path: Path = SETTINGS) -> Slo:
    """The objectives of this checkout. Raises LoopError that names every wrong key."""
    return parse("slo", load(path), Slo, path)
