"""Files are read as they are declared, and nothing is in a table that was not known yet."""

import sqlite3
from dataclasses import replace

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.base.errors import mistake
from loop.kit.column_values import typed
from loop.kit.sources import Beside, Files, Query, Requests, SourceError, next_clock, spread

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
    for rows in (tables["shop"], source.requests(tables), source.labels(tables, first)):
        assert set(rows.select_dtypes("datetimetz").dtypes.astype("str")) == {"datetime64[us, UTC]"}
    later = source.tables(since, until, until)
    assert source.labels(later, until)["label"].tolist() == [1, 0]
    assert source.labels(later, first)["label"].tolist() == [1]


def whole(table) -> pd.DataFrame:
    """A table that comes in parts as one, in the order of one that does not."""
    assert not isinstance(table, pd.DataFrame)
    return pd.concat(table).sort_values(["decided_at", "id"], ignore_index=True)


@pytest.fixture
def in_files(shop, tmp_path):
    """The shop's rows in two files, the later ones first, with the number of each row."""
    head, *rows = CSV.splitlines()
    for name, row in zip("ba", rows, strict=True):
        (tmp_path / f"shop {name}.csv").write_text(f"{head}\n{row}\n", encoding="cp1252")
    kinds = {**shop.columns, "row": "whole"}
    return replace(shop, pattern="shop *.csv", columns=kinds, row="row")


def test_files_that_are_read_in_parts_hold_the_rows_of_all_of_them(in_files):
    parts = list(replace(in_files, in_parts=True).parts())
    assert [len(part) for part in parts] == [1, 1]
    pd.testing.assert_frame_equal(pd.concat(parts), in_files.read())


def test_a_source_in_parts_knows_what_the_whole_one_knows(in_files):
    for as_of in (AT[0], AT[4]):
        one, other = (
            Requests("shop", rows, ["id"], "paid", after=pd.Timedelta(days=1), positive="ja")
            for rows in (in_files, replace(in_files, in_parts=True))
        )
        span = pd.Timestamp("2023-12-01", tz="UTC"), pd.Timestamp("2024-02-01", tz="UTC"), as_of
        pd.testing.assert_frame_equal(whole(other.tables(*span)["shop"]), one.tables(*span)["shop"])


def test_a_table_beside_may_come_in_parts_and_so_may_what_a_function_gives():
    rain = pd.DataFrame({"place": ["a", "b"], "id": ["x", "y"], "decided_at": AT[:2]})
    beside = [Beside("rain", lambda: (rain, rain[:0]), ["place"], "decided_at")]
    requests = pd.DataFrame({"id": ["a"], "paid": [1.0], "decided_at": AT[:1]})
    source = Requests("shop", lambda: iter([requests]), ["id"], "paid", beside=beside)
    tables = source.tables(AT[0], AT[2], AT[2])
    assert whole(tables["rain"])["place"].tolist() == ["a", "b"]
    assert whole(tables["shop"])["id"].tolist() == ["a"]


def test_a_row_without_its_time_is_named_by_its_place_in_all_files(in_files, tmp_path):
    with (tmp_path / "shop b.csv").open("a") as file:
        file.write(";c;1;no;ja\n")
    source = Requests("shop", replace(in_files, in_parts=True), ["id"], "paid")
    with pytest.raises(SourceError, match="the first is row 3"):
        list(source.tables(AT[0], AT[2], AT[2])["shop"])


def test_a_row_without_its_time_is_said_and_not_gone_in_silence():
    rows = pd.DataFrame({"id": ["a", "b", "c"], "paid": 1.0, "decided_at": [AT[0], AT[1], pd.NaT]})
    source = Requests("shop", lambda: rows, ["id"], "paid", after=pd.Timedelta(days=1))
    with pytest.raises(SourceError, match="1 of 3 rows of shop have no decided_at; the first is row 3"):
        source.tables(AT[0], AT[3], AT[3])


def test_a_weight_comes_with_the_label_and_is_in_no_request(shop):
    rows = replace(shop, columns={**shop.columns, "amount": "number"})
    source = Requests("shop", rows, ["id"], "paid", positive="ja", weight="amount")
    span = pd.Timestamp("2023-12-01", tz="UTC"), pd.Timestamp("2024-02-01", tz="UTC")
    tables = source.tables(*span, span[1])
    assert source.requests(tables).columns.tolist() == ["id", "fine", "decided_at"]
    labels = source.labels(tables, span[1])
    assert labels.columns.tolist() == ["id", "label", "label_known_at", "row_weight"]
    assert labels["row_weight"].iloc[0] == 1.5


def test_a_clock_is_read_as_its_next_time_in_its_own_zone():
    start = pd.Series(pd.to_datetime(["2013-06-01T23:30Z", "2013-06-01T23:30Z", "2013-11-03T04:30Z"]))
    clock = pd.Series([105, 2000, 130])  # after midnight; same evening further west; the repeated hour
    zones = pd.Series(["America/New_York", "America/Los_Angeles", "America/New_York"])
    found = next_clock(start, clock, zones)
    expected = ["2013-06-02T05:05Z", "2013-06-02T03:00Z", "2013-11-03T05:30Z"]
    assert list(found) == [pd.Timestamp(text) for text in expected]


AT = [pd.Timestamp(f"2024-01-0{day}", tz="UTC") for day in range(1, 6)]


def test_a_request_may_come_before_its_time_and_what_lies_beside_it_is_known_after_its_own():
    """Trains of the 2nd to the 4th, announced a day before; a reading is known an hour later."""
    trains = pd.DataFrame(
        {"id": ["c", "b", "a"], "leaves": AT[3:0:-1], "came": [AT[4], AT[3], AT[2]], "delay": [9.0, 2.0, 7.0]}
    )
    readings = pd.DataFrame({"place": "x", "at": AT[:4], "rain": [1.0, 2.0, 3.0, 4.0]})
    source = Requests(
        "trains",
        lambda: trains,
        ["id"],
        "delay",
        positive=lambda delay: delay >= 5,
        time="leaves",
        lead=pd.Timedelta(days=1),
        known="came",
        beside=[Beside("rain", lambda: readings, ["place", "at"], "at", after=pd.Timedelta(hours=1))],
    )
    tables = source.tables(AT[0], AT[2], AT[2])  # decided on the 1st and 2nd, as known on the 3rd
    assert tables["trains"]["id"].tolist() == ["a", "b"]
    assert tables["trains"]["delay"].isna().tolist() == [False, True]
    assert tables["rain"]["rain"].tolist() == [1.0, 2.0]
    requests = source.requests(tables)
    assert requests.columns.tolist() == ["id", "leaves", "decided_at"]
    assert requests["decided_at"].tolist() == AT[:2]
    assert source.labels(tables, AT[4])[["id", "label"]].to_dict("list") == {"id": ["a"], "label": [1]}


def test_another_file_written_alike_holds_requests_and_needs_no_label(shop, tmp_path):
    source = Requests("shop", shop, ["id"], "paid", positive="ja")
    (tmp_path / "new.csv").write_text("id;fine;when;more;amount\nc;no;02.01.2024 09:00;?;2,5\n")
    found = source.of_file(tmp_path / "new.csv")
    assert found.to_dict("records") == [
        {"id": "c", "amount": 2.5, "fine": False, "decided_at": pd.Timestamp("2024-01-02T08:00Z")}
    ]
    assert source.unlabelled.needed == ["id", "amount", "fine", "when"]
    undated = Requests("shop", replace(shop, columns={"id": "text", "paid": "text"}), ["id"], "paid")
    assert undated.of_file(tmp_path / "new.csv")["decided_at"].tolist() == [spread(found[["id"]]).iloc[0]]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_time_may_be_in_several_columns_of_which_one_may_be_a_column_by_itself(tmp_path, kind):
    frame = pd.DataFrame({"year": [2024, 2024], "day": [1, 31], "month": [1.0, 12.0], "x": [1, 2]})
    getattr(frame.astype({"month": "int64"}) if kind == "csv" else frame, f"to_{kind}")(
        tmp_path / f"a.{kind}", index=False
    )
    found = Files(
        str(tmp_path / f"a.{kind}"),
        {"month": "whole", "decided_at": "instant"},
        joined={"decided_at": ["year", "month", "day"]},
        dates={"decided_at": "%Y %m %d"},
    )
    assert found.read()["month"].tolist() == [1, 12]
    assert [f"{at:%Y-%m-%d}" for at in found.read()["decided_at"]] == ["2024-01-01", "2024-12-31"]
    assert found.needed == ["month", "year", "day"]


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
    (tmp_path / "1.csv").write_text("n\n7\n")
    (tmp_path / "2.csv").touch()  # of a partition without rows
    assert Files("*.csv", {"n": "whole"}).read()["n"].tolist() == [7]
    with pytest.raises(SourceError, match=r"2\.csv is empty"):
        Files("2.csv", {"n": "whole"}).read()


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


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({}, r"shop\.csv cannot be read: .*Expected 2 fields in line 3, saw 4"),
        ({"encoding": "cp12"}, r"shop\.csv cannot be read: unknown encoding: cp12"),
        ({"delimiter": ""}, r"shop\.csv cannot be read"),
        ({"columns": {"at": "instant"}, "zone": "Mars/North"}, "column at of .* is not all instant"),
    ],
    ids=str,
)
def test_whatever_a_library_says_of_rows_and_their_declaration_is_one_message(
    tmp_path, monkeypatch, declared, said
):
    monkeypatch.chdir(tmp_path)
    text = "at,n\n2024-01-01 10:00,1\n" + ("" if "columns" in declared else "2024,1,2,3\n")
    (tmp_path / "shop.csv").write_text(text)
    with pytest.raises(SourceError, match=said) as refused:
        Files("shop.csv", **{"columns": {"n": "whole"}, **declared}).read()
    assert mistake(refused.value).expected == "rows as src/problem/source.py declares them"


def test_a_broken_parquet_is_one_message(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in (b"", b"PAR1", b"PAR1 and so on PAR1"):
        (tmp_path / "shop.parquet").write_bytes(text)
        with pytest.raises(SourceError, match=r"shop\.parquet cannot be read"):
            Files("shop.parquet", {"n": "whole"}).read()


def test_numbers_are_read_in_the_form_that_is_declared_and_in_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some.csv").write_text('price,share\n"$1,200.5",12 %\n-$7,\n')
    kinds = {"price": "number", "share": "number"}
    rows = Files("some.csv", kinds, forms={"price": "$#,###.#", "share": "# %"}).read()
    assert rows["price"].tolist() == [1200.5, -7]
    assert rows["share"].fillna(-1).tolist() == [12, -1]
    with pytest.raises(SourceError, match=r"column share .*'12 %' is not written as '# kg'"):
        Files("some.csv", {"share": "number"}, forms={"share": "# kg"}).read()
    with pytest.raises(SourceError, match="'%' is no form such as"):
        Files("some.csv", {"share": "number"}, forms={"share": "%"}).read()


@given(st.lists(st.text(alphabet="abc", min_size=1), min_size=1, unique=True))
def test_rows_without_a_time_are_spread_by_their_key_alone(keys):
    both = pd.DataFrame({"id": pd.Series(keys, dtype="str")})
    found, turned = spread(both), spread(both.iloc[::-1])
    assert found.tolist() == turned.tolist()[::-1]
    assert found.between(pd.Timestamp("2000-01-01", tz="UTC"), pd.Timestamp("2000-04-10", tz="UTC")).all()


@pytest.mark.parametrize("log", ["_delta_log", ".hoodie"])
def test_files_of_which_a_log_says_which_count_are_not_read_all_the_same(shop, log, tmp_path):
    (tmp_path / log).mkdir()
    with pytest.raises(SourceError, match="rows that were replaced lie there too"):
        shop.read()


def test_a_local_hour_that_comes_twice_means_its_first_pass():
    found = typed("instant", pd.Series(["2024-10-27 02:30"]), zone="Europe/Berlin")
    assert f"{found[0]:%H:%M}" == "00:30"


ROWS = pd.DataFrame(
    {
        "no": [3, 1, 2, 4],
        "price": ["1,5", "2,0", None, "4,0"],
        "open": [1, 0, 1, 0],
        "made": pd.to_datetime(
            ["2024-03-01 00:30", "2024-01-01 00:00", "2024-02-01 00:00", "2024-04-01 00:00"]
        ),
    }
)
KINDS = {"no": "whole", "price": "number", "open": "flag", "decided_at": "instant"}


@pytest.fixture(params=["sqlite", "duckdb"])
def database(request, tmp_path, monkeypatch):
    """The address of a database with a table `sales` and a view of what was sold until March."""
    monkeypatch.chdir(tmp_path)
    view = "CREATE VIEW early AS SELECT * FROM sales WHERE no < 4"
    if request.param == "sqlite":
        engine = sqlite3.connect("shop.db")
        ROWS.to_sql("sales", engine, index=False)
        engine.execute(view)
        engine.commit()
    else:
        engine = duckdb.connect("shop.db")
        engine.register("rows", ROWS)
        engine.execute("CREATE TABLE sales AS SELECT * FROM rows")
        engine.execute(view)
    engine.close()
    return f"{request.param}://shop.db"


def query(database: str, table: str = "early") -> Query:
    return Query(database, table, KINDS, names={"decided_at": "made"}, decimal=",", zone="Europe/Berlin")


def test_a_view_of_a_database_is_read_as_a_file_is(database):
    rows = query(database).read()
    assert [str(dtype) for dtype in rows.dtypes] == ["int64", "float64", "bool", "datetime64[us, UTC]"]
    assert rows["price"].fillna(-1).tolist() == [1.5, 2, -1]
    assert rows["open"].tolist() == [True, False, True]
    assert f"{rows['decided_at'][0]:%Y-%m-%d %H:%M}" == "2024-02-29 23:30"


def test_a_select_is_read_too_and_nothing_is_written_to_the_database(database, tmp_path):
    before = (tmp_path / "shop.db").read_bytes()
    assert query(database, "SELECT * FROM sales WHERE no > 2;").read()["no"].tolist() == [3, 4]
    assert (tmp_path / "shop.db").read_bytes() == before


def test_requests_of_a_database_are_those_of_the_window_in_the_order_of_their_time(database):
    source = Requests("sales", query(database, "sales"), ["no"], "price", after=pd.Timedelta(days=1))
    since, until = pd.Timestamp("2024-01-15", tz="UTC"), pd.Timestamp("2024-03-15", tz="UTC")
    (found,) = source.tables(since, until, pd.Timestamp("2024-02-29 23:45", tz="UTC")).values()
    assert found["no"].tolist() == [2, 3]
    assert found["price"].isna().all()  # of the first it was never known, of the other not yet


def test_only_rows_about_the_window_are_fetched_where_the_time_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with duckdb.connect("shop.db") as engine:
        engine.register("rows", ROWS)
        engine.execute("CREATE TABLE sales AS SELECT * FROM rows")
    since, until = pd.Timestamp("2024-02-02", tz="UTC"), pd.Timestamp("2024-02-29", tz="UTC")
    assert query("duckdb://shop.db", "sales").read(since, until)["no"].tolist() == [3, 2]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("nothing", "there is no such table or view"),
        ("SELECT x FROM nothing", "nothing"),
        ("SELECT no FROM sales", "it has no column price, open, made, but no"),
        ("SELECT no, 'a' AS price, open, made FROM sales", "column price of .* is not all number"),
    ],
)
def test_what_a_database_does_not_have_is_said(database, table, said):
    with pytest.raises(SourceError, match=said):
        query(database, table).read()


def test_a_database_that_is_not_there_is_not_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for address in ("sqlite://none.db", "duckdb://none.db"):
        with pytest.raises(SourceError, match=r"there is no file none\.db"):
            query(address).read()
    assert not list(tmp_path.iterdir())


def test_a_secret_comes_from_the_environment_and_is_in_no_message(database, monkeypatch):
    monkeypatch.setenv("SHOP", database)
    assert len(query("${SHOP}").read()) == 3
    for address in ("postgres://ann:geheim@127.0.0.1:1/shop", "odd://ann:geheim@host/shop"):
        monkeypatch.setenv("SHOP", address)
        with pytest.raises(SourceError, match="cannot be read") as refused:
            query("${SHOP}").read()
        assert "geheim" not in str(refused.value)
        with pytest.raises(SourceError, match="cannot be read") as refused:
            query(address).read()
        assert "geheim" not in str(refused.value)
    monkeypatch.delenv("SHOP")
    with pytest.raises(SourceError, match="needs SHOP, which the environment does not have"):
        query("${SHOP}").read()


def test_counts_since_1970_are_instants_in_utc():
    at = pd.to_datetime(["2024-03-01T12:00:00.25Z", "2031-01-01T00:00Z"], format="ISO8601")
    for unit, per_second in {"seconds": 1, "milliseconds": 1000, "microseconds": 10**6}.items():
        counts = pd.Series(at.as_unit("us").astype("int64") / 10**6 * per_second)
        found = typed("instant", counts, dates=f"{unit} since 1970")
        assert found.tolist() == at.tolist()
        assert typed("instant", counts.map("{:f}".format), dates=f"{unit} since 1970").tolist() == at.tolist()


def test_rows_of_one_group_lie_in_one_window(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = pd.DataFrame({"visit": range(60), "patient": [one % 7 for one in range(60)], "ill": [0, 1] * 30})
    rows.to_csv("visits.csv", index=False)
    files = Files("visits.csv", {"visit": "whole", "patient": "whole", "ill": "number"})
    far = pd.Timestamp("2000-12-31", tz="UTC")
    for group, times in (((), 60), (("patient",), 7)):
        table = Requests("visits", files, ["visit"], "ill", group=group)
        found = table.tables(pd.Timestamp(0, tz="UTC"), far, far)["visits"]
        assert found["decided_at"].nunique() == times


FAR = 2**53 + 1  # which no float is


@pytest.mark.parametrize(
    "values",
    [pd.Series([FAR, -FAR]), pd.Series([FAR, -FAR], dtype="Int64"), pd.Series([f"{FAR}", f"-{FAR}"])],
    ids=["int64", "Int64", "texts"],
)
def test_a_whole_number_is_the_one_that_is_stored_however_large(values):
    assert typed("whole", values).tolist() == [FAR, -FAR]


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("whole", pd.Series([2**64 - 1], dtype="uint64"), "64 bits"),
        ("whole", pd.Series([float(FAR)]), "kept as a float"),
        ("whole", pd.Series([f"{FAR}", "5.0"]), "kept as a float"),
        ("text", pd.Series([float(FAR), None]), "kept as a float"),  # of whole numbers with one missing
        ("number", pd.Series([1.0, float("inf")]), "infinite"),
        ("whole", pd.Series([1.0, float("-inf")]), "infinite"),
    ],
)
def test_a_number_that_would_become_another_one_is_refused(kind, values, said):
    with pytest.raises(ValueError, match=said):
        typed(kind, values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,amount,id\na,1,b\n", "more than one column id"),
        ("id, amount,amount \na,1,2\n", "more than one column amount"),
        ("id,amount\na,1,2\nb,3,4\n", "more values than the header"),
    ],
)
def test_a_value_without_one_name_is_refused_and_not_taken_for_another_columns(
    tmp_path, monkeypatch, text, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(SourceError, match=f"rows.csv.*{said}"):
        Files("rows.csv", {"id": "text", "amount": "number"}).read()


def test_a_column_that_nobody_asks_for_may_be_there_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("\nid,,,more,more\na,1,2,3,4\n")
    assert Files("rows.csv", {"id": "text"}).read()["id"].tolist() == ["a"]
