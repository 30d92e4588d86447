"""What the server relies on: whatever `problem` keeps these statements is served as it was trained.

It says nothing of any one problem. Data come from `problem.source`, windows and settings from
params.yaml in the current directory. When a statement fails, the problem is what to fix.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.data import columns, contract, features, raw, score_columns
from loop.data.features import DECIDED_AT
from loop.data.joining import change_log
from loop.model import mlflow_model, model_file, reference_rows
from loop.pipeline import train
from loop.pipeline.examples import whole
from loop.serve import explain, loaded_model, materialize, online, predict
from loop.serve.request import Contract, RefusedError
from loop.serve.store import SqliteStore
from loop.settings import params
from problem import model as problem_model
from problem import schema
from problem.features import VIEWS

pytestmark = pytest.mark.slow  # a store, and every row of it asked for

ROWS = 10_000
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
EXAMPLE = dict(schema.REQUEST_EXAMPLES[0])


@pytest.fixture(scope="module")
def windows() -> params.Windows:
    return params.section("windows", params.Windows)


@pytest.fixture(scope="module")
def tables(windows) -> dict[str, pd.DataFrame]:
    found = raw.tables(windows.since, windows.train.until, windows.train.until)
    return {name: raw.repair(name, frame)[0] for name, frame in found.items()}


@pytest.fixture(scope="module")
def trained_on(tables, windows) -> pd.DataFrame:
    """Every example of the training window."""
    return whole(tables, windows.train, windows.train.until)


@pytest.fixture(scope="module")
def pipeline(trained_on) -> Any:
    return train.train(trained_on, params.section("train", train.Params))


@pytest.fixture(scope="module")
def model(pipeline, trained_on, tmp_path_factory) -> loaded_model.Model:
    """The model as a server has it, whatever of it can be compiled."""
    folder = tmp_path_factory.mktemp("compiled")
    reference_rows.write(
        folder / "reference.json", reference_rows.of(pipeline, trained_on.head(3), trained_on, 1)
    )
    return loaded_model.prepare(
        pipeline, "0" * 64, reference_rows.read(folder / "reference.json"), folder=folder
    )


@pytest.fixture(scope="module")
def decided_together(trained_on) -> pd.DataFrame:
    """Up to ROWS examples: those of the instants at which most were decided."""
    instants = trained_on[DECIDED_AT].value_counts()
    chosen = instants.index[: int((instants.cumsum() < ROWS).sum()) + 1]
    return trained_on[trained_on[DECIDED_AT].isin(chosen)].sort_values(DECIDED_AT, ignore_index=True)


@pytest.fixture(scope="module")
def online_numbers(tables, decided_together, tmp_path_factory) -> np.ndarray:
    """What a store gives each example when it is filled as of that example's decision, and not later."""
    store = SqliteStore(tmp_path_factory.mktemp("online"), "test")
    served = online.Features(store)
    changes = []
    for view in VIEWS:
        log = change_log(view, tables)
        known_at = log["known_at"].to_numpy("datetime64[us]").astype(np.int64)
        changes += zip(known_at.tolist(), materialize.rows(view, log), strict=True)
    changes.sort(key=lambda change: change[0])
    newest: dict[str, bytes] = {}
    found, done = [], 0
    for at, asked in decided_together.groupby(DECIDED_AT, sort=True):
        requests = columns.of_frame(asked[list(schema.REQUEST.columns)])
        instant = requests[DECIDED_AT].view(np.int64)[0]
        while done < len(changes) and changes[done][0] <= instant:
            newest.update([changes[done][1]])
            done += 1
        store.replace(newest.items(), at.isoformat())
        found.append(served.of(requests).numbers)
    store.close()
    return np.concatenate(found)


# Features


def test_online_features_equal_those_of_training_to_the_bit(decided_together, online_numbers):
    names = online.Features(None).names
    expected = decided_together[names].to_numpy(np.float64)
    assert len(expected) >= 20
    assert np.array_equal(online_numbers, expected, equal_nan=True)


def test_scores_online_equal_those_of_the_pipeline(model, pipeline, decided_together, online_numbers):
    names = online.Features(None).names
    asked = columns.of_frame(decided_together[list(schema.REQUEST.columns)])
    scores = model.scores(asked | dict(zip(names, online_numbers.T, strict=True)))
    expected = problem_model.score(pipeline, features.known(decided_together))
    assert np.abs(scores - expected).max() <= 1e-12


def test_what_the_store_is_filled_with_is_what_training_would_join(tables, trained_on, tmp_path):
    last = trained_on[trained_on[DECIDED_AT] == trained_on[DECIDED_AT].max()]
    at = last[DECIDED_AT].iloc[0]
    store = SqliteStore(tmp_path, "test")
    materialize.materialize(tables, store, at)
    served = online.Features(store)
    found = served.of(columns.of_frame(last[list(schema.REQUEST.columns)]))
    assert np.array_equal(found.numbers, last[served.names].to_numpy(np.float64), equal_nan=True)
    assert store.as_of() == at.isoformat()


def test_without_a_store_everything_is_missing_and_reported(model, tmp_path):
    served = predict.Predictor(model, online.Features(SqliteStore(tmp_path, "none")))
    found = served.predict(Contract(10).columns([dict(_typed())], NOW))
    assert np.isfinite(found.scores).all()
    assert predict.said_of(found, 0, served.views)["missing"] == served.views


# The model


def test_a_compiled_model_scores_as_the_pipeline_does(model, pipeline, trained_on):
    rows = features.known(trained_on)
    expected = problem_model.score(pipeline, rows)
    assert np.abs(model.scores(columns.of_frame(rows)) - expected).max() <= 1e-6


def test_mlflow_loads_the_model_with_what_travels_and_scores_as_pipeline_and_server_do(
    model, pipeline, trained_on, tmp_path, own_code
):
    known = reference_rows.of(pipeline, trained_on.head(3), trained_on, 1)
    model_file.write(pipeline, tmp_path / "given.skops")
    texts = {path.as_posix(): path.read_text(encoding="utf-8") for path in Path("src").rglob("*.py")}
    lock = Path("uv.lock").read_text(encoding="utf-8")
    parts = mlflow_model.Parts(
        tmp_path / "given.skops", known, texts, lambda path: Path(path).read_bytes(), lock
    )
    mlflow_model.write(tmp_path / "model", parts)
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    rows = trained_on.head(ROWS)
    found = loaded.predict(rows)
    assert np.array_equal(found, problem_model.score(pipeline, features.known(rows)))
    assert np.abs(found - model.scores(columns.of_frame(features.known(rows)))).max() <= 1e-12
    first = loaded.predict(loaded.input_example)
    assert np.array_equal(first, np.array(known["scores"])[: len(first)])
    assert list(mlflow.sklearn.load_model(str(tmp_path / "model")).named_steps) == list(pipeline.named_steps)


def test_one_row_scores_as_it_does_among_many(model, trained_on):
    some = trained_on.head(50)
    rows = columns.of_frame(features.known(some))
    alone = [
        model.scores({name: values[at : at + 1] for name, values in rows.items()})[0]
        for at in range(len(some))
    ]
    assert np.array_equal(alone, model.scores(rows))


def test_contributions_add_up_from_the_base_to_the_score(model, trained_on):
    rows = columns.of_frame(features.known(trained_on.head(3)))
    for at, score in enumerate(score_columns.top(model.scores(rows))):
        found = explain.Explainer(model).explain(rows, at)
        assert found.base + sum(found.contributions.values()) == pytest.approx(score, abs=1e-9)


# Requests


def _typed() -> dict[str, Any]:
    """The example as the contract reads it."""
    return Contract(10).read(json.dumps(EXAMPLE).encode())[0][0]


@pytest.mark.parametrize("example", schema.REQUEST_EXAMPLES, ids=str)
def test_an_example_of_a_request_keeps_the_contract_on_a_frame_and_as_json(example):
    read, many, _ = Contract(10).read(json.dumps(example).encode())
    frame = columns.to_frame(Contract(10).columns(read, NOW))
    assert not many
    assert not contract.check(frame, schema.REQUEST, "request")


VALUES = st.one_of(
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(max_size=5),
    st.sampled_from(sorted({str(value) for value in EXAMPLE.values()})),
    st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.isoformat() + "Z"),
)


RELAXED = pa.DataFrameSchema(schema.REQUEST.columns, checks=schema.REQUEST.checks, strict=True)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_json_keeps_the_contract_if_and_only_if_its_frame_does(data):
    """Any one field set to anything of its own type: pydantic and pandera agree on what is allowed."""
    name = data.draw(st.sampled_from(sorted(set(EXAMPLE) - {DECIDED_AT})))
    value = data.draw(VALUES)
    column = schema.REQUEST.columns[name]
    if not _of_type(columns.kind(column), value):
        return
    asked = EXAMPLE | {name: value}
    try:
        columns_ = Contract(10).columns(Contract(10).read(json.dumps(asked).encode())[0], NOW)
        allowed = True
    except RefusedError:
        allowed = False
        row = _typed() | {name: value}
        columns_ = columns.of_rows([row], Contract(10).kinds)
    assert allowed == (not contract.check(columns.to_frame(columns_), RELAXED, "request"))


def _of_type(kind: str, value: Any) -> bool:
    if kind == columns.TIME:
        return isinstance(value, str) and value[4:5] == "-" and value.endswith("Z")
    kinds = {"int64": int, "float64": (int, float), "object": str, "bool": bool}
    return isinstance(value, kinds[kind])
