"""Where the data comes from: scikit-learn's diabetes data (Efron et al. 2004), which has no dates.

Days, clinics, patient numbers and the BMI of 0 are invented. A request is a visit; the label,
known 30 days later, is how far the disease has progressed since.
"""

import pandas as pd
from sklearn.datasets import load_diabetes

TIME = {"visits": "visited_at"}  # files by month of
KEY = ["patient"]
CLINICS = ["east", "north", "west"]
MEASURES = ["age", "bmi", "blood_pressure", "hdl", "log_triglycerides"]
VISITS_PER_DAY = 4


def tables(since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """visits: one row per visit in [since, until) UTC that had happened at `as_of`.

    `progression` and `measured_at` are null until 30 days after the visit.
    """
    visits = _visits()
    at = visits["visited_at"]
    visits = visits[(at >= since) & (at < until) & (at <= as_of)].reset_index(drop=True)
    known = visits["measured_at"] <= as_of
    outcome = {name: visits[name].where(known) for name in ("progression", "measured_at")}
    return {"visits": visits.assign(**outcome)}


def requests(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per visit: what the doctor knows, and when the decision is due (UTC)."""
    visits = tables["visits"]
    return visits[[*KEY, "day", "clinic", *MEASURES]].assign(decided_at=visits["visited_at"])


def labels(tables: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """One row per visit whose outcome was known at `as_of`: KEY, label, label_known_at (UTC)."""
    visits = tables["visits"]
    known = visits[visits["measured_at"] <= as_of]
    return known[KEY].assign(label=known["progression"], label_known_at=known["measured_at"])


def outcomes(since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> pd.DataFrame:
    """How often each patient of [since, until) came again within 21 days, as known at `as_of`."""
    visits = _visits()
    at, known_at = visits["visited_at"], visits["visited_at"] + pd.Timedelta(days=21)
    found = visits[KEY].assign(value=visits["progression"] // 100, known_at=known_at)
    return found[(at >= since) & (at < until) & (known_at <= as_of)]


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
