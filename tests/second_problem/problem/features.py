"""What the model may know beside the request: one view, and no row transforms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd

Tables = Mapping[str, ir.Table]


@dataclass(frozen=True)
class View:
    """Features of an entity as a change log: `expression` gives `entity`, `known_at` and `features`."""

    name: str
    entity: tuple[str, ...]
    features: tuple[str, ...]
    ttl: pd.Timedelta
    expression: Callable[[Tables], ir.Table]
    age: str | None = None


def clinic_so_far(tables: Tables) -> ir.Table:
    """Per clinic, the mean of the outcomes known so far; sums of integers are exact in any order."""
    visits = tables["visits"]
    known = visits.filter(visits.measured_at.notnull())
    fresh = known.group_by(["clinic", "measured_at"]).agg(
        count=known.count(), total=known.progression.cast("int64").sum()
    )
    so_far = ibis.cumulative_window(group_by="clinic", order_by="measured_at")
    count, total = (fresh[name].sum().over(so_far) for name in ("count", "total"))
    return fresh.select("clinic", known_at="measured_at", clinic_progression=total / count)


VIEWS = (
    View(
        name="clinic",
        entity=("clinic",),
        features=("clinic_progression",),
        ttl=pd.Timedelta(days=14),
        expression=clinic_so_far,
        age="clinic_age_hours",
    ),
)
