"""Files are read as they are declared, and nothing is in a table that was not known yet."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.kit.sources import Files, Requests, SourceError, spread, typed

CSV = "when;id;amount;fine;paid\n31.12.2023 23:30;a;1,5;yes;ja\n01.01.2024 00:30;b;;no;nein\n"


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.csv").write_text(CSV, encoding="cp1252")
    kinds = {"id": "text", "amount": "number", "fine": "flag", "decided_at": "instant", "paid": "text"}
    return Files(
        "shop.csv",
        kinds,
        names={"decided_at": "when"},
        delimiter=";",
        decimal=",",
        encoding="cp1252",
        dates={"decided_at": "%d.%m.%Y %H:%M"},
        zone="Europe/Berlin",
    )


def test_a_file_is_read_by_its_own_signs_dates_and_zone(shop):
    rows = shop.read()
    assert [str(dtype) for dtype in rows.dtypes] == ["str", "float64", "bool", "datetime64[us, UTC]", "str"]
    assert rows["amount"].fillna(-1).tolist() == [1.5, -1]
    assert rows["fine"].tolist() == [True, False]
    assert [f"{one:%Y-%m-%d %H:%M}" for one in rows["decided_at"]] == ["2023-12-31 22:30", "2023-12-31 23:30"]


def test_a_label_is_there_from_the_instant_on_at_which_it_was_known(shop):
    source = Requests("shop", shop, ["id"], "paid", after=pd.Timedelta(days=1), positive="ja")
    since, until = pd.Timestamp("2023-12-01", tz="UTC"), pd.Timestamp("2024-02-01", tz="UTC")
    first = pd.Timestamp("2024-01-01T22:30", tz="UTC")
    tables = source.tables(since, until, first)
    assert source.requests(tables).columns.tolist() == ["id", "amount", "fine", "decided_at"]
    assert source.labels(tables, first)[["id", "label"]].to_dict("records") == [{"id": "a", "label": 1}]
    assert tables["shop"]["paid"].isna().tolist() == [False, True]
    later = source.tables(since, until, until)
    assert source.labels(later, until)["label"].tolist() == [1, 0]
    assert source.labels(later, first)["label"].tolist() == [1]


def test_parquet_keeps_its_own_types_whatever_wrote_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical(["x", "y"]),
            "code": [7.0, 8.0],
            "at": pd.to_datetime(["2024-05-01", "2024-05-02"]).astype("datetime64[ns]"),
        }
    )
    frame.to_parquet("some.parquet")
    rows = Files(
        "some.parquet", {"kind": "text", "code": "text", "at": "instant", "row": "whole"}, row="row"
    ).read()
    assert rows["kind"].tolist() == ["x", "y"]
    assert rows["code"].tolist() == ["7", "8"]
    assert str(rows["at"].dtype) == "datetime64[us, UTC]"
    assert rows["row"].tolist() == [0, 1]


def test_parts_of_a_folder_are_one_table_with_their_index_and_without_marks_of_their_writer(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").mkdir()
    for at in (2, 1):
        frame = pd.DataFrame({"n": [at]}, index=pd.Index([f"id{at}"], name="id"))
        frame.to_parquet(tmp_path / f"some/{at}.pq")
    (tmp_path / "some/_SUCCESS").touch()
    rows = Files("some/*", {"id": "text", "n": "whole"}).read()
    assert rows.to_dict("records") == [{"id": "id1", "n": 1}, {"id": "id2", "n": 2}]


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"amount": "whole"}, "column amount of shop.csv is not all whole"),
        ({"id": "number"}, "column id of shop.csv is not all number"),
        ({"id": "flag"}, "something other than true and false"),
        ({"nothing": "text"}, "has no column nothing"),
    ],
)
def test_what_is_not_as_declared_is_an_error_that_names_file_and_column(shop, kinds, said):
    with pytest.raises(SourceError, match=said):
        Files("shop.csv", kinds, delimiter=";", decimal=",").read()
    with pytest.raises(SourceError, match=r"no file at none\.csv"):
        Files("none.csv", kinds).read()


@given(st.lists(st.text(alphabet="abc", min_size=1), min_size=1, unique=True))
def test_rows_without_a_time_are_spread_by_their_key_alone(keys):
    both = pd.DataFrame({"id": pd.Series(keys, dtype="str")})
    found, turned = spread(both), spread(both.iloc[::-1])
    assert found.tolist() == turned.tolist()[::-1]
    assert found.between(pd.Timestamp("2000-01-01", tz="UTC"), pd.Timestamp("2000-04-10", tz="UTC")).all()


def test_a_local_hour_that_comes_twice_means_its_first_pass():
    found = typed("instant", pd.Series(["2024-10-27 02:30"]), zone="Europe/Berlin")
    assert f"{found[0]:%H:%M}" == "00:30"
