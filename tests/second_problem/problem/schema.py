"""What the data must be at every boundary, and the one known fault with its repair."""

from functools import partial

import pandas as pd
import pandera.pandas as pa

from loop.kit import contracts, repairs
from loop.kit import rules as rules_of
from loop.kit.rules import Limits
from problem.features import VIEWS
from problem.source import CLINICS, KEY, MEASURES

__all__ = ["Limits"]  # `validate.limits` of params.yaml

REPAIRS = (
    repairs.missing(
        "bmi_0_is_missing", "visits", "a form that was left empty; missing", "bmi", lambda bmi: bmi == 0
    ),
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


def raw(as_of: pd.Timestamp, limits: Limits) -> dict[str, pa.DataFrameSchema]:
    """The contracts of the raw tables, as known at `as_of` (UTC)."""
    later = {"progression": contracts.number(0, 500, nullable=True)}
    shares = limits.null_share_max
    return {
        "visits": contracts.of_requests(
            _REQUEST, KEY, as_of, later, shares, time="visited_at", known="measured_at"
        )
    }


rules = partial(
    rules_of.of_requests,
    table="visits",
    label="progression",
    final_after=pd.Timedelta(days=31),
    time="visited_at",
    known="measured_at",
)
