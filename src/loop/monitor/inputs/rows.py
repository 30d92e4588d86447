"""Every request with its score and what came true: the rows that a monitoring run is made of."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from loop.base.counted import counted
from loop.data import personal, prediction_log, score_columns
from loop.data.features import DECIDED_AT, OUTCOME
from loop.monitor.inputs import answers, baseline, labels
from loop.monitor.inputs.champion_model import Champion
from loop.monitor.inputs.feed import Feed
from loop.monitor.inputs.labels import Joined
from loop.settings import serve_settings
from loop.settings.monitor_settings import Settings
from loop.settings.params import Windows
from problem import schema, source


def scored(
    champion: Champion, fed: Feed, folders: Sequence[Path], now: pd.Timestamp, setup: Settings
) -> tuple[pd.DataFrame, Joined, str, list[str]]:
    """All requests with score, decision and label: training rows out of fold, the others as answered."""
    own, threshold = champion.windows, serve_settings.params().threshold
    train, later = split(fed, own)
    answered_by, notes = answers.BATCH, []
    log = answers.of_log(folders, champion, own.holdout.until, now, fed.examples)
    answered = log.rows
    if log.since is not None:
        answered_by = answers.LOG
        later = later[later[DECIDED_AT] < log.since]
        answered = answered[answered[DECIDED_AT] >= log.since]
    elif any((folder / prediction_log.DAYS).is_dir() for folder in folders):
        why = f": {log.hidden}" if log.hidden else ""
        notes.append(f"the prediction log holds no answer of this champion that can be used{why}")
    notes += [f"{counted(log.again, 'prediction')} asked for again: the first counts"] if log.again else []
    notes += [f"{log.late:,} answers came long after they were due: left out"] if log.late else []
    folds = baseline.scores(champion, train, setup.window_days)
    known = answers.with_decision(train.join(score_columns.columns(folds, train.index)), threshold)
    batch = answers.in_batch(champion, later, threshold)
    answered = answers.with_decision(answered, threshold) if len(answered) else answered
    others = fed.labels.merge(train[source.KEY], on=source.KEY, how="left", indicator="of")
    others = others[others.pop("of") == "left_only"]
    joined = labels.join(pd.concat([batch, answered], ignore_index=True), others, now, setup)
    matured = joined.matured()
    final = joined.rows.assign(label=joined.rows["label"].where(joined.rows.index.isin(matured.index)))
    return pd.concat([known, final], ignore_index=True), joined, answered_by, notes


def model_columns(rows: pd.DataFrame, *, logged: bool = False) -> list[str]:
    """The columns of an example that a model may look at: neither times, nor outcome.

    Nor, in the log's rows, what the contract calls personal: the log has dropped or hashed it.
    """
    hidden = {*OUTCOME, *(personal.marks() if logged else ())}
    names = [name for name, column in schema.EXAMPLE.columns.items() if "datetime" not in str(column.dtype)]
    return [name for name in names if name in rows and name not in hidden]


def split(fed: Feed, own: Windows) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the champion was trained on, with labels, and all requests that it never saw.

    A request of the training window whose label was not known by its end is one of those.
    """
    learnt = labels.known(fed.labels, own.train.until).drop_duplicates(source.KEY)
    rows = fed.examples.merge(learnt, on=source.KEY, how="left", validate="1:1")
    decided = rows[DECIDED_AT]
    trained = rows["label"].notna() & (decided >= own.train.since) & (decided < own.train.until)
    train = rows[trained].astype({"label": fed.labels["label"].dtype}).reset_index(drop=True)
    return train, fed.examples[~trained.to_numpy()].reset_index(drop=True)
