"""The rows that changed most, and why: what is asked of the models, and what of a row is told."""

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from loop.compare import changed_rows
from loop.compare.changed_rows import Asked, ChangedRow
from loop.stats import shapley
from problem import schema

NEW_YEAR = pd.Timestamp("2020-01-01", tz="UTC")
ROWS = pd.DataFrame({"age": [40.1], "drug": ["a"], "at": [NEW_YEAR], "secret": ["x"], "gone": [7.25]})
CHANGED = ChangedRow(3, {"visit": "1"}, None, "0", (0.2, 0.7), (0.2, 1.2))


def asked(base: float, **added: float) -> Asked:
    return Asked(ROWS[[*added]], [base], [np.array([*added.values()])])


@pytest.fixture(autouse=True)
def _a_personal_column(monkeypatch):
    secret = pa.DataFrameSchema({"secret": pa.Column("str", metadata={"personal": "drop"})})
    monkeypatch.setattr(schema, "REQUEST", secret)


def test_a_score_moves_by_its_difference_and_classes_by_what_went_to_others():
    assert changed_rows.moved(np.array([0.2, 0.9]), np.array([0.5, 0.8])) == pytest.approx([0.3, 0.1])
    before, after = np.array([[0.5, 0.5, 0.0]]), np.array([[0.5, 0.2, 0.3]])
    assert changed_rows.moved(before, after) == pytest.approx([0.3])


def test_the_reasons_are_the_columns_where_both_models_differ_most():
    first, second = asked(0.3, age=0.1, drug=-0.2, at=0.0), asked(0.4, age=0.1, drug=0.2, at=-0.1)
    row = changed_rows.explained(CHANGED, 0, [first, second])
    assert [(one.column, one.value) for one in row.reasons] == [
        ("drug", "a"),
        ("at", "2020-01-01 00:00:00+00:00"),
    ]
    assert row.bases == (0.3, 0.4)
    assert row.scores == CHANGED.scores


def test_a_column_of_one_model_alone_counts_and_a_personal_one_is_not_shown():
    row = changed_rows.explained(CHANGED, 0, [asked(0.3, gone=0.5), asked(0.4, secret=0.2)])
    told = [(one.column, one.value, one.first, one.second) for one in row.reasons]
    assert told == [("gone", "7.25", 0.5, 0.0), ("secret", "personal", 0.0, 0.2)]


def test_a_value_is_that_of_the_second_side_also_where_it_does_not_know_it():
    second = asked(0.4, gone=0.2)
    second = Asked(second.rows.assign(gone=np.nan), second.bases, second.added)
    (reason,) = changed_rows.explained(CHANGED, 0, [asked(0.3, gone=0.5), second]).reasons
    assert reason.value == "not known"


def test_the_steps_to_a_row_keep_the_type_of_each_column():
    background = pd.DataFrame(
        {
            "age": [1.0, np.nan],
            "drug": pd.Series(["b", None], dtype="str"),
            "at": pd.to_datetime(["2020-02-01", "2020-03-01"], utc=True),
            "count": np.array([1, 2], np.int64),
        }
    )
    row = background.iloc[[0]].assign(age=9.0, count=np.int64(7))
    walks = shapley.walks(4, 2, seed=1)
    steps = changed_rows.stepped(row, background, walks)
    assert (steps.dtypes == background.dtypes).all()
    assert len(steps) == shapley.ORDERS * 5
    ends = steps.iloc[4::5]
    assert (ends["age"].eq(9) & ends["count"].eq(7)).all()
    starts = steps.iloc[::5].reset_index(drop=True)
    pd.testing.assert_frame_equal(starts, background.iloc[walks.starts].reset_index(drop=True))
