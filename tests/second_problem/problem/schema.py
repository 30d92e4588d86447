"""What the data must be at every boundary, and the one known fault with its repair."""

from collections.abc import Iterator

import pandas as pd
import pandera.pandas as pa
from pydantic import BaseModel, ConfigDict, Field

from loop.kit import contracts
from loop.kit import rules as rules_of
from loop.kit.types import Repair, Rule
from problem.features import VIEWS
from problem.source import CLINICS, KEY, MEASURES


class Limits(BaseModel):
    """`validate.limits` of params.yaml."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    visits_per_day_min: int = Field(ge=0)


def _unknown_bmi(visits: pd.DataFrame) -> pd.DataFrame:
    return visits.assign(bmi=visits["bmi"].mask(visits["bmi"] == 0))


REPAIRS = (Repair("bmi_0_is_missing", "visits", "a form that was left empty; missing", _unknown_bmi),)


def raw(as_of: pd.Timestamp, limits: Limits) -> dict[str, pa.DataFrameSchema]:
    """The contracts of the raw tables, as known at `as_of` (UTC)."""
    visits = {
        **_REQUEST,
        "visited_at": contracts.instant(contracts.known_by(as_of)),
        "measured_at": contracts.instant(contracts.known_by(as_of), nullable=True),
        "progression": contracts.number(0, 500, nullable=True),
    }
    return {"visits": contracts.table(visits, KEY)}


def rules(
    tables: dict[str, pd.DataFrame],
    limits: Limits,
    *,
    since: pd.Timestamp,
    until: pd.Timestamp,
    as_of: pd.Timestamp,
) -> Iterator[Rule]:
    """Every day in [since, until) UTC has its visits."""
    yield rules_of.rows_on_days(
        f"at least {limits.visits_per_day_min} visits on every day",
        "visits",
        "visited_at",
        rules_of.per_day(tables["visits"]["visited_at"], since, until),
        limits.visits_per_day_min,
    )


_RANGES = {
    "age": (0, 120),
    "bmi": (10, 80),
    "blood_pressure": (30, 250),
    "hdl": (5, 200),
    "log_triglycerides": (1, 10),
}
_REQUEST = {
    "patient": contracts.text(personal="hash"),
    "day": contracts.day(),
    "clinic": contracts.category(CLINICS),
    **{name: contracts.number(*_RANGES[name], nullable=name == "bmi") for name in MEASURES},
}
REQUEST, EXAMPLE, PREDICTION, OUTCOME = contracts.derived(
    _REQUEST, KEY, VIEWS, score=contracts.number(-200, 700), label=contracts.number(0, 500)
)
REQUEST_EXAMPLES = (
    {
        "patient": "p500",
        "day": "2020-05-20",
        "clinic": "north",
        "age": 59.0,
        "bmi": 32.1,
        "blood_pressure": 101.0,
        "hdl": 38.0,
        "log_triglycerides": 4.9,
        "decided_at": "2020-05-20T13:00:00Z",
    },
)
