"""The prediction log, read back, and the labels that were known of its rows.

The log is what `loop collect` makes: Parquet by day. The server knows its columns; a test holds them equal.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from loop.base import json_text
from loop.base.counted import counted
from loop.base.errors import LoopError, first_line
from loop.data import personal, raw, score_columns
from loop.data.features import DECIDED_AT
from loop.data.personal import Personal
from loop.settings import serve_settings
from problem import source

DAYS = "days"  # the folder of files, one per day (UTC)
REQUEST = ["id", "body"]  # what tells a request from others: a caller may give one id to two of them
TYPES = {
    "id": "str",
    "body": "uint64",  # a hash of the request
    "at": "datetime64[us, UTC]",
    DECIDED_AT: "datetime64[us, UTC]",
    "commit": "str",
    "role": "str",
    "entity": "str",
    "score": "float64",
    **dict.fromkeys(score_columns.NAMES[1:], "object"),  # with classes the scores of all
    "decision": "object",  # True, False, or None where there is no threshold; with classes the likeliest
    "latency_ms": "float64",
}
FAR = 100  # one row of so many may claim to be decided far from the others: nobody looks for its outcome
AGAIN = "`loop collect` writes it; take the broken file away, or bring it back from a copy"


def read(
    folders: Sequence[Path], since: pd.Timestamp, until: pd.Timestamp, more: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Rows answered in [since, until] (UTC) in the order of time; none where nothing was collected.

    `more` names further columns of the log, and their types.

    Raises LoopError that names a file which cannot be read, or holds what no server writes.
    """
    first, last = str(since.date()), str(until.date())
    paths = [path for folder in folders for path in sorted((folder / DAYS).glob("*.parquet"))]
    types = TYPES | dict(more or {})
    frames = [_read(path, types) for path in paths if first <= path.stem <= last]
    whole = pd.concat(frames, ignore_index=True) if frames else empty(types)
    here = whole[(whole["at"] >= since) & (whole["at"] <= until)]
    in_order: pd.DataFrame = here.sort_values(["at", "id"], ignore_index=True)
    return in_order


def empty(types: Mapping[str, str] = TYPES) -> pd.DataFrame:
    """A log without rows."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def known_labels(log: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """The labels of the time in which the log's rows were decided, as known at `now` (UTC).

    What is decided after `now` has no label yet.
    """
    decided = log.loc[log[DECIDED_AT] <= now, DECIDED_AT]
    if decided.empty:
        return pd.DataFrame(columns=[*source.KEY, "label", "label_known_at"])
    tables = raw.tables(*span(decided), now)
    valid = {name: raw.repair(name, frame)[0] for name, frame in tables.items()}
    found: pd.DataFrame = source.labels(valid, now)
    return found


def span(decided: pd.Series) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The time [since, until) of which outcomes are asked, for rows decided at these instants (UTC).

    A caller may claim any instant of `serve.decided_at`. Where up to one row in FAR alone more than doubles
    the time, it is that of the others: a source need not read years for a few requests.
    """
    at = np.sort(decided.to_numpy("datetime64[us]"))
    least = len(at) - len(at) // FAR  # rows that must be within
    wide = at[least - 1 :] - at[: len(at) - least + 1]
    first = int(wide.argmin())
    last = first + least - 1
    if at[-1] - at[0] <= max(2 * wide[first], np.timedelta64(1, "D")):
        first, last = 0, -1
    since, until = (pd.Timestamp(one, tz="UTC") for one in (at[first], at[last]))
    return since, until + pd.Timedelta(microseconds=1)


def with_labels(log: pd.DataFrame, labels: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """The log with `label`, NaN while it is not known; and how many labels are duplicates or orphans.

    Of labels that came twice the first known counts. A key that the log has hashed is hashed here too; what
    `unjoinable` says makes all labels unknown.
    """
    labels = labels.iloc[:0] if unjoinable() else labels
    asked, named = by_key(log, labels)
    in_order = labels.assign(key=named).sort_values("label_known_at", kind="stable")
    once = in_order.drop_duplicates("key").set_index("key")["label"].astype("float64")
    label = asked.map(once).astype("float64")
    orphans = ~once.index.isin(asked.unique())
    return log.assign(label=label), {
        "duplicate labels": len(labels) - len(once),
        "orphan labels": int(orphans.sum()),
    }


def by_key(log: pd.DataFrame, known: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The key of each row of the log, and of each that is known of the source, as texts of one form.

    A key that the log has hashed is hashed here too. Raises LoopError for an entity that is no key.
    """
    known = _of_key().hidden(known) if len(known) else known
    keys = _keys(log["entity"].drop_duplicates(), known)
    return log["entity"].map(keys), pd.Series(key_texts(known), index=known.index, dtype="object")


def key_texts(rows: pd.DataFrame) -> list[str]:
    """A text for each row's key, whatever types its parts came in."""
    return list(map("\x1f".join, zip(*(_column(rows[name]) for name in source.KEY), strict=True)))


def unjoinable() -> str:
    """Why no label can be joined to the log, and what to do; nothing if labels can be."""
    marks = {name: mark for name, mark in personal.marks().items() if name in source.KEY}
    if dropped := [name for name, mark in marks.items() if mark == "drop"]:
        return f"the log drops {', '.join(dropped)}, part of KEY: mark it `hash` in src/problem/schema.py"
    if marks and serve_settings.place().personal_key is None:
        return f"the log hashes {', '.join(marks)}, part of KEY: set LOOP_PERSONAL_KEY_FILE to the server's"
    return ""


def recognised(rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """The rows of the log whose hashed KEY is one of those known, with the values that these have."""
    hider = _of_key()
    for name in (name for name in source.KEY if name in personal.marks()):
        values = known[name].drop_duplicates()
        names = dict(zip(hider.hashes(values), values, strict=True))
        rows = rows[rows[name].isin(names)]
        rows = rows.assign(**{name: rows[name].map(names).astype(known[name].dtype)})
    return rows


def _of_key() -> Personal:
    """What hides the personal columns of KEY as the server did."""
    marks = {name: mark for name, mark in personal.marks().items() if name in source.KEY}
    return Personal(marks, serve_settings.place().personal_key if marks else None)


def _read(path: Path, types: Mapping[str, str]) -> pd.DataFrame:
    try:
        names = [name for name in {*types, "request"} if name != "body"]
        frame: pd.DataFrame = pq.ParquetFile(path).read(columns=names).to_pandas()
        frame["body"] = pd.util.hash_pandas_object(frame["request"], index=False)
        frame = frame[list(types)].astype({name: kind for name, kind in types.items() if kind != "object"})
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise LoopError(
            f"{path} cannot be read: {first_line(error)}", "a day of the prediction log", AGAIN
        ) from None
    for name in ("score", "latency_ms"):
        wrong = ~np.isfinite(frame[name])
        if wrong.any():
            found = f"{path} holds {counted(int(wrong.sum()), 'row')} whose {name} is no finite number"
            raise LoopError(found, "numbers alone", AGAIN)
    return frame


def _keys(entities: pd.Series, labels: pd.DataFrame) -> dict[str, str]:
    """Each entity of the log as the text that its labels have."""
    texts = entities.tolist()
    try:
        values = json_text.parse(f"[{','.join(texts)}]")  # at once: there may be millions
        parsed = pd.DataFrame({name: [value.get(name) for value in values] for name in source.KEY})
        for name in source.KEY:
            if pd.api.types.is_datetime64_any_dtype(labels[name]):
                parsed[name] = pd.to_datetime(parsed[name], utc=True, format="ISO8601")
    except (ValueError, AttributeError) as error:
        raise LoopError(
            f"the prediction log holds an entity that is no JSON of {', '.join(source.KEY)}: {error}",
            "entities as `loop collect` writes them",
            AGAIN,
        ) from None
    return dict(zip(texts, key_texts(parsed), strict=True))


def _column(values: pd.Series) -> list[str]:
    if pd.api.types.is_datetime64_any_dtype(values):
        values = pd.to_datetime(values, utc=True).dt.strftime("%Y-%m-%dT%H:%M:%S.%f")
    elif pd.api.types.is_float_dtype(values) and (values.isna() | (values % 1 == 0)).all():
        values = values.astype("Int64")  # whole numbers, some of them missing
    return list(map(str, values.tolist()))
