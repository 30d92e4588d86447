"""What is personal never reaches the log as it is, and a label still finds its row."""

import json

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.base.errors import LoopError
from loop.data import personal, prediction_log
from loop.data.personal import Personal
from problem import schema, source
from support.prediction_logs import rows
from support.states import NOW

OURS = "the secret of a test"


def test_personal_columns_are_dropped_or_hashed_with_the_key():
    marks = {"name": "drop", "card": "hash"}
    one, two = Personal(marks, b"one key"), Personal(marks, b"another key")
    kept = one.kept({"name": "Ada", "card": "1234", "age": 7})
    assert kept.keys() == {"card", "age"}
    assert kept["card"] != "1234"
    assert kept["card"] == one.hashed("1234")
    assert kept["card"] != two.hashed("1234")


@given(st.text("ghijklmnopqrstuvwxyz -", min_size=1, max_size=20))  # no digit of a hash
def test_a_hash_does_not_hold_what_it_is_of(value):
    assert value not in Personal({"x": "hash"}, b"key of a test").kept({"x": value})["x"]


def test_without_a_key_a_contract_that_hashes_is_not_served():
    with pytest.raises(LoopError, match="LOOP_PERSONAL_KEY_FILE"):
        Personal({"card": "hash"}, None)


def test_a_mark_that_means_nothing_is_refused():
    with pytest.raises(LoopError, match="hide"):
        Personal({"card": "hide"}, b"key")


# What is personal among the key


@pytest.fixture
def key(monkeypatch):
    """A problem with a key of one column `who`, of a type, that the contract marks as personal."""

    def of(kind: str, mark: str = "hash", secret: str | None = OURS) -> None:
        column = pa.Column(kind, metadata={"personal": mark})
        monkeypatch.setattr(schema, "REQUEST", pa.DataFrameSchema({"who": column}))
        monkeypatch.setattr(source, "KEY", ["who"])
        monkeypatch.delenv("LOOP_PERSONAL_KEY_FILE", raising=False)
        monkeypatch.delenv("LOOP_PERSONAL_KEY", raising=False)
        if secret:
            monkeypatch.setenv("LOOP_PERSONAL_KEY", secret)

    return of


def logged(*sent, by: str = OURS) -> pd.DataFrame:
    """The log of requests sent by callers, each hidden as a server hides it."""
    hider = Personal(personal.marks(), by.encode())
    entities = [json.dumps(hider.kept({"who": value})) for value in sent]
    return rows(1, "champion", len(sent), entity=entities)


def labelled(*values, dtype=None) -> pd.DataFrame:
    return pd.DataFrame({"who": pd.Series(values, dtype=dtype), "label": 1, "label_known_at": NOW})


@pytest.mark.parametrize(
    ("kind", "sent", "values", "dtype"),
    [
        ("str", ["Ada", "Émile"], ["Émile", "Ada"], "str"),
        ("int64", [7, 12], [12, 7], "int64"),
        ("int64", [7, 12], [12, 7, np.nan], "float64"),
        ("float64", [7, 2.5], [2.5, 7.0], "float64"),
        ("bool", [True, False], [False, True], "bool"),
        (
            "datetime64[us, UTC]",
            ["2026-01-05T12:00:00Z", "2026-01-05T16:00:00.5+02:00"],
            ["2026-01-05T14:00:00.5Z", "2026-01-05T12:00:00Z"],
            "datetime64[us, UTC]",
        ),
    ],
)
def test_labels_find_their_rows_by_a_key_that_the_log_has_hashed(key, kind, sent, values, dtype):
    key(kind)
    log = logged(*sent)
    assert sent[0] != json.loads(log["entity"].iloc[0])["who"]
    assert prediction_log.unjoinable() == ""
    found, odd = prediction_log.with_labels(log, labelled(*values, dtype=dtype))
    assert found["label"].tolist() == [1, 1]
    assert odd == {"duplicate labels": 0, "orphan labels": len(values) - len(sent)}


def test_a_hashed_key_is_named_again_by_the_requests_of_the_source(key):
    key("int64")
    hider = Personal(personal.marks(), OURS.encode())
    log = pd.DataFrame([hider.kept({"who": who}) | {"score": who / 10} for who in (3, 1, 9)])
    found = prediction_log.recognised(log, pd.DataFrame({"who": [1, 2, 3, 3]}))
    assert found.to_dict("list") == {"who": [3, 1], "score": [0.3, 0.1]}
    assert found["who"].dtype == "int64"


@pytest.mark.parametrize(
    ("mark", "secret", "said"), [("drop", OURS, "mark it `hash`"), ("hash", None, "LOOP_PERSONAL_KEY_FILE")]
)
def test_where_no_label_can_find_its_row_it_is_said_why(key, mark, secret, said):
    key("str", mark, secret)
    log = logged("Ada")
    assert said in prediction_log.unjoinable()
    assert "who, part of KEY" in prediction_log.unjoinable()
    assert prediction_log.with_labels(log, labelled("Ada"))[0]["label"].isna().all()


def test_another_secret_joins_nothing_and_all_labels_are_for_no_row(key):
    key("str")
    found, odd = prediction_log.with_labels(logged("Ada", by="the secret of another"), labelled("Ada"))
    assert found["label"].isna().all()
    assert odd["orphan labels"] == 1


def test_a_personal_column_beside_the_key_hinders_no_label(monkeypatch):
    monkeypatch.setattr(personal, "marks", lambda: {"no column of the key": "hash"})
    monkeypatch.delenv("LOOP_PERSONAL_KEY", raising=False)
    assert prediction_log.unjoinable() == ""
