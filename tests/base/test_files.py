"""Files are whole or not at all, and the same rows give the same bytes."""

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loop.base import files
from loop.base.errors import LoopError

FRAME = pd.DataFrame({"id": [1, 2], "at": pd.to_datetime(["2020-01-01T00:00Z", None]).as_unit("us")})


def fail_half_way(path, write):
    with files.replacing(path) as draft:
        write(draft)
        raise RuntimeError


def test_a_table_comes_back_as_it_was(tmp_path):
    files.write_table(tmp_path / "t.parquet", FRAME)
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "t.parquet"), FRAME)


def test_the_same_rows_give_the_same_bytes_whatever_the_index(tmp_path):
    files.write_table(tmp_path / "a.parquet", FRAME)
    files.write_table(tmp_path / "b.parquet", FRAME.set_index(pd.Index([7, 9])))
    assert files.digest(tmp_path / "a.parquet") == files.digest(tmp_path / "b.parquet")


@pytest.mark.parametrize("cuts", [[], [1], [700, 701, 2048], [2047, 2049, 4096, 6000]])
def test_slices_give_the_bytes_of_the_whole(tmp_path, monkeypatch, cuts):
    monkeypatch.setattr(files, "ROW_GROUP", 2048)
    rows = 6001
    texts = pd.Series([f"{row % 3000}" if row % 5 else None for row in range(rows)], dtype="str")
    whole = pd.DataFrame({"text": texts, "number": np.arange(rows) / 7, "even": np.arange(rows) % 2 == 0})
    files.write_slices(tmp_path / "s.parquet", (whole[a:b] for a, b in pairwise([0, *cuts, rows])))
    table = pa.Table.from_pandas(whole, preserve_index=False).replace_schema_metadata()
    pq.write_table(table, tmp_path / "w.parquet", 2048, compression="zstd")
    assert files.digest(tmp_path / "s.parquet") == files.digest(tmp_path / "w.parquet")
    assert (files.rows(tmp_path / "s.parquet"), files.columns(tmp_path / "s.parquet")) == (rows, [*whole])


def test_slices_that_end_in_an_error_leave_the_old_file_and_no_draft(tmp_path):
    def slices():
        yield FRAME
        raise LoopError("found", "expected", "to do")

    path = tmp_path / "t.parquet"
    files.write_table(path, FRAME)
    before = files.digest(path)
    with pytest.raises(LoopError):
        files.write_slices(path, slices())
    assert files.digest(path) == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    for name, value in (("b", 2), ("a", 1)):
        files.write_table(tmp_path / f"{name}.parquet", pd.DataFrame({"x": [value]}))
    assert files.read_table(tmp_path)["x"].tolist() == [1, 2]


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path):
    path = tmp_path / "t.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError):
        fail_half_way(path, lambda draft: draft.write_text("half"))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for names in (["a", "b"], ["c"]):
        with files.replacing(tmp_path / "out") as draft:
            for name in names:
                files.write_text(draft / name, name)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["c"]


def test_a_folder_that_fails_half_way_leaves_the_old_one(tmp_path):
    with files.replacing(tmp_path / "out") as draft:
        files.write_text(draft / "a", "a")
    with pytest.raises(RuntimeError):
        fail_half_way(tmp_path / "out", lambda draft: files.write_text(draft / "b", "b"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_a_truncated_table_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "t.parquet"
    files.write_table(path, FRAME)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(LoopError, match=r"t\.parquet cannot be read") as error:
        files.read_table(path)
    assert "dvc repro --force ingest" in str(error.value)


def test_a_missing_table_and_an_empty_folder_are_named(tmp_path):
    with pytest.raises(LoopError, match=r"gone\.parquet is missing"):
        files.read_table(tmp_path / "gone.parquet")
    with pytest.raises(LoopError, match="holds no Parquet file"):
        files.read_table(tmp_path)


def test_json_has_no_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "x.json", {"a": math.nan})
    assert files.records(pd.DataFrame({"a": [math.nan, 1 / 3]})) == [{"a": None}, {"a": 0.333333}]


def test_json_holds_an_instant_as_its_text_and_a_number_of_numpy_as_one(tmp_path):
    at = pd.Timestamp("2026-01-05T12:00Z")
    files.write_json(
        tmp_path / "x.json", {"at": at, "never": pd.NaT, "count": np.int64(3), "is": np.bool_(True)}
    )
    found = json.loads((tmp_path / "x.json").read_text())
    assert found == {"at": "2026-01-05T12:00:00+00:00", "never": None, "count": 3, "is": True}


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), Path("x")])
def test_what_json_cannot_hold_is_refused(tmp_path, value):
    with pytest.raises((TypeError, ValueError)):
        files.write_json(tmp_path / "x.json", value)


@pytest.mark.parametrize("data", [b"", b'{"a": ', b'{"a": "\xe4"}', b"[" * 100_000], ids=ascii)
def test_a_file_that_is_no_json_is_named_with_what_to_do(tmp_path, data):
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(LoopError, match=r"x\.json cannot be used: .*\n.*a record\n.*make it again"):
        files.read_json(tmp_path / "x.json", "a record", "make it again")


def test_tables_of_a_folder_are_read_when_they_are_asked_for(tmp_path):
    tables = files.Tables(tmp_path, ["a", "b"])
    assert (len(tables), tables.get("a")) == (0, None)
    for name in ("1", "2"):
        (tmp_path / "a").mkdir(exist_ok=True)
        files.write_table(tmp_path / "a" / f"{name}.parquet", FRAME)
    tables = files.Tables(tmp_path, ["a", "b"])
    assert list(tables) == ["a"]
    assert tables["a"]["id"].tolist() == [1, 2, 1, 2]
