"""The KPI of a problem, joined late to the requests that were answered, as known at an instant.

A value is final `Kpi.final_after` its decision, and counts from then on, as it was known by then: at any
later instant the same requests give the same figures. What comes later still is counted, and changes none.
"""

from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from loop.base.counted import counted
from loop.base.errors import LoopError, first_line
from loop.data import prediction_log
from loop.data.features import DECIDED_AT
from loop.data.prediction_log import REQUEST
from loop.kit.types import Kpi
from problem import metrics, source

BY_REQUEST = "request_id"  # instead of KEY
ID = "kpi_request_id"  # the id of a request whose row has left the log
SHARED = ""  # instead of an id that two requests have
WHERE = "the outcomes of KPI in src/problem/metrics.py"
TODO = "mend what `outcomes` of it returns"


@dataclass(frozen=True)
class Counts:
    """Requests and their outcomes: what counts, what does not yet, and what never does."""

    counting: int = 0
    pending: int = 0  # not final yet
    without: int = 0  # final, and no outcome had come by then
    late: int = 0  # outcomes that came after they were final
    before: int = 0  # outcomes known before their decision: a clock is wrong
    orphan: int = 0  # outcomes of no request
    ambiguous: int = 0  # requests that share a request id

    def text(self) -> str:
        """What is not zero, in words."""
        words = {"without": "without an outcome", "before": "known before their decision",
                 "orphan": "of no request", "ambiguous": "of a shared request id"}  # fmt: skip
        odd = [f"{count:,} {words.get(name, name)}" for name, count in asdict(self).items() if count]
        return ", ".join(odd) or "no request yet"


@dataclass(frozen=True)
class Joined:
    """The value of each request, NaN where none counts; `fault` says why there is none at all."""

    values: pd.Series
    counts: Counts = field(default_factory=Counts)
    fault: str = ""


def declared() -> Kpi | None:
    """The problem's KPI; it may have none."""
    found: Kpi | None = getattr(metrics, "KPI", None)
    return found


def of_log(log: pd.DataFrame, now: pd.Timestamp) -> Joined | None:
    """The values of the log's rows as known at `now` (UTC); a shadow's answers came to nothing.

    None where the problem has no KPI.
    """
    if (kpi := declared()) is None:
        return None
    rows = log[(log["role"] != "shadow") & (log["at"] <= now)]
    return _joined(kpi, rows, ids(rows), now, in_clear=False)


def ids(log: pd.DataFrame) -> pd.Series:
    """The request id of each row of a log without its shadows; SHARED where two requests have it."""
    asked = log.drop_duplicates(REQUEST)["id"]
    found: pd.Series = log["id"].mask(log["id"].isin(asked[asked.duplicated()]), SHARED)
    return found


def of_rows(rows: pd.DataFrame, now: pd.Timestamp) -> Joined | None:
    """The same of rows that have `decided_at`, KEY in clear and, of those that the log had, ID."""
    if (kpi := declared()) is None:
        return None
    return _joined(kpi, rows, rows.get(ID), now, in_clear=True)


def known(kpi: Kpi, decided: pd.Series, now: pd.Timestamp) -> pd.DataFrame:
    """The outcomes of the time of these decisions, as known at `now` (UTC): one a request, each a number.

    Raises LoopError that says what is wrong with what the problem's own code gave.
    """
    found = kpi.outcomes(*prediction_log.span(decided), now)
    if not isinstance(found, pd.DataFrame):
        raise LoopError(f"{WHERE} are a {type(found).__name__}", "a data frame", TODO)
    by = [BY_REQUEST] if BY_REQUEST in found else source.KEY
    if lacks := [name for name in (*by, "value", "known_at") if name not in found]:
        expected = f"`value`, `known_at`, and {', '.join(source.KEY)} or `{BY_REQUEST}`"
        raise LoopError(f"{WHERE} lack {', '.join(lacks)}", expected, TODO)
    if not isinstance(found["known_at"].dtype, pd.DatetimeTZDtype) or found["known_at"].isna().any():
        kind = f"`known_at` as {found['known_at'].dtype}, or rows without it"
        raise LoopError(f"{WHERE} have {kind}", "an instant in UTC in each row", TODO)
    found = found[found["known_at"] <= now]
    numbers = pd.to_numeric(found["value"], errors="coerce").astype("float64")
    if odd := int((~np.isfinite(numbers)).sum()):
        raise LoopError(f"{WHERE} have {counted(odd, 'value')} that are no number", "finite numbers", TODO)
    if again := int(found.duplicated(by).sum()):
        odd_rows = f"{WHERE} have {counted(again, 'row')} of requests that have one"
        todo = "add up or choose in `outcomes`: what several rows of a request mean is yours to say"
        raise LoopError(odd_rows, f"one row for each {', '.join(by)}", todo)
    return found.assign(value=numbers)


def _joined(
    kpi: Kpi, rows: pd.DataFrame, ids: pd.Series | None, now: pd.Timestamp, *, in_clear: bool
) -> Joined:
    nothing = pd.Series(np.nan, index=rows.index)
    decided = rows.loc[rows[DECIDED_AT] <= now, DECIDED_AT]
    if decided.empty:
        return Joined(nothing)
    try:
        found = known(kpi, decided, now)
        asked, named, shared = _names(rows, ids, found, in_clear=in_clear)
        by = found.assign(name=named).drop_duplicates("name").set_index("name")
        value, at = asked.map(by["value"]), asked.map(by["known_at"])
    except Exception as error:  # the problem's own code: what is wrong with it hides no other figure
        return Joined(nothing, fault=_in_words(error))
    final = rows[DECIDED_AT] + kpi.final_after
    ripe, before = final <= now, at < rows[DECIDED_AT]
    late = at > final
    without = ripe & (value.isna() | late) & asked.notna()
    values = value.mask(late | before | ~ripe).astype("float64")
    if kpi.without is not None:
        values = values.mask(without, kpi.without)
    counts = Counts(
        counting=int(values.notna().sum()),
        pending=int((~ripe & asked.notna()).sum()),
        without=int(without.sum()),
        late=int(late.sum()),
        before=int(before.sum()),
        orphan=int((~by.index.isin(asked.dropna().unique())).sum()),
        ambiguous=shared,
    )
    return Joined(values, counts)


def _in_words(error: Exception) -> str:
    if isinstance(error, LoopError):
        return f"{error.found}; expected: {error.expected}; to do: {error.todo}"
    return f"{WHERE} end in {type(error).__name__}: {first_line(error)}"


def _names(
    rows: pd.DataFrame, ids: pd.Series | None, found: pd.DataFrame, *, in_clear: bool
) -> tuple[pd.Series, pd.Series, int]:
    """What each request and each outcome is called, and how many requests share a name that is one's own."""
    if BY_REQUEST in found:
        if ids is None:
            raise LoopError(
                f"{WHERE} go by `{BY_REQUEST}`, and no answer of the champion is on record",
                "a prediction log, which has it",
                "`loop collect`, or let them go by KEY",
            )
        shared = ids == SHARED
        return ids.astype("object").mask(shared), found[BY_REQUEST].astype("str"), int(shared.sum())
    if in_clear:
        texts = [pd.Series(prediction_log.key_texts(one), one.index, dtype="object") for one in (rows, found)]
        return texts[0], texts[1], 0
    if why := prediction_log.unjoinable():
        raise LoopError(why, "a KEY that can be joined", f"or let {WHERE} go by `{BY_REQUEST}`")
    return *prediction_log.by_key(rows, found), 0
