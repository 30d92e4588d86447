"""Windows that the data's own times ask for: where they end, what trains and judges, steps, and like rows."""

import numpy as np
import pandas as pd

from loop.init.guessed import Guess
from loop.init.which_time import gap, unit

DAY = pd.Timedelta(days=1)
HOLDOUT = 0.2  # of the time, at the end
JUDGES = 20  # rows that judge, where there are enough: of few rows more than a fifth
WINDOW_ROWS, WINDOWS_MIN = 60, 4  # that a monitoring run has, where time holds so many such windows


def end(found: Guess, last: pd.Timestamp) -> pd.Timestamp:
    """Where rows until `last` end: with a day, or at once where the rest of the day is not there yet.

    A longer file has the rest, and a window that claimed it would read differently then.
    """
    last = last + pd.Timedelta(microseconds=1)
    day = last.ceil("D")
    if not found.time or day - last <= 2 * gap(found.time):
        return day
    at_home = found.time.values.dt.tz_convert(found.zone)
    return day if (at_home == at_home.dt.normalize()).all() else last.ceil(fineness(found.time.values))


def fineness(times: pd.Series) -> str:
    """The largest of day, hour, minute and second of which all these instants (UTC) are whole ones."""
    at = times.dropna()
    return next((unit for unit in ("D", "h", "min") if (at == at.dt.floor(unit)).all()), "s")


def split(decided: pd.Series, since: pd.Timestamp, until: pd.Timestamp) -> pd.Timestamp:
    """Where training ends: after four fifths of the time, moved so that both sides have rows enough.

    `decided` is of rows that have a label: those of others judge nothing.
    """
    at = np.sort(decided.to_numpy("datetime64[us]"))
    share = max(HOLDOUT, min(0.4, JUDGES / len(at)))
    late, early, fifth = (
        pd.Timestamp(at[int(place * (len(at) - 1))], tz="UTC")
        for place in (0.6, 0.92 - share + HOLDOUT, 1 - share)
    )
    ideal = since + (until - since) * (1 - share)
    found = min(max(ideal, late), early).floor("D")
    found = found if since < found < until else fifth.floor("h")
    return found if since < found else since + (until - since) / 2


def monitored(found: Guess, rows: int, span: int) -> tuple[int, int]:
    """Days of a monitoring run, and of a step: whole units of the data, and rows enough to say something."""
    window, step = min(28, max(7, span // 8)), min(7, max(1, span // 30))
    window = max(window, min(-(-WINDOW_ROWS * span // rows), span // WINDOWS_MIN))
    days = unit(found.time).days if found.time else 1
    whole = 366 * -(-gap(found.time) // (366 * DAY)) if found.time and days == 365 else max(1, days)
    return -(-window // whole) * whole, -(-step // whole) * whole


def cluster(decided: pd.Series, columns: set[str]) -> tuple[str, int]:
    """What makes rows alike: their day, where there are days enough, else their hour, else nothing known.

    A column that is called as a unit of time would be taken for it: days are weeks then.
    """
    days, hours = decided.dt.floor("D").nunique(), decided.dt.floor("h").nunique()
    unit = next((one for one in ("day", "week") if one not in columns), "")
    count = days if unit == "day" else decided.dt.strftime("%G-W%V").nunique()
    if unit and count >= 10:
        return unit, int(count)
    by_hour = "hour" not in columns and hours >= 20 and days > 1
    return ("hour", int(hours)) if by_hour else ("part", min(100, len(decided)))
