"""materialize: the newest row of each feature view and entity, as known at an instant, into the store."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import redis

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.data import raw
from loop.data.contract import ContractError
from loop.data.joining import change_log
from loop.kit.types import View
from loop.serve import online
from loop.serve.definition import definition
from loop.serve.store import LONGEST, Store, open_store
from loop.settings import params, serve_settings
from problem.features import VIEWS


def newest(view: View, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """The last row of each entity known at `as_of` (UTC): entity, known_at, features; none past its time.

    Of a view that looks ahead, also the rows of instants to come, in the order of time.
    """
    log = change_log(view, tables)
    at = as_of.tz_convert("UTC").tz_localize(None)
    known = log[(log["known_at"] <= at) & (log["known_at"] >= at - view.ttl)].sort_values("known_at")
    last = known.drop_duplicates(list(view.entity), keep="last")
    if view.ahead:
        last = pd.concat([last, log[log["known_at"] > at].sort_values("known_at")])
    found: pd.DataFrame = last.reset_index(drop=True)
    return found


def rows(view: View, frame: pd.DataFrame) -> Iterator[tuple[str, bytes]]:
    """Key and value of each row of a view, in the order of the frame."""
    entities = zip(*(frame[name].tolist() for name in view.entity), strict=True)
    known_at = frame["known_at"].to_numpy("datetime64[us]").astype(np.int64).tolist()
    values = frame[list(view.features)].to_numpy(np.float64, na_value=np.nan).tolist()
    for entity, at, of_entity in zip(entities, known_at, values, strict=True):
        yield online.row(view, entity, at, of_entity)


def kept(view: View, frame: pd.DataFrame) -> list[tuple[str, bytes]]:
    """What the store keeps of a view: one value per entity, of all its rows where the view looks ahead.

    Raises LoopError where these are more than are read.
    """
    found: dict[str, bytes] = {}
    for key, value in rows(view, frame):
        found[key] = found.get(key, b"") + value
        if len(found[key]) > LONGEST:
            raise LoopError(
                f"view `{view.name}`: an entity has {LONGEST // len(value):,} changes to come, or more",
                "fewer within one window",
                'a shorter window, a rarer entity, or until="newest row"',
            )
    return list(found.items())


def materialize(
    tables: Mapping[str, pd.DataFrame], store: Store, as_of: pd.Timestamp, views: Sequence[View] = VIEWS
) -> dict[str, int]:
    """Replace what the store holds by the newest rows as of an instant; how many of each view."""
    found = {view.name: kept(view, newest(view, tables, as_of)) for view in views}
    store.replace((row for some in found.values() for row in some), as_of.isoformat())
    return {name: len(some) for name, some in found.items()}


def fill(features: str) -> None:
    """Fill a store that is there and empty; without one, features are served as missing."""
    if not VIEWS:  # nothing to fill it with, and the source may be elsewhere
        return
    served = online.Features(open_store(features))
    if served.as_of() is None and not served.failing:
        main(None)


def main(as_of: str | None) -> None:
    """Read the source as known at `as_of`, repair it, hold it to its contract, fill the store."""
    windows = params.section("windows", params.Windows)
    limits = params.section("validate", raw.Params).limits
    at = params.instant_option("--as-of", as_of) if as_of else windows.as_of
    if at <= windows.since:
        raise LoopError(
            f"--as-of {at:%Y-%m-%d %H:%MZ} is not after windows.since",
            f"later than {windows.since:%Y-%m-%d %H:%MZ}",
            "ask later",
        )
    store = open_store(serve_settings.place().features)
    tables = raw.tables(windows.since, at, at)
    valid, _, breaches = raw.validate(tables, limits, since=windows.since, until=at.floor("D"), as_of=at)
    if breaches:  # what the store has stays, and grows stale in the open
        raise ContractError(breaches, f"the source as of {at:%Y-%m-%d %H:%MZ}")
    try:
        counts = materialize(valid, store, at)
    except redis.RedisError as error:
        raise LoopError(
            f"the feature store failed: {error}", "a store that answers", "start it, or set LOOP_FEATURES"
        ) from None
    print(f"materialize: as of {at:%Y-%m-%d %H:%MZ}, features {definition()}")
    for name, number in counts.items():
        print(f"  {name:<20} {counted(number, 'entity', 'entities'):>18}")
