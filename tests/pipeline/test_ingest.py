"""ingest cuts tables by month, so that a new month leaves the files of the others as they were."""

import pandas as pd
import pyarrow as pa
import pytest

from loop.base.errors import LoopError
from loop.pipeline import ingest
from loop.pipeline.ingest import by_month

AT = pd.to_datetime(["2020-01-31T23:59Z", "2020-02-01T00:00Z", "2020-02-10T00:00Z"])
FRAME = pd.DataFrame({"at": AT, "x": [1, 2, 3]})


def test_rows_are_cut_by_month_in_utc_and_none_is_lost():
    parts = by_month(FRAME, "at")
    assert {month: part["x"].tolist() for month, part in parts.items()} == {"2020-01": [1], "2020-02": [2, 3]}


def test_a_table_without_time_is_one_file():
    assert list(by_month(FRAME, None)) == ["all"]


def test_an_empty_table_is_one_file_with_its_columns():
    assert by_month(FRAME.iloc[:0], "at")["all"].columns.tolist() == ["at", "x"]


def test_times_without_a_zone_are_kept_whole_for_the_contract_to_refuse():
    assert list(by_month(FRAME.assign(at=AT.tz_localize(None)), "at")) == ["all"]


LATIN1 = pa.array([b"K\xf6ln", b"a", b"b"]).cast(pa.string(), safe=False).to_pandas()
MISTAKES = {
    "a table without a name in TIME": ({"visits": FRAME, "more": FRAME}, r"visits, more"),
    "a table less": ({}, r"tables of TIME: visits"),
    "a frame alone": (FRAME, r"returned DataFrame"),
    "no frame": ({"visits": None}, r"table `visits` is NoneType"),
    "a column twice": ({"visits": pd.concat([FRAME, FRAME[["x"]]], axis=1)}, r"has the column x twice"),
    "no time": ({"visits": FRAME[["x"]]}, r"has no column `at`"),
    "mixed types": ({"visits": FRAME.assign(x=["a", 1, 2])}, r"`visits`, column `x` cannot be stored"),
    "another encoding": ({"visits": FRAME.assign(x=LATIN1)}, r"`visits`, column `x` cannot be stored"),
    "half a character": (
        {"visits": FRAME.assign(x=pd.Series(["\ud800", "a", "b"], dtype="object"))},
        r"`visits`, column `x` cannot be stored",
    ),
}


@pytest.mark.parametrize(("tables", "output"), MISTAKES.values(), ids=MISTAKES)
def test_what_the_source_returns_by_mistake_is_named_and_nothing_is_written(
    tmp_path, monkeypatch, tables, output
):
    monkeypatch.setattr(ingest.source, "TIME", {"visits": "at"})
    monkeypatch.setattr(ingest.source, "tables", lambda *_: tables)
    monkeypatch.setattr(ingest, "RAW", tmp_path / "raw")
    with pytest.raises(LoopError, match=output) as caught:
        ingest.main()
    assert caught.value.todo == "fix src/problem/source.py"
    assert list(tmp_path.iterdir()) == []
