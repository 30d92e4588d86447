"""Golden requests are named by their key, or by what names no person."""

import pandas as pd
import pandera.pandas as pa
import pytest

from loop.base.errors import LoopError
from loop.data import golden_rows
from loop.pipeline import problem_parts
from problem import metrics, schema, source

ROWS = pd.DataFrame({"shop": ["a", "a", "b"], "price": [1.0, 2.0, 1.0]})


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setattr(source, "KEY", ["price"])


def test_other_columns_than_the_key_name_a_row():
    assert golden_rows.find(ROWS, [{"shop": "c"}, {"shop": "a", "price": 2}]) == {1: 1}


def test_a_name_of_several_requests_is_refused():
    with pytest.raises(LoopError, match="names 2 rows by shop"):
        golden_rows.find(ROWS, [{"shop": "a"}])


def test_a_request_that_stands_twice_is_one():
    twice = pd.concat([ROWS, ROWS], ignore_index=True)
    assert golden_rows.find(twice, [{"shop": "b"}]) == {0: 2}


@pytest.mark.parametrize("key", [("a",), {"shop": "a"}])
def test_a_golden_request_that_names_a_person_is_refused(key, monkeypatch):
    monkeypatch.setattr(source, "KEY", ["shop"])
    columns = {**schema.REQUEST.columns, "shop": pa.Column("str", metadata={"personal": "hash"})}
    monkeypatch.setattr(schema, "REQUEST", pa.DataFrameSchema(columns))
    monkeypatch.setattr(metrics, "GOLDEN", (("a shop", key),))
    with pytest.raises(LoopError, match="names shop in `GOLDEN`"):
        problem_parts.check()
