"""A file's values are those of a request; what could mean two things is refused with the way out."""

import json
import os
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.base.errors import LoopError, UsageError
from loop.data import columns
from loop.data.contract import ContractError
from loop.serve import request_file
from loop.serve.request import Contract, RefusedError

TIME = "datetime64[us, UTC]"
REFUSED = "refused"
COLUMNS = {
    kind: pandera.Column(kind, nullable=kind in ("Int64", "boolean"))
    for kind in ("int64", "int32", "uint8", "Int64", "float64", "float32", "bool", "boolean", "str", TIME)
} | {
    "float64 or null": pandera.Column("float64", nullable=True),
    "str or null": pandera.Column("str", nullable=True),
    f"{TIME} or null": pandera.Column(TIME, nullable=True),
}
NOON = datetime(2013, 6, 3, 12, tzinfo=UTC)
VALUES = [
    *[None, True, False, 0, 1, -1, 255, 256, 2**31 - 1, 2**31, 2**53, 2**63 - 1],
    *[0.0, -0.5, 5215.0, 2.0**53, 2.0**54, 1e300, 1e-300, float("nan"), float("inf"), float("-inf")],
    *["", " ", "EV", "EV ", "\u200bEV", "null", "NA", "nan", "0x1F", "007", "\u0661\u0662", "1,000", 'a;"x"'],
    *["2013-06-03T12:00:00Z", "2013-06-03 12:00:00+02:00", "2013-06-03T12:00:00.123456Z"],
    *["2013-06-03T12:00:00", "2013-06-03", "2013-02-30T00:00Z", "1899-12-31T23:59Z", "2262-01-01T00:00Z"],
    *["2013-06-03T12:00:00.1234567Z", "\u0662\u0660\u0661\u0663-06-03T12:00Z", "2013-06-03T24:00Z"],
    *["0001-01-01T00:00+05:00", "9999-12-31T23:59-05:00"],  # in UTC of no year that there is
    *["1370219100", "2013-06-03T12:00:00.1234560Z", "2013-06-03T12:00Z\n", "12\n"],
]


def by_json(column: pandera.Column, text: str) -> object:
    """What a request takes of `{"x": text}`."""
    made = Contract(10, pandera.DataFrameSchema({"x": column}))
    try:
        return plain(made.columns(made.read(b'{"x": %b}' % text.encode())[0], NOON)["x"])
    except RefusedError:
        return REFUSED


def by_file(path: Path, column: pandera.Column, zone: str | None = None) -> object:
    column = pandera.Column(column.dtype, nullable=column.nullable, name="x")
    try:
        (found,) = request_file.read(path, zone).batches({"x": column})
    except LoopError:
        return REFUSED
    return plain(found["x"])


def by_parquet(folder: Path, column: pandera.Column, values: pa.Array, zone: str | None = None) -> object:
    path = folder / "x.parquet"
    pq.write_table(pa.table({"x": values}), path)
    return by_file(path, column, zone)


def by_csv(folder: Path, column: pandera.Column, text: str | None, zone: str | None = None) -> object:
    path = folder / "x.csv"
    cell = "" if text is None else '"{}"'.format(text.replace('"', '""'))
    path.write_bytes(f"x,y\n{cell},\n".encode())
    return by_file(path, column, zone)


def plain(found: np.ndarray) -> tuple[str, str]:
    return str(found.dtype), repr(found[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("values")


@pytest.mark.parametrize("value", VALUES, ids=ascii)
@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_a_value_is_taken_or_refused_alike_as_json_parquet_and_csv(folder, column, value):
    expected = by_json(column, json.dumps(value))
    assert by_parquet(folder, column, pa.array([value])) == expected
    kind = columns.plain(column)
    if isinstance(value, str) and kind in (int, float, bool):
        assert expected == REFUSED
        expected = by_json(column, value or "null") if value.strip() == value != "null" else REFUSED
    elif kind is str and not isinstance(value, str | None):
        return  # in a CSV it would be a text
    elif kind is datetime and value == "":
        expected = by_json(column, "null")
    assert by_csv(folder, column, value if value is None else str(value)) == expected


NUMBERS = (
    st.from_regex(r"-?[0-9+._,eExXnN]{0,12}", fullmatch=True) | st.floats().map(repr) | st.integers().map(str)
)


@given(NUMBERS, st.sampled_from(["int64", "uint8", "float64"]))
def test_a_number_in_a_csv_is_what_json_calls_one(folder, text, kind):
    column = COLUMNS[kind]
    assert by_csv(folder, column, text) == by_json(column, text or "null")


UTC_TIMES = pa.timestamp("us", "UTC")
TAKEN = {  # what a Parquet may hold a value as, the column, and the JSON that says the same
    "a large text": (pa.array(["EV"], pa.large_string()), "str", '"EV"'),
    "a view of a text": (pa.array(["EV"], pa.string_view()), "str", '"EV"'),
    "a category": (pa.array(["EV"]).dictionary_encode(), "str", '"EV"'),
    "a category of numbers": (pa.array([5]).dictionary_encode(), "int64", "5"),
    "a small number": (pa.array([5], pa.int8()), "int64", "5"),
    "a number without a sign": (pa.array([2**63 - 1], pa.uint64()), "int64", str(2**63 - 1)),
    "a whole float": (pa.array([5.0], pa.float32()), "Int64", "5"),
    "a half float": (pa.array(np.array([0.5], np.float16)), "float64", "0.5"),
    "a half float that is whole": (pa.array(np.array([198], np.float16)), "int64", "198"),
    "a whole number for a float": (pa.array([2**53 + 1]), "float64", str(2**53 + 1)),
    "a decimal": (pa.array([Decimal("1.25")]), "float64", "1.25"),
    "a small decimal": (pa.array([Decimal("1.25")], pa.decimal32(5, 2)), "float64", "1.25"),
    "a whole decimal of 64 bits": (pa.array([Decimal("5.00")], pa.decimal64(9, 2)), "int64", "5"),
    "a whole decimal": (pa.array([Decimal("5.00")]), "int64", "5"),
    "nothing but nulls": (pa.nulls(1), "Int64", "null"),
    "a time in seconds": (pa.array([NOON], pa.timestamp("s", "UTC")), TIME, '"2013-06-03T12:00Z"'),
    "a time in nanoseconds": (pa.array([NOON], pa.timestamp("ns", "UTC")), TIME, '"2013-06-03T12:00Z"'),
    **{
        f"a time shown in {zone}": (pa.array([NOON], pa.timestamp("us", zone)), TIME, '"2013-06-03T12:00Z"')
        for zone in ("Etc/UTC", "GMT", "+00:00", "Europe/London", "America/New_York", "-03:30", "No/Where")
    },
}
NOT_TAKEN = {  # and what it may not be
    "a text for a number": (pa.array(["5"]), "int64"),
    "a number for a text": (pa.array([5]), "str"),
    "a number for a truth": (pa.array([1]), "bool"),
    "a truth for a number": (pa.array([True]), "float64"),
    "a number beyond its type": (pa.array([2**63], pa.uint64()), "int64"),
    "a broken decimal": (pa.array([Decimal("1.25")]), "int64"),
    "bytes": (pa.array([b"EV"]), "str"),
    "a list": (pa.array([["EV"]]), "str"),
    "fields": (pa.array([{"y": 1}]), "int64"),
    "a day for a text": (pa.array([date(2013, 6, 3)]), "str"),
    "a day for a time": (pa.array([date(2013, 6, 3)]), TIME),
    "a clock": (pa.array([time(12)]), TIME),
    "a duration": (pa.array([timedelta(1)]), "int64"),
    "seconds for a time": (pa.array([1370219100]), TIME),
    "a time for a number": (pa.array([NOON], UTC_TIMES), "int64"),
    "a time without a zone": (pa.array([NOON], pa.timestamp("us")), TIME),
    "a time too exact": (pa.array([1370260800000000001], pa.timestamp("ns", "UTC")), TIME),
    "a time before all times": (pa.array([-(2**62)], pa.timestamp("ms", "UTC")), TIME),
    "a time after all times": (pa.array([2**62], pa.timestamp("us", "UTC")), TIME),
    "no number": (pa.array([np.nan]), "float64 or null"),
}


@pytest.mark.parametrize(("held", "column", "text"), TAKEN.values(), ids=TAKEN)
def test_a_type_that_says_the_same_is_taken_as_json_is(folder, held, column, text):
    assert by_parquet(folder, COLUMNS[column], held) == by_json(COLUMNS[column], text) != REFUSED


@pytest.mark.parametrize(("held", "column"), NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_a_type_that_says_something_else_is_refused_with_what_was_found(folder, held, column):
    pq.write_table(pa.table({"x": held}), folder / "x.parquet")
    asked = pandera.Column(COLUMNS[column].dtype, nullable=COLUMNS[column].nullable, name="x")
    with pytest.raises(ContractError) as refused:
        list(request_file.read(folder / "x.parquet").batches({"x": asked}))
    (breach,) = refused.value.breaches
    assert (breach.column, breach.rows) == ("x", 1)
    found = pq.read_schema(folder / "x.parquet").field("x").type
    assert breach.examples[0] == f"found {found}"


def test_a_view_of_a_text_that_is_no_number_is_named(folder):
    pq.write_table(pa.table({"x": pa.array(["5", "five"], pa.string_view())}), folder / "x.parquet")
    with pytest.raises(ContractError, match="five"):
        list(request_file.read(folder / "x.parquet").batches({"x": pandera.Column("int64", name="x")}))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()], ids=str)
def test_texts_of_another_encoding_in_a_parquet_are_refused_with_their_file(folder, kind):
    latin1 = pa.array(["Köln".encode("latin-1")]).cast(kind, safe=False)
    pq.write_table(pa.table({"x": latin1}), folder / "x.parquet")
    with pytest.raises(LoopError, match=r"x\.parquet cannot be read: .*UTF8") as refused:
        list(request_file.read(folder / "x.parquet").batches({"x": pandera.Column("str", name="x")}))
    assert "CSV" not in str(refused.value)


LOCAL = pa.array([datetime(2013, 6, 3, 12)], pa.timestamp("ns"))


ELSEWHERE = [("UTC", "12:00Z"), ("Europe/London", "11:00Z"), ("Asia/Kolkata", "06:30Z")]


@pytest.mark.parametrize(("zone", "utc"), ELSEWHERE)
def test_the_zone_of_times_that_name_none_may_be_given(folder, zone, utc):
    expected = by_json(COLUMNS[TIME], f'"2013-06-03T{utc}"')
    assert by_parquet(folder, COLUMNS[TIME], LOCAL, zone) == expected
    assert by_csv(folder, COLUMNS[TIME], "2013-06-03T12:00", zone) == expected
    assert by_csv(folder, COLUMNS[TIME], "2013-06-03 12:00:00.000", zone) == expected
    noon = by_json(COLUMNS[TIME], '"2013-06-03T12:00Z"')
    assert by_csv(folder, COLUMNS[TIME], "2013-06-03T12:00Z", zone) == noon


@pytest.mark.parametrize("text", ["2013-10-27T01:30", "2013-03-31T01:30"], ids=["twice", "never"])
def test_a_local_time_that_there_is_twice_or_never_is_no_guess(folder, text):
    held = pa.array([datetime.fromisoformat(text)], pa.timestamp("us"))
    assert by_csv(folder, COLUMNS[TIME], text, "Europe/London") == REFUSED
    assert by_parquet(folder, COLUMNS[TIME], held, "Europe/London") == REFUSED
    assert by_csv(folder, COLUMNS[TIME], f"{text}+01:00", "Europe/London") != REFUSED


def test_a_time_of_spark_and_impala_is_one_without_a_zone(folder):
    def as_int96(year: int) -> pa.Table:
        path = folder / "x.parquet"
        table = pa.table({"x": pa.array([datetime(year, 6, 3, 12)], pa.timestamp("us"))})
        pq.write_table(table, path, use_deprecated_int96_timestamps=True)
        return path

    assert by_file(as_int96(2013), COLUMNS[TIME]) == REFUSED
    assert by_file(as_int96(2013), COLUMNS[TIME], "UTC") == by_json(COLUMNS[TIME], '"2013-06-03T12:00Z"')
    assert by_file(as_int96(2600), COLUMNS[TIME], "UTC") == REFUSED  # in nanoseconds it would be of 2015


XY = {name: pandera.Column(kind, name=name) for name, kind in (("x", "int64"), ("y", "str"))}


def read(path: Path, **options: str) -> dict[str, list[object]]:
    found = list(request_file.read(path, **options).batches(XY))
    return {name: [value for some in found for value in some[name].tolist()] for name in XY}


FRAME = pd.DataFrame({"x": [7, 2, 9], "y": ["a", "b", "c"], "z": 0.5})
SAME = {"x": [7, 2, 9], "y": ["a", "b", "c"]}


@pytest.mark.parametrize("index", [["x"], ["x", "y"], ["z"], ["y", "x", "z"]], ids=str)
def test_an_index_of_pandas_is_a_column_like_any_other(tmp_path, index):
    FRAME.set_index(index).to_parquet(tmp_path / "x.parquet")
    assert read(tmp_path / "x.parquet") == SAME


def test_an_index_that_pandas_did_not_write_as_values_is_missing(tmp_path):
    FRAME.assign(x=[1, 2, 3]).set_index("x").to_parquet(tmp_path / "x.parquet")
    with pytest.raises(LoopError, match=r"lacks x[^$]*reset_index"):
        read(tmp_path / "x.parquet")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_separator_is_refused_with_the_way_out_and_then_taken(tmp_path, delimiter):
    FRAME.to_csv(tmp_path / "x.csv", sep=delimiter, index=False)
    option = "tab" if delimiter == "\t" else delimiter
    with pytest.raises(LoopError, match="--delimiter") as refused:
        read(tmp_path / "x.csv")
    assert option in refused.value.todo
    for given_as in (option, delimiter):
        assert read(tmp_path / "x.csv", delimiter=given_as) == SAME


@pytest.mark.parametrize("delimiter", ["é", "", ";;", '"', "\x01"])
def test_what_separates_no_columns_is_refused_with_what_does(tmp_path, delimiter):
    FRAME.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(UsageError, match="cannot separate columns") as refused:
        read(tmp_path / "x.csv", delimiter=delimiter)
    assert "one sign of ASCII" in refused.value.expected


def test_a_file_is_known_by_what_it_is_however_its_name_is_written(tmp_path):
    FRAME.to_csv(tmp_path / "x.CSV", index=False)
    assert read(tmp_path / "x.CSV") == SAME
    (tmp_path / "named.csv").write_bytes(b"PAR1\x15")
    with pytest.raises(LoopError, match=r"named\.csv is Parquet"):
        read(tmp_path / "named.csv")
    (tmp_path / "x.csv.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(LoopError) as refused:
        read(tmp_path / "x.csv.gz")
    assert refused.value.todo.startswith("unpack it first")


def test_a_pipe_is_refused_before_anybody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(LoopError, match="no regular file"):
        read(tmp_path / "x.csv")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line", ["sep={}\n", "\ufeffsep={}\r\n", '"sep={}"\n', "SEP={}\n"])
def test_a_line_by_which_excel_knows_the_separator_is_followed_and_is_no_header(tmp_path, delimiter, line):
    (tmp_path / "x.csv").write_text(line.format(delimiter) + FRAME.to_csv(sep=delimiter, index=False))
    assert read(tmp_path / "x.csv") == SAME
    assert read(tmp_path / "x.csv", delimiter=delimiter) == SAME


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"sep=;\nx,y\n1,a\n", "--delimiter ','"),
        ("x,y\n1,a\n".encode("utf-16"), "UTF-16"),
        ("x,y\n1,a\n".encode("utf-16-le"), "UTF-16"),
        ("x,y\n1,a\n".encode("utf-32"), "UTF-32"),
        ("x,y,año\n1,a,1\n".encode("latin-1"), "0xf1"),
        ("x,y\n1,ñ\n".encode("latin-1"), "0xf1"),
        (("x,y\n" + "1,a\n" * 50_000 + "1,ñ\n").encode("latin-1"), "x y.csv'` with"),
        (b"PK\x03\x04\x14\x00\x06\x00", "spreadsheet"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        *[(begun, "unpack it first") for begun in (b"\x28\xb5\x2f\xfd\x04", b"\xfd7zXZ\0", b"BZh91AY&SY")],
        (b"x,y\n1,a\0\n", "zero bytes"),
        (b"x,y\n1,a\n2\n", "Expected 2 columns"),
        *[(blank, "is empty") for blank in (b"", b"\n\n", b" \n", b"\xef\xbb\xbf")],
        *[(made + end, "is JSON") for made in (b'{"x": 1, "y": 2}', b'[\n{"x": 1}]') for end in (b"", b"\n")],
        (b"<html><body>503</body></html>", "is a page"),
        (b"\xef\xbb\xbf \n<?xml version='1.0'?>\n", "is a page"),
        (b"x", "lacks y"),
        (b"sep=;\nx", "lacks y"),
        (b"x,x,y\n1,2,a\n", "more than one column x"),
        (b"X,y\n1,a\n", "rename 'X' to x"),
        (" x,\u200by\n1,a\n".encode(), r"rename ' x' to x, '\u200by' to y"),
        (b"z,y\n1,a\n", "lacks x"),
        (b"x,y\n0x1F,a\n", "0x1F"),
        (b"x,y\n 5,a\n", "' 5'"),
        (b"x,y\n,a\n", "not null"),
    ],
    ids=str,
)
def test_a_csv_that_is_another_thing_is_refused_in_one_message(tmp_path, data, found):
    (tmp_path / "x y.csv").write_bytes(data)
    with pytest.raises(LoopError) as refused:
        read(tmp_path / "x y.csv")
    assert found in str(refused.value)
    assert refused.value.todo


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfx,y\n1,a\n",
        b'"x","y"\r\n"1","a"\r\n',
        b"y,z,x\na,\xf1,1\n".replace(b"\xf1", "ñ".encode()),
        b'note,x,y\n"one\nor two",1,a\n',
        b"z,z,x,y\n1,2,1,a\n",
    ],
    ids=[
        "a mark",
        "quotes and line ends of Windows",
        "another order",
        "a line end in a cell",
        "others twice",
    ],
)
def test_what_a_csv_may_be_too(tmp_path, data):
    (tmp_path / "x.csv").write_bytes(data)
    assert read(tmp_path / "x.csv") == {"x": [1], "y": ["a"]}


def test_a_parquet_with_a_column_twice_is_refused(tmp_path):
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array(["a"])], ["x", "x", "y"])
    pq.write_table(twice, tmp_path / "x.parquet")
    with pytest.raises(LoopError, match="more than one column x"):
        read(tmp_path / "x.parquet")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_folder_of_parts_is_one_file(tmp_path, kind):
    folder = tmp_path / "requests"
    folder.mkdir()
    for at in range(3):
        part, path = FRAME.iloc[[at]], folder / f"part-0000{at}.{kind}"
        part.to_parquet(path) if kind == "parquet" else part.to_csv(path, index=False)
    (folder / "_SUCCESS").touch()
    (folder / f".part-00000.{kind}.crc").write_bytes(b"crc")
    assert read(folder) == SAME
    FRAME.iloc[:0].to_parquet(folder / f"part-7.{kind}") if kind == "parquet" else (
        folder / f"part-7.{kind}"
    ).write_text("x,y")
    assert read(folder) == SAME
    (folder / f"x=1.{kind}").mkdir()
    with pytest.raises(LoopError, match="a folder of folders"):
        read(folder)


def test_a_part_of_no_byte_is_left_out_and_said_unless_it_is_parquet_or_all_are_so(tmp_path, capsys):
    """Spark leaves one for a partition without rows; a Parquet file has columns even then."""
    (tmp_path / "part-0.csv").touch()
    with pytest.raises(LoopError, match=r"part-0\.csv is empty"):
        read(tmp_path)
    FRAME.to_csv(tmp_path / "part-1.csv", index=False)
    assert read(tmp_path) == SAME
    assert "part-0.csv has no byte" in capsys.readouterr().out
    (tmp_path / "of-parquet").mkdir()
    FRAME.to_parquet(tmp_path / "of-parquet/part-0.parquet")
    (tmp_path / "of-parquet/part-1.parquet").touch()
    with pytest.raises(LoopError, match=r"part-1\.parquet cannot be read"):
        read(tmp_path / "of-parquet")


@pytest.mark.parametrize("log", ["_delta_log", ".hoodie"])
def test_a_table_whose_log_says_which_parts_count_is_no_folder_of_parts(tmp_path, log):
    """Rows that were deleted, or replaced by later ones, would be scored with the others."""
    FRAME.to_parquet(tmp_path / "a.parquet")
    (tmp_path / log).mkdir()
    with pytest.raises(LoopError, match="rows that were replaced"):
        read(tmp_path)


def test_parts_that_differ_and_folders_of_nothing_are_refused(tmp_path):
    with pytest.raises(LoopError, match="an empty folder"):
        read(tmp_path)
    FRAME.to_parquet(tmp_path / "a.parquet")
    FRAME[["x"]].to_parquet(tmp_path / "b.parquet")
    with pytest.raises(LoopError, match=r"b\.parquet lacks y"):
        read(tmp_path)
    FRAME.to_csv(tmp_path / "b.csv")
    with pytest.raises(LoopError, match=r"several kinds: \.csv, \.parquet"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zone": "Europe/Lndon"}, "Europe/London"),
        ({"zone": "/etc/passwd"}, "no time zone"),
        ({"zone": ".."}, "no time zone"),
        ({"zone": "localtime"}, "no time zone"),  # of the machine
        ({"zone": "right/UTC"}, "did you mean `"),  # leap seconds would be lost in silence
        ({"delimiter": ";;"}, "one sign"),
        ({"delimiter": '"'}, "one sign"),
    ],
    ids=str,
)
def test_an_option_that_says_nothing_is_refused(tmp_path, options, message):
    FRAME.to_csv(tmp_path / "x.csv")
    with pytest.raises(UsageError, match=message):
        read(tmp_path / "x.csv", **options)


def one_text_for_each_row(path: Path, text: pa.Scalar, rows: int, said: pa.DataType) -> None:
    """A file of few kilobytes that says of its column what another writer would."""
    coded = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text.as_py()]))
    pq.write_table(pa.table({"x": pa.array([], said)}), path)
    as_said = pq.read_metadata(path).metadata[b"ARROW:schema"].decode()
    schema = pa.schema({"x": coded.type})
    with pq.ParquetWriter(path, schema, compression="zstd", store_schema=False) as file:
        file.write_table(pa.table({"x": coded}))
        file.add_key_value_metadata({"ARROW:schema": as_said})
    assert pq.read_schema(path).field("x").type == said
    assert path.stat().st_size < 5000


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_a_text_that_a_parquet_file_holds_once_for_each_row_is_read_in_parts(tmp_path, kind):
    """It stands for 600 MB, and no batch holds more than is allowed."""
    text, rows = "x" * 30_000, 20_000
    path = tmp_path / "in.parquet"
    one_text_for_each_row(path, pa.scalar(text), rows, kind)
    read = request_file.read(path).batches({"x": pandera.Column("str", name="x")})
    sizes = [len(batch["x"]) for batch in read]
    assert sum(sizes) == rows
    assert max(sizes) * len(text) <= request_file.LARGEST


def test_bytes_lists_and_records_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    path, column = tmp_path / "in.parquet", {"x": pandera.Column("str", name="x")}
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("unpacked"))
    one_text_for_each_row(path, pa.scalar(b"x" * 30_000), 20_000, pa.binary())
    with pytest.raises(ContractError, match="found binary"):
        list(request_file.read(path).batches(column))
    for held in (pa.array([[0] * 10**6]), pa.array([{"y": [0] * 10**6}])):
        pq.write_table(pa.table({"x": held}), path)
        with pytest.raises(ContractError, match="found"):
            list(request_file.read(path).batches(column))


def test_a_row_larger_than_a_batch_may_be_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(request_file, "LARGEST", 1000)
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"x": ["x" * 500, "x" * 1001]}), path)
    with pytest.raises(LoopError, match="holds a row of 1,001 bytes"):
        list(request_file.read(path).batches({"x": pandera.Column("str", name="x")}))


def test_a_parquet_file_whose_counts_contradict_each_other_loses_no_row_in_silence(tmp_path):
    """One byte, of the footer or of a page, says 104 where there are 1,000."""
    path, column = tmp_path / "in.parquet", {"x": pandera.Column("int64", name="x")}
    pq.write_table(pa.table({"x": range(1000)}), path)
    whole, count = path.read_bytes(), b"\xd0\x0f"  # 1,000, as Parquet writes it
    places = [at for at in range(len(whole)) if whole.startswith(count, at)]
    refused = 0
    for at in places:
        path.write_bytes(whole[: at + 1] + b"\x01" + whole[at + 2 :])
        try:
            assert sum(len(batch["x"]) for batch in request_file.read(path).batches(column)) == 1000
        except LoopError:
            refused += 1
    assert refused
