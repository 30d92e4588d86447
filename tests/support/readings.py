"""A feed by hand: a reading an hour at each of three stations, warmer by the day, and always the same."""

import numpy as np
import pandas as pd

SINCE, PAST, UNTIL = (pd.Timestamp(day, tz="UTC") for day in ("2024-01-01", "2024-04-15", "2024-05-20"))


def readings(until: pd.Timestamp = UNTIL) -> pd.DataFrame:
    """A reading an hour at each of three stations, of temperature, humidity and wind; warmer by the day."""
    at = pd.date_range(SINCE, until, freq="h", inclusive="left", unit="us")
    rng = np.random.default_rng(4)
    parts = []
    for place, station in enumerate(("east", "north", "west")):
        day = np.arange(len(at)) / 24
        cold = rng.normal(0, 1, len(at)).cumsum() * 0.12
        warm = (
            5 + 0.12 * day - 6 * np.cos(2 * np.pi * (day - 0.1)) + cold + place + rng.normal(0, 0.4, len(at))
        )
        humid = np.clip(80 - 2 * (warm - 5) + rng.normal(0, 3, len(at)), 5, 100)
        wind = np.round(rng.gamma(3, 2, len(at))) * 1.15
        parts.append(
            pd.DataFrame(
                {
                    "at": at,
                    "station": station,
                    "temperature": np.round(warm, 1),
                    "humidity": np.round(humid),
                    "wind": np.round(wind, 2),
                    "sky": rng.choice(["clear", "cloud", "rain"], len(at), p=[0.5, 0.3, 0.2]),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
