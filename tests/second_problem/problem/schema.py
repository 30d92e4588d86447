"""What the data must be at every boundary, and the one known fault with its repair."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa
from pydantic import BaseModel, ConfigDict, Field

from problem.features import VIEWS
from problem.source import CLINICS, KEY, MEASURES

UTC = "datetime64[us, UTC]"


class Limits(BaseModel):
    """`validate.limits` of params.yaml."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    visits_per_day_min: int = Field(ge=0)


@dataclass(frozen=True)
class Repair:
    """A known fault and its repair: a table in, the same table fixed."""

    name: str
    table: str
    why: str
    fix: Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Rule:
    """What no single row can show: `offenders` holds one value per offending thing."""

    name: str
    table: str
    column: str
    todo: str
    offenders: pd.Series


def _unknown_bmi(visits: pd.DataFrame) -> pd.DataFrame:
    return visits.assign(bmi=visits["bmi"].mask(visits["bmi"] == 0))


REPAIRS = (Repair("bmi_0_is_missing", "visits", "a form that was left empty; missing", _unknown_bmi),)


def raw(as_of: pd.Timestamp, limits: Limits) -> dict[str, pa.DataFrameSchema]:
    """The contracts of the raw tables, as known at `as_of` (UTC)."""
    known = pa.Check(lambda at: at <= as_of, name="known_at_as_of", description="the source looks ahead")
    visits = {
        **_REQUEST,
        "visited_at": pa.Column(UTC, known),
        "measured_at": pa.Column(UTC, known, nullable=True),
        "progression": pa.Column("float64", _within(0, 500), nullable=True),
    }
    return {"visits": pa.DataFrameSchema(visits, unique=KEY, strict=True)}


def rules(
    tables: dict[str, pd.DataFrame],
    limits: Limits,
    *,
    since: pd.Timestamp,
    until: pd.Timestamp,
    as_of: pd.Timestamp,
) -> Iterator[Rule]:
    """Every day in [since, until) UTC has its visits."""
    days = pd.date_range(since, until, freq="D", inclusive="left").strftime("%Y-%m-%d")
    visits = tables["visits"]["day"].value_counts().reindex(days, fill_value=0)
    few = visits[visits < limits.visits_per_day_min]
    yield Rule(
        f"at least {limits.visits_per_day_min} visits on every day",
        "visits",
        "visited_at",
        "ask the clinics for these days again",
        pd.Series(few.index, dtype="str"),
    )


def _within(low: float, high: float) -> pa.Check:
    return pa.Check.in_range(low, high, name=f"{low:g} to {high:g}", description="repair it by a named rule")


_RANGES = {
    "age": (0, 120),
    "bmi": (10, 80),
    "blood_pressure": (30, 250),
    "hdl": (5, 200),
    "log_triglycerides": (1, 10),
}
_DAY = (
    r"^([12][0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    r"|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)$"
)
_REQUEST = {
    "patient": pa.Column("str", metadata={"personal": "hash"}),
    "day": pa.Column("str", pa.Check.str_matches(_DAY, name="a day that there is, as YYYY-MM-DD")),
    "clinic": pa.Column("str", pa.Check.isin(CLINICS, name="known clinic", description="a new one? add it")),
    **{name: pa.Column("float64", _within(*_RANGES[name]), nullable=name == "bmi") for name in MEASURES},
}
_DECIDED = {"decided_at": pa.Column(UTC)}
_FEATURES = {
    name: pa.Column("float64", pa.Check.ge(0), nullable=True)
    for view in VIEWS
    for name in (*view.features, *([view.age] if view.age else []))
}
_SCORE = {"score": pa.Column("float64", _within(-200, 700))}
_LABEL = {"label": pa.Column("float64", _within(0, 500)), "label_known_at": pa.Column(UTC)}
_KEY = {name: _REQUEST[name] for name in KEY}


def _contract(**columns: pa.Column) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, unique=KEY, strict=True)


REQUEST = _contract(**_REQUEST, **_DECIDED)
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
EXAMPLE = _contract(**_REQUEST, **_DECIDED, **_FEATURES, **_LABEL)
PREDICTION = _contract(**_KEY, **_DECIDED, **_SCORE)
OUTCOME = _contract(**_KEY, **_DECIDED, **_SCORE, **_LABEL)
