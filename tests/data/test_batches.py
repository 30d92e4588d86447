"""Rows in batches: every row once, in order, whatever the source; a sample from all over it."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

from loop.data import batches


def frame(rows=1000):
    return pd.DataFrame({"x": range(rows), "text": [f"v{n % 7}" for n in range(rows)]})


def seen(parts):
    return [
        row for batch in batches.each(parts, lambda batch: batch) for row in batch.column("x").to_pylist()
    ]


@pytest.fixture
def files(tmp_path):
    """The frame in two files, of ten and of a hundred row groups."""
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    frame().head(500).to_parquet(paths[0], row_group_size=50)
    frame().tail(500).to_parquet(paths[1], row_group_size=5)
    return paths


def test_every_row_comes_once_in_order(files, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 30)
    assert seen(batches.pieces(files, ["x"])) == list(range(1000))
    assert seen(batches.pieces(frame(), ["x"])) == list(range(1000))
    assert seen(batches.pieces(str(files[0]), ["x"])) == list(range(500))


def test_pieces_say_how_many_rows_they_hold(files):
    assert sum(part.rows for part in batches.pieces(files, ["x"])) == 1000


def test_a_batch_is_never_larger_than_asked_for(files, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 30)
    sizes = list(batches.each(batches.pieces(files, ["x"]), lambda batch: batch.num_rows))
    assert max(sizes) == 30


def test_a_column_that_is_not_there_is_left_out(files):
    for source in (files, frame()):
        names = set(
            batches.each(batches.pieces(source, ["x", "gone"]), lambda batch: tuple(batch.schema.names))
        )
        assert names == {("x",)}


def test_a_source_says_the_types_of_its_columns(files):
    for source in (files, files[0], frame()):
        assert list(batches.kinds(source)) == ["x", "text"]


def test_a_sample_is_of_parts_at_even_steps(files):
    parts = batches.pieces(files, ["x"])
    assert len(parts) == 110
    some = batches.spread(parts, 10)
    assert len(some) == batches.FEWEST
    assert some[0] is parts[0]
    assert parts.index(some[-1]) > 100


def test_a_sample_takes_as_many_small_parts_as_hold_the_rows(files):
    parts = batches.pieces(files[1], ["x"])
    assert len(batches.spread(parts, 300)) == 60
    assert batches.spread(parts, 10**6) == parts


def test_an_error_in_a_thread_reaches_the_caller(files):
    with pytest.raises(ZeroDivisionError):
        list(batches.each(batches.pieces(files, ["x"]), lambda batch: 1 / 0))


def test_no_rows_are_no_batches(tmp_path):
    pq.write_table(pq.read_table(_empty(tmp_path)), tmp_path / "again.parquet")
    for source in (tmp_path / "again.parquet", frame(0)):
        assert seen(batches.pieces(source, ["x"])) == []
        parts = batches.pieces(source, ["x"])
        assert batches.spread(parts, 10) == parts


def _empty(folder):
    frame(0).astype({"x": "int64", "text": "str"}).to_parquet(folder / "empty.parquet")
    return folder / "empty.parquet"
