"""ingest cuts tables by month, so that a new month leaves the files of the others as they were."""

import pandas as pd

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
