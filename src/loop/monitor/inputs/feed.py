"""What the source says at an instant: every request with its features, labels as known, and broken rules.

`python -m loop.monitor.inputs.feed SINCE UNTIL NOW FOLDER` writes what this checkout's code makes of it,
so that a champion is asked about features as its own commit defines them.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from loop.base import files
from loop.base.counted import counted
from loop.base.errors import LoopError, guard
from loop.data import features, joining, raw
from loop.data.contract import Breach
from loop.data.raw import Params
from loop.monitor.inputs.champion_model import Champion
from loop.repo.git import git
from loop.settings import engine_settings, params
from problem import source
from problem.features import VIEWS

DAY = pd.Timedelta(days=1)
CODE = (
    "src/problem",
    "src/loop/data/features.py",
    "src/loop/data/joining.py",
    "src/loop/data/raw.py",
)  # what makes a request and its features


@dataclass(frozen=True)
class Feed:
    """examples: a row per request decided in [since, until), with features; labels: those known at `now`.

    `breaches` are those of the newest window alone: older rows were held to their contract in their time.
    """

    examples: pd.DataFrame
    labels: pd.DataFrame
    breaches: list[Breach]


def read(
    since: pd.Timestamp,
    until: pd.Timestamp,
    now: pd.Timestamp,
    window_days: int,
    spark: str | None = None,
) -> Feed:
    """The feed as known at `now` (UTC); without rows where the newest window breaks its contract.

    Features are joined by DuckDB, or by a `spark` of this master.
    """
    breaches = broken(max(since, until - window_days * DAY), until, now)
    if breaches:
        return Feed(pd.DataFrame(), pd.DataFrame(), breaches)
    return Feed(*made(since, until, now, spark), [])


def by(champion: Champion, until: pd.Timestamp, now: pd.Timestamp, window_days: int) -> Feed:
    """The feed for a champion: where its code differs, requests and features are as that code makes them.

    The contract is that of this tree. Its own code runs in a worktree that no executor of a Spark sees, on
    this machine. Raises LoopError where the champion's code cannot make them.
    """
    since = champion.windows.since
    if not git("diff", "--name-only", champion.commit, "--", *CODE):
        return read(since, until, now, window_days, engine_settings.spark())
    if breaches := broken(max(since, until - window_days * DAY), until, now):
        return Feed(pd.DataFrame(), pd.DataFrame(), breaches)
    place = champion.home.path.parent / "feed"
    arguments = (*(at.isoformat() for at in (since, until, now)), str(place))
    champion.home.ask("feed", *arguments)
    examples, labels = (files.read_table(place / f"{name}.parquet") for name in ("examples", "labels"))
    return Feed(examples, labels, [])


def made(
    since: pd.Timestamp, until: pd.Timestamp, now: pd.Timestamp, spark: str | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Requests decided in [since, until) with features, and the labels known at `now`, by this tree's code.

    Raises LoopError where a request comes twice.
    """
    tables = raw.tables(since, until, now)
    valid = {name: raw.repair(name, frame)[0] for name, frame in tables.items()}
    requests = source.requests(valid).sort_values([features.DECIDED_AT, *source.KEY], ignore_index=True)
    if (again := requests.duplicated(source.KEY)).any():
        first = " ".join(map(str, requests.loc[again, source.KEY].iloc[0]))
        raise LoopError(
            f"{counted(int(again.sum()), 'request')} twice, such as {first}",
            f"one request per {', '.join(source.KEY)}",
            "drop the repeated rows in src/problem/source.py, or name the column that tells them apart",
        )
    return joining.join(requests, valid, VIEWS, spark), source.labels(valid, now)


def broken(since: pd.Timestamp, until: pd.Timestamp, now: pd.Timestamp) -> list[Breach]:
    """The rules of the contract that rows decided in [since, until) break, as known at `now`.

    A window without any row is no broken feed: nothing came.
    """
    limits = params.section("validate", Params).limits
    tables = raw.tables(since, until, now)
    if not len(source.requests(tables)):
        return []
    return raw.validate(tables, limits, since=since, until=until, as_of=now)[2]


def main() -> None:
    """Write examples.parquet and labels.parquet."""
    *instants, folder = sys.argv[1:]
    since, until, now = map(pd.Timestamp, instants)
    for name, frame in zip(("examples", "labels"), made(since, until, now), strict=True):
        files.write_table(Path(folder) / f"{name}.parquet", frame)


if __name__ == "__main__":
    guard(main)
