"""Sources that are ready to use: rows of files or of a database, as known at an instant.

A row is a request, decided at its time. Its label is known later: at an instant that a column holds, or so
long after the decision. What was not known by then is missing in the raw table, as it was that day.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.kit.column_values import MOMENTS, Kind, next_clock
from loop.kit.stored_rows import Files, Query, SourceError
from loop.kit.types import DECIDED_AT, KNOWN_AT, ROW_WEIGHT, RawTable

__all__ = ["Beside", "Files", "Kind", "Query", "Requests", "SourceError", "next_clock"]
NOTHING = pd.Timedelta(0)
AT_ONCE = pd.Timedelta(seconds=1)  # after which a label is known that is known at once
EPOCH = pd.Timestamp("2000-01-01", tz="UTC")  # of rows that have no time
PARTS = 100  # days over which they are spread by the hash of their key
Rows = Files | Query | Callable[[], RawTable]


@dataclass(frozen=True)
class Beside:
    """A table beside the requests, in the order of its key: what views and rules look up.

    A row is known so long `after` its `time`; one without a time always was. A window also holds what came so
    long `before` it.
    """

    table: str
    files: Rows
    key: Sequence[str]
    time: str | None = None
    after: pd.Timedelta = NOTHING
    before: pd.Timedelta = NOTHING

    def read(self, since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> RawTable:
        """The rows of [since, until) UTC that were known at `as_of`."""

        def known(rows: pd.DataFrame) -> pd.DataFrame:
            if self.time:
                at = rows[self.time]
                rows = rows[(at >= since - self.before) & (at < until) & (at + self.after <= as_of)]
            return rows.sort_values([*self.key], ignore_index=True)

        return _read(self.files, since - self.before, until, known)


@dataclass(frozen=True)
class Requests:
    """A table whose rows are requests: when each was decided, and when its label became known.

    Its `files`, a query or a function give them. A row is decided at its `time`, or so long before it as
    `lead` says: then a caller sends that time. Without the column, rows are spread over a hundred days from
    2000 on by the hash of their key: windows then draw rows at random, always the same ones, and nothing can
    be said of time. Rows that are alike, as those of one person, then lie in several windows, unless `group`
    names the columns whose hash is taken instead. The column `known` says when the label became known;
    without it that is so long `after` the decision. `positive` is the text of a label that is 1, or a
    function that tells which labels are; of several `classes`, a label is the place of its text. `outcome`
    names what comes with the label, and `weight` a column that says how much a row counts: no request holds
    them. `beside` are tables beside it. Where `files` come in parts, the tables do, each part in its order.
    """

    table: str
    files: Rows
    key: Sequence[str]
    label: str
    after: pd.Timedelta = AT_ONCE
    positive: str | Callable[[pd.Series], pd.Series] | None = None
    classes: Sequence[str] = ()
    group: Sequence[str] = ()
    weight: str | None = None
    time: str = DECIDED_AT
    lead: pd.Timedelta = NOTHING
    known: str = KNOWN_AT
    outcome: Sequence[str] = ()
    beside: Sequence[Beside] = ()

    def tables(self, since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> dict[str, RawTable]:
        """The rows decided in [since, until) UTC, with what was known of their labels at `as_of`.

        Raises SourceError for rows without their time.
        """
        own = _read(self.files, since, until, lambda rows: self._known_of(rows, since, until, as_of))
        return {self.table: own, **{one.table: one.read(since, until, as_of) for one in self.beside}}

    def _known_of(
        self, rows: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp
    ) -> pd.DataFrame:
        """Of some rows what `tables` gives of all."""
        if self.time not in rows:
            rows[self.time] = spread(rows[list(self.group or self.key)])
        decided = self._decided(rows)
        if lost := int(decided.isna().sum()):  # of no window: they would be gone in silence
            raise SourceError(
                f"{lost:,} of {len(rows):,} rows of {self.table} have no {self.time}; "
                f"the first is row {int(rows.index[decided.isna()][0]) + 1:,}"
            )
        if self.known not in rows:
            rows[self.known] = (decided + self.after).astype(MOMENTS)
        rows = rows[(decided >= since) & (decided < until) & (decided <= as_of)]
        unknown = rows[self.label].isna() | ~(rows[self.known] <= as_of)
        rows = rows.assign(**{name: rows[name].mask(unknown) for name in self._later})
        return rows.sort_values([self.time, *self.key], ignore_index=True)

    def requests(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """One row per request: what a caller knows, and when the decision is due (UTC)."""
        return self._sent(tables[self.table])

    def of_file(self, path: Path) -> pd.DataFrame:
        """The requests of a file, or a folder of parts, written as `files` are; labels need not be there.

        Raises SourceError for what is written otherwise.
        """
        place = f"{escape(str(path))}{'/*' if path.is_dir() else ''}"
        rows = replace(self.unlabelled, pattern=place).read()
        if self.time not in rows:
            rows[self.time] = spread(rows[list(self.group or self.key)])
        return self._sent(rows)

    @property
    def unlabelled(self) -> Files:
        """The files without what comes with the label. Raises SourceError where rows are in none."""
        if not isinstance(self.files, Files):
            raise SourceError(f"rows of {self.table} are read from no file")
        kept = {name: kind for name, kind in self.files.columns.items() if name not in self._not_sent}
        return replace(self.files, columns=kept)

    def _sent(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What a caller sends, and when it is decided."""
        sent = rows.drop(columns=self._not_sent, errors="ignore")
        if not self.lead:
            return sent.rename(columns={self.time: DECIDED_AT})
        return sent.assign(**{DECIDED_AT: self._decided(rows)})

    def _decided(self, rows: pd.DataFrame) -> pd.Series:
        return (rows[self.time] - self.lead).astype(MOMENTS)

    def labels(self, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
        """A row per request whose label was known at `as_of`: key, label, label_known_at (UTC), weight."""
        rows, weight = tables[self.table], [self.weight] if self.weight else []
        rows = rows.loc[
            rows[self.known] <= as_of, [*dict.fromkeys([*self.key, self.label, self.known, *weight])]
        ]
        label: Any = rows[self.label]
        if callable(self.positive):
            label = self.positive(label).astype("int64")
        elif self.positive is not None:
            label = (label == self.positive).astype("int64")
        elif self.classes:
            label = pd.Categorical(label, list(self.classes)).codes.astype("int64")
        found = rows[[*self.key]].assign(label=label, **{KNOWN_AT: rows[self.known]})
        return found.assign(**{ROW_WEIGHT: rows[self.weight]}) if self.weight else found

    @property
    def _later(self) -> list[str]:
        """What is missing until the label is known."""
        return [self.label, *self.outcome, self.known]

    @property
    def _not_sent(self) -> list[str]:
        return [*self._later, *([self.weight] if self.weight else [])]


def _read(
    rows: Rows,
    since: pd.Timestamp,
    until: pd.Timestamp,
    known: Callable[[pd.DataFrame], pd.DataFrame],
) -> RawTable:
    """What is `known` of all rows, or of each part; of a database, of those of about [since, until)."""
    if isinstance(rows, Query):
        return known(rows.read(since, until))
    if isinstance(rows, Files):
        found: RawTable = rows.parts() if rows.in_parts else rows.read()
    else:
        found = rows()
    return known(found) if isinstance(found, pd.DataFrame) else map(known, found)


def spread(keys: pd.DataFrame) -> pd.Series:
    """An instant for each key, by its hash (UTC)."""
    numbers = pd.util.hash_pandas_object(keys, index=False).to_numpy()
    minutes = pd.Series(numbers % np.uint64(PARTS * 24 * 60), index=keys.index).astype("int64")
    spread: pd.Series = EPOCH + pd.to_timedelta(minutes, unit="min")
    return spread.astype(MOMENTS)
