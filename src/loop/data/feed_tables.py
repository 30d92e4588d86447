"""The tables of a feed, as they are watched for changes: by which time, by what key, and what is late."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from loop.data import score_columns
from loop.data.day_hashes import dated
from loop.data.features import DECIDED_AT
from problem import schema, source


@dataclass(frozen=True, eq=False)
class Table:
    """A table of a feed: the column of instants that says a row's day, what names a row, and what is judged.

    `columns` are those whose changes are told, all by default. `late` are those that fill in later ("" for
    rows that come later), which are not final in the newest days. A level of `outcomes` that moves in all
    rows, and stays, is the world's: a concept that turned, and no feed is to blame for it.
    """

    name: str
    rows: pd.DataFrame
    time: str
    key: Sequence[str]
    columns: Collection[str] | None = None
    late: Collection[str] = ()
    outcomes: Collection[str] = ()


def tables(
    valid: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, then: Mapping[str, pd.DataFrame] | None = None
) -> list[Table]:
    """The repaired tables of the problem as known at `as_of` (UTC), and the labels that are made of them.

    `then` are tables of days before as they were known at the end of these days: what they lacked is late.
    """
    found = [
        Table(
            name,
            frame,
            time,
            source.KEY,
            late=late(then[name], frame, time) if then else (),
            outcomes={*map(str, frame)} - {*schema.REQUEST.columns} if set(source.KEY) <= set(frame) else (),
        )
        for name, frame in valid.items()
        if (time := dated(name, frame))
    ]
    if not found:  # a day of rows without a time is a draw
        return []
    requests = source.requests(dict(valid))
    labels = source.labels(dict(valid), as_of)
    texts = [name for name in requests if not pd.api.types.is_numeric_dtype(requests[name])]
    of_requests, of_labels = [*dict.fromkeys([*texts, DECIDED_AT])], ("label", "label_known_at")
    rows = requests[[*dict.fromkeys([*source.KEY, *of_requests])]].merge(
        labels[[*source.KEY, *of_labels]], on=source.KEY, how="inner"
    )
    del requests, labels
    kept = rows[[*of_requests, *of_labels]]
    if score_columns.CLASSES:  # shares of classes: their places have no mean
        kept = kept.assign(label=kept["label"].map(dict(enumerate(score_columns.CLASSES))))
    return [*found, Table("labels", kept, DECIDED_AT, source.KEY, of_labels, ("",), of_labels)]


def late(then: pd.DataFrame, now: pd.DataFrame, time: str) -> set[str]:
    """Columns that lacked values as known `then`, which the same rows have `now`; "" where rows lacked."""
    if then.empty:
        return set()
    now = now[(now[time] >= then[time].min()) & (now[time] <= then[time].max())]
    filled = {str(name) for name in then if then[name].notna().sum() < now[name].notna().sum()}
    return filled if len(then) >= len(now) else {"", *map(str, then)}
