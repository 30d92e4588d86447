"""Point-in-time features of a whole year, beside pandas `merge_asof` on the same view logs."""

from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.timing import Row, timed
from loop.data import joining
from problem import source
from problem.features import VIEWS

SINCE, UNTIL, AS_OF = (pd.Timestamp(day, tz="UTC") for day in ("2013-01-01", "2014-01-02", "2014-02-01"))
NAMES = [name for view in VIEWS for name in (*view.features, *([view.age] if view.age else []))]
READY = [replace(view, expression=lambda logs, name=view.name: logs[name]) for view in VIEWS]


def measure(runs: int) -> list[Row]:
    """Source, views and join together and apart; then the join alone of ready logs, by us and by a peer."""
    tables = source.tables(SINCE, UNTIL, AS_OF)
    requests = source.requests(tables)
    logs = _logs(tables)
    whole = joining.join(requests, tables, VIEWS)
    size = f"{len(requests):,} requests, {len(NAMES)} features"
    return [
        Row("reading the source, views and join", timed(_from_source, runs)),
        Row("views and join", timed(lambda: joining.join(requests, tables, VIEWS), runs), 5, size),
        Row("the views alone", timed(lambda: _logs(tables), runs), note="each in an engine of its own"),
        Row(
            "the join alone, of ready views",
            timed(lambda: joining.join(requests, logs, READY), runs),
            note=_same(joining.join(requests, logs, READY), whole),
        ),
        Row(
            "peer: pandas merge_asof of ready views",
            timed(lambda: _merge_asof(requests, logs), runs),
            note=_same(_merge_asof(requests, logs), whole),
        ),
    ]


def _from_source() -> pd.DataFrame:
    tables = source.tables(SINCE, UNTIL, AS_OF)
    return joining.join(source.requests(tables), tables, VIEWS)


def _same(found: pd.DataFrame, whole: pd.DataFrame) -> str:
    differ = [name for name in NAMES if not np.array_equal(found[name], whole[name], equal_nan=True)]
    return f"values DIFFER in {', '.join(differ)}" if differ else "values are those of `views and join`"


def _logs(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {view.name: joining.change_log(view, tables) for view in VIEWS}


def _merge_asof(requests: pd.DataFrame, logs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    rows = requests.assign(at=requests["decided_at"].dt.tz_localize(None))
    rows = rows.reset_index(names="row").sort_values("at")
    for view in VIEWS:
        log = logs[view.name].assign(known=lambda frame: frame["known_at"]).sort_values("known_at")
        rows = pd.merge_asof(
            rows, log, left_on="at", right_on="known_at", by=list(view.entity), tolerance=view.ttl
        )
        if view.age:
            rows[view.age] = (rows["at"] - rows["known"]) / pd.Timedelta(hours=1)
        rows = rows.drop(columns=["known_at", "known"])
    return rows.sort_values("row", ignore_index=True)
