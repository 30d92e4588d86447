"""What the champion answered since its training: from the prediction log, or scored in batch without one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from loop.base import json_text
from loop.base.errors import LoopError
from loop.data import columns, kpi, personal, prediction_log, score_columns
from loop.data.features import DECIDED_AT
from loop.monitor.inputs.champion_model import Champion
from problem import schema, source

LATE = pd.Timedelta(days=2)  # an answer that came so long after its decision was due is a try, or a replay
LOG, BATCH = "prediction log", "scored in batch"


@dataclass(frozen=True)
class Answers:
    """The champion's answers, a row per prediction, and since when the log has them (UTC; None: it has none).

    again: answers to a key that was asked before, of which the first counts. late: answers to requests that
    were due long before they came, such as a try with an old example: left out. hidden: why the log cannot
    be used at all, because it hides the key.
    """

    rows: pd.DataFrame
    since: pd.Timestamp | None = None
    again: int = 0
    late: int = 0
    hidden: str = ""


def of_log(
    folders: Sequence[Path], champion: Champion, since: pd.Timestamp, now: pd.Timestamp, known: pd.DataFrame
) -> Answers:
    """The champion's own answers decided from `since` on.

    Columns: those of a request, the features that the server looked up, score and decision. A part of KEY
    that the log has hashed is named again by the requests that are `known` from the source; where that
    cannot be, there are none. Raises LoopError for a log that cannot be read.
    """
    if why := prediction_log.unjoinable():
        return Answers(pd.DataFrame(), hidden=why)
    more = {"request": "object", "features": "object"}
    log = prediction_log.read(folders, since, max(now, since), more)
    its = (log["role"] == "champion") & (log["commit"] == champion.commit)
    all_of = log[its & (log[DECIDED_AT] >= since)]
    ours = all_of[all_of["at"] - all_of[DECIDED_AT] <= LATE].reset_index(drop=True)
    if ours.empty:
        return Answers(pd.DataFrame(), late=len(all_of))
    rows = _requests(ours)
    looked_up = pd.DataFrame([dict(one or []) for one in ours["features"]]).astype("float64")
    rows = pd.concat(
        [rows, looked_up, ours[[*score_columns.NAMES, "decision"]].reset_index(drop=True)], axis="columns"
    )
    if kpi.declared() is not None:
        rows = rows.assign(**{kpi.ID: kpi.ids(ours)})
    rows = prediction_log.recognised(rows, known)
    once = rows.drop_duplicates(source.KEY, ignore_index=True)
    return Answers(once, ours["at"].min(), len(rows) - len(once), len(all_of) - len(ours))


def in_batch(champion: Champion, examples: pd.DataFrame, threshold: float | None) -> pd.DataFrame:
    """The same for every request of the feed, as the champion scores it now."""
    scores = champion.score(examples) if len(examples) else score_columns.nothing()
    return with_decision(examples.join(score_columns.columns(scores, examples.index)), threshold)


def with_decision(rows: pd.DataFrame, threshold: float | None) -> pd.DataFrame:
    """The rows with the decision of their score, as text: with classes the likeliest, else by the threshold.

    Without a decision where there is neither.
    """
    if score_columns.CLASSES:
        return rows.assign(decision=score_columns.likeliest(score_columns.array(rows)))
    if threshold is None:
        return rows.drop(columns="decision", errors="ignore")
    return rows.assign(decision=(rows["score"] >= threshold).map({True: "yes", False: "no"}))


def _requests(log: pd.DataFrame) -> pd.DataFrame:
    """The requests as columns, of the types that the contract gives them, but for those that are personal.

    Of these only KEY is kept, as it is in the log.
    """
    hidden, asked_for = personal.marks().keys(), schema.REQUEST.columns
    kinds = {
        name: "object" if name in hidden else columns.kind(column)
        for name, column in asked_for.items()
        if name not in hidden or name in source.KEY
    }
    try:
        asked: list[dict[str, Any]] = json_text.parse(f"[{','.join(log['request'])}]")
        kept = {name: kind for name, kind in kinds.items() if any(name in one for one in asked)}
        if lost := [name for name in source.KEY if name not in kept]:
            raise ValueError(f"it has no {', '.join(lost)}")
        rows = columns.of_rows([{name: one.get(name) for name in kept} for one in asked], kept)
    except (ValueError, TypeError, AttributeError) as error:
        raise LoopError(
            f"the prediction log holds a request that cannot be read: {error}",
            "requests as `loop collect` writes them",
            "look at the newest days of the log; `loop collect` sets broken lines aside",
        ) from None
    return columns.to_frame(rows)
