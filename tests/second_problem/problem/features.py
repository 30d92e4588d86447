"""What the model may know beside the request: one view, and no row transforms."""

import pandas as pd

from loop.kit.views import trailing

VIEWS = (
    trailing(
        "clinic",
        "visits",
        ("clinic",),
        "measured_at",
        None,  # all outcomes so far
        means={"progression": lambda visits: visits.progression.cast("int64")},
        until="newest row",
        ttl=pd.Timedelta(days=14),
        age="clinic_age_hours",
    ),
)
