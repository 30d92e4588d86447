"""ingest cuts tables by month, so that a new month leaves the files of the others as they were."""

from itertools import pairwise
from weakref import ref

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from loop.base.errors import LoopError
from loop.kit.sources import SourceError
from loop.pipeline import ingest
from loop.pipeline.ingest import by_month

AT = pd.to_datetime(["2020-01-31T23:59Z", "2020-02-01T00:00Z", "2020-02-10T00:00Z"])
FRAME = pd.DataFrame({"at": AT, "x": [1, 2, 3]})


def test_rows_are_cut_by_month_in_utc_and_none_is_lost():
    parts = by_month(FRAME, "at")
    assert {month: part["x"].tolist() for month, part in parts} == {"2020-01": [1], "2020-02": [2, 3]}


def test_a_row_without_a_time_is_kept_for_the_contract_to_refuse():
    parts = by_month(FRAME.assign(at=FRAME["at"].where(FRAME["x"] != 2)), "at")
    assert {month: part["x"].tolist() for month, part in parts} == {
        "2020-01": [1],
        "2020-02": [3],
        "undated": [2],
    }


def test_a_table_without_time_is_one_file():
    assert list(dict(by_month(FRAME, None))) == ["all"]


def test_an_empty_table_is_one_file_with_its_columns():
    assert dict(by_month(FRAME.iloc[:0], "at"))["all"].columns.tolist() == ["at", "x"]


def test_times_without_a_zone_are_kept_whole_for_the_contract_to_refuse():
    assert list(dict(by_month(FRAME.assign(at=AT.tz_localize(None)), "at"))) == ["all"]


LATIN1 = pa.array([b"K\xf6ln", b"a", b"b"]).cast(pa.string(), safe=False).to_pandas()
MISTAKES = {
    "a table without a name in TIME": ({"visits": FRAME, "more": FRAME}, r"visits, more"),
    "a table less": ({}, r"tables of TIME: visits"),
    "a frame alone": (FRAME, r"returned DataFrame"),
    "no frame": ({"visits": None}, r"table `visits` is NoneType"),
    "no frame in a part": ({"visits": [FRAME, None]}, r"a part of table `visits` is NoneType"),
    "no part": ({"visits": iter(())}, r"table `visits` has no part"),
    "a part of other types": (
        {"visits": iter([FRAME, FRAME.astype({"x": "float64"})])},
        r"part 2 of table `visits` has `x` as float64",
    ),
    "a part with a column more": (
        {"visits": iter([FRAME, FRAME.assign(y=1)])},
        r"part 2 of table `visits` has `y` as int64",
    ),
    "parts whose objects are of several types": (
        {
            "visits": [
                FRAME.assign(x=pd.Series(["a", "b", "c"], dtype="object")),
                FRAME.astype({"x": "object"}),
            ]
        },
        r"parts of table `visits` do not fit each other",
    ),
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


def stored(folder, table) -> dict[str, bytes]:
    """The files of a table of visits, by name."""
    ingest.stored(folder, "visits", table)
    return {path.name: path.read_bytes() for path in folder.rglob("*")}


@pytest.fixture
def visits(monkeypatch) -> pd.DataFrame:
    """Visits of three months in no order, some without a time."""
    monkeypatch.setattr(ingest.source, "TIME", {"visits": "at"})
    rng = np.random.default_rng(0)
    at = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(rng.permutation(90 * 24), unit="h")
    rows = pd.DataFrame({"at": at, "who": rng.choice([*"abc"], len(at)), "x": rng.normal(size=len(at))})
    return rows.assign(at=rows["at"].where(rows["x"] < 2.5))


@pytest.mark.parametrize("cuts", [[1], [700, 701], [0, 500, 500], range(0, 2160, 97)])
def test_a_table_in_parts_is_stored_to_the_byte_as_the_whole_one(tmp_path, visits, monkeypatch, cuts):
    monkeypatch.setattr(ingest.files, "ROW_GROUP", 100)
    ends = [0, *cuts, len(visits)]
    parts = (visits.iloc[start:end] for start, end in pairwise(ends))
    assert stored(tmp_path / "in parts", parts) == stored(tmp_path / "whole", visits)
    assert {*stored(tmp_path / "again", visits)} == {
        f"{name}.parquet" for name in ("2020-01", "2020-02", "2020-03", "undated")
    }


def test_parts_without_rows_are_one_file_with_the_columns(tmp_path, visits):
    assert [*stored(tmp_path / "t", iter([visits.iloc[:0]] * 2))] == ["all.parquet"]


def test_one_part_is_held_at_a_time(tmp_path, visits):
    before: list[ref] = []

    def parts():
        for _ in range(3):
            assert not any(one() is not None for one in before[:-1]), "a part before the last is held still"
            part = visits.copy()
            before.append(ref(part))
            yield part

    ingest.stored(tmp_path / "t", "visits", parts())


def test_a_source_that_fails_in_a_later_part_leaves_what_was_there(tmp_path, visits, monkeypatch):
    def parts():
        yield visits
        raise SourceError("the second file is cut short")

    monkeypatch.setattr(ingest, "RAW", tmp_path / "raw")
    monkeypatch.setattr(ingest.source, "tables", lambda *_: {"visits": visits})
    ingest.main()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    monkeypatch.setattr(ingest.source, "tables", lambda *_: {"visits": parts()})
    with pytest.raises(SourceError):
        ingest.main()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
