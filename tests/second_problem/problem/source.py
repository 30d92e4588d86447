"""Where the data comes from: scikit-learn's diabetes data (Efron et al. 2004), which has no dates.

Days, clinics, patient numbers and the BMI of 0 are invented. A request is a visit; the label,
known 30 days later, is how far the disease has progressed since.
"""

import pandas as pd
from sklearn.datasets import load_diabetes

from loop.kit.sources import Requests

TIME = {"visits": "visited_at"}  # files by month of
KEY = ["patient"]
CLINICS = ["east", "north", "west"]
MEASURES = ["age", "bmi", "blood_pressure", "hdl", "log_triglycerides"]
VISITS_PER_DAY = 4


def _visits() -> pd.DataFrame:
    found = load_diabetes(as_frame=True, scaled=False).frame
    number = pd.Series(found.index)
    day = pd.Timestamp("2020-01-01T09:00", tz="UTC") + pd.to_timedelta(number // VISITS_PER_DAY, unit="D")
    visited_at = day.astype("datetime64[us, UTC]")
    return pd.DataFrame(
        {
            "patient": number.map("p{:03d}".format).astype("str"),
            "day": visited_at.dt.strftime("%Y-%m-%d").astype("str"),
            "clinic": (number % len(CLINICS)).map(dict(enumerate(CLINICS))).astype("str"),
            "age": found["age"],
            "bmi": found["bmi"].mask(number % 50 == 0, 0.0),  # so that there is a fault to repair
            "blood_pressure": found["bp"],
            "hdl": found["s3"],
            "log_triglycerides": found["s5"],
            "visited_at": visited_at,
            "measured_at": visited_at + pd.Timedelta(days=30),
            "progression": found["target"],
        }
    )


SOURCE = Requests("visits", _visits, KEY, "progression", time="visited_at", known="measured_at")
tables, requests, labels = SOURCE.tables, SOURCE.requests, SOURCE.labels


def outcomes(since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> pd.DataFrame:
    """How often each patient of [since, until) came again within 21 days, as known at `as_of`."""
    visits = _visits()
    at, known_at = visits["visited_at"], visits["visited_at"] + pd.Timedelta(days=21)
    found = visits[KEY].assign(value=visits["progression"] // 100, known_at=known_at)
    return found[(at >= since) & (at < until) & (known_at <= as_of)]
