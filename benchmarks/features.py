"""Point-in-time features of a whole year, beside pandas `merge_asof` on the same view logs."""

import ibis
import numpy as np
import pandas as pd

from benchmarks.timing import Row, timed
from loop import features
from problem import source
from problem.features import VIEWS

SINCE, UNTIL, AS_OF = (pd.Timestamp(day, tz="UTC") for day in ("2013-01-01", "2014-01-02", "2014-02-01"))
NAMES = [name for view in VIEWS for name in (*view.features, *([view.age] if view.age else []))]


def measure(runs: int) -> list[Row]:
    """Views and join together; then the logs alone, and the join of ready logs by a peer."""
    tables = source.tables(SINCE, UNTIL, AS_OF)
    requests = source.requests(tables)
    logs = _logs(tables)
    ours, theirs = features.join(requests, tables, VIEWS), _merge_asof(requests, logs)
    equal = all(np.array_equal(ours[name], theirs[name], equal_nan=True) for name in NAMES)
    rows = f"{len(requests):,} requests, {len(NAMES)} features; values equal to the peer's: {equal}"
    return [
        Row("views and join", timed(lambda: features.join(requests, tables, VIEWS), runs), 5, rows),
        Row("reading the source", timed(lambda: source.tables(SINCE, UNTIL, AS_OF), runs)),
        Row("the views alone, by the same engine", timed(lambda: _logs(tables), runs)),
        Row("peer: pandas merge_asof of ready views", timed(lambda: _merge_asof(requests, logs), runs)),
    ]


def _logs(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    engine = ibis.duckdb.connect()
    facts = {name: features._load(engine, name, frame) for name, frame in tables.items()}
    return {view.name: engine.to_pandas(view.expression(facts)) for view in VIEWS}


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
