"""What the source says at an instant: every request with its features, labels as known, and broken rules."""

from dataclasses import dataclass

import pandas as pd

from loop import facts, features, params
from loop.contract import Breach
from loop.facts import Params
from problem import source
from problem.features import VIEWS

DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Feed:
    """examples: a row per request decided in [since, until), with features; labels: those known at `now`.

    `breaches` are those of the newest window alone: older rows were held to their contract in their time.
    """

    examples: pd.DataFrame
    labels: pd.DataFrame
    breaches: list[Breach]


def read(since: pd.Timestamp, until: pd.Timestamp, now: pd.Timestamp, window_days: int) -> Feed:
    """The feed as known at `now` (UTC); without rows where the newest window breaks its contract."""
    breaches = broken(max(since, until - window_days * DAY), until, now)
    if breaches:
        return Feed(pd.DataFrame(), pd.DataFrame(), breaches)
    tables = source.tables(since, until, now)
    valid = {name: facts.repair(name, frame)[0] for name, frame in tables.items()}
    requests = source.requests(valid).sort_values([features.DECIDED_AT, *source.KEY], ignore_index=True)
    return Feed(features.join(requests, valid, VIEWS), source.labels(valid, now), [])


def broken(since: pd.Timestamp, until: pd.Timestamp, now: pd.Timestamp) -> list[Breach]:
    """The rules of the contract that rows decided in [since, until) break, as known at `now`.

    A window without any row is no broken feed: nothing came.
    """
    limits = params.section("validate", Params).limits
    tables = source.tables(since, until, now)
    if not len(source.requests(tables)):
        return []
    return facts.validate(tables, limits, since=since, until=until, as_of=now)[2]
