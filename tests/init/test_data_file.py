"""A file is read in whatever way it is written, or refused with what was found and the way out."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.base.errors import LoopError
from loop.init import data_file
from loop.kit.sources import Files

ROWS = "when,amount\n2024-01-01,1.5\n2024-01-02,2.5\n"


def written(folder, text, name="some rows, für uns.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_an_encoding_is_told_by_the_bytes(tmp_path, encoding):
    found = data_file.read(written(tmp_path, "Straße,n\nü,1\n", encoding=encoding))
    assert found.frame.to_dict("records") == [{"straße": "ü", "n": "1"}]
    again = pd.read_csv(found.path, encoding=found.encoding, sep=found.delimiter)
    assert again.columns.tolist() == ["Straße", "n"]


@given(st.sampled_from([",", ";", "\t", "|"]), st.integers(2, 6), st.integers(1, 30))
def test_the_sign_between_columns_is_the_one_that_cuts_all_lines_alike(tmp_path_factory, sign, width, rows):
    lines = [sign.join(f"c{at}" for at in range(width))]
    lines += [sign.join('"a,b;c"' for _ in range(width)) for _ in range(rows)]
    found = data_file.read(written(tmp_path_factory.mktemp("csv"), "\n".join(lines)))
    assert (found.delimiter, found.frame.shape) == (sign, (rows, width))


def test_a_name_that_code_cannot_use_gets_one_that_it_can(tmp_path):
    found = data_file.read(written(tmp_path, "class,2nd day,Score,price (€)\na,b,c,d\n"))
    assert found.frame.columns.tolist() == ["class_", "column_2nd_day", "score_", "price"]
    assert found.names == {
        "class_": "class", "column_2nd_day": "2nd day", "score_": "Score", "price": "price (€)",
    }  # fmt: skip


def test_the_index_that_pandas_writes_first_is_the_row(tmp_path):
    pd.DataFrame({"row": [7, 8], "b": [1, 2]}).to_csv(tmp_path / "some.csv")
    found = data_file.read(tmp_path / "some.csv")
    assert found.frame.to_dict("records") == [
        {"row": "0", "row_": "7", "b": "1"},
        {"row": "1", "row_": "8", "b": "2"},
    ]
    assert found.names == {"row": "Unnamed: 0", "row_": "row"}


def test_a_folder_of_parts_is_one_table_and_parts_that_differ_are_not(tmp_path):
    for month in ("2024-01", "2024-02"):
        written(tmp_path, ROWS, f"{month}.csv")
    written(tmp_path, "", "2024-00.csv")  # of no byte, as Spark leaves for a partition without rows
    assert len(data_file.read(tmp_path).frame) == 4
    written(tmp_path, "when,price\n2024-01-01,1\n", "2024-03.csv")
    with pytest.raises(LoopError, match=r"2024-03\.csv has other columns than the first part: amount, price"):
        data_file.read(tmp_path)


def test_parquet_keeps_its_types(tmp_path):
    frame = pd.DataFrame({"n": [1, 2], "day": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    frame.to_parquet(tmp_path / "some.parquet")
    found = data_file.read(tmp_path / "some.parquet")
    assert not found.texts
    assert str(found.frame["n"].dtype) == "int64"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no row"),
        ("a,b\n", "no row"),
        ("a,,c\n1,2,3\n", "column 2 has no name"),
        ("a,b,a\n1,2,3\n", "`a` twice"),
        ("a b,a-b\n1,2\n", "`a b` and `a-b`"),
        (",".join(f"c{at}" for at in range(10_000)) + "\n", "10,000 columns"),
        (b"PK\x03\x04 and so on", "packed"),
        ('{"a": 1, "b": 2}', "is JSON"),
        ("<html><body>no such file</body></html>\n", "is a page"),
        (b"a,b\0\n1,2\n", "not a text"),
        ("a,b\n1,2\n1,2,3,4\n", "cannot be read"),
    ],
)
def test_a_csv_that_cannot_be_one_is_refused_with_what_was_found(tmp_path, text, said):
    with pytest.raises(LoopError, match=said):
        data_file.read(written(tmp_path, text))


def test_a_parquet_that_was_cut_short_is_refused(tmp_path):
    pd.DataFrame({"n": range(1000)}).to_parquet(tmp_path / "whole.parquet")
    written(tmp_path, (tmp_path / "whole.parquet").read_bytes()[:-50], "cut.parquet")
    with pytest.raises(LoopError, match=r"cut\.parquet cannot be read"):
        data_file.read(tmp_path / "cut.parquet")


def test_what_is_no_table_is_refused_by_its_name(tmp_path):
    with pytest.raises(LoopError, match="is missing"):
        data_file.read(tmp_path / "nowhere.csv")
    with pytest.raises(LoopError, match="neither CSV nor Parquet"):
        data_file.read(written(tmp_path, "x", "table.xlsx"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(LoopError, match="holds nothing"):
        data_file.read(tmp_path / "empty")


def test_names_of_the_machinery_and_signs_that_python_refuses_are_replaced(tmp_path):
    found = data_file.read(written(tmp_path, "scores,decision,self,Fläche m²,half ½\n1,2,3,4,5\n"))
    names = found.frame.columns.tolist()
    assert names == ["scores_", "decision_", "self_", "fläche_m2", "half_1_2"]
    assert all(map(str.isidentifier, names))


@pytest.mark.parametrize(
    "index",
    [
        pd.MultiIndex.from_product([["a"], [1, 2]], names=["k", "n"]),
        pd.Index(["a", "b"]),
        pd.Index([1, 2], name="x"),
    ],
    ids=["of several levels", "of texts without a name", "called as a column"],
)
def test_an_index_that_is_no_column_is_refused_with_the_way_out(tmp_path, index):
    pd.DataFrame({"x": [1, 2]}, index=index).to_parquet(tmp_path / "some.parquet")
    with pytest.raises(LoopError, match=r"has an index(.|\n)*reset_index"):
        data_file.read(tmp_path / "some.parquet")


def test_an_index_of_numbers_without_a_name_says_nothing(tmp_path):
    pd.DataFrame({" x ": [1, 2]}, index=[5, 9]).to_parquet(tmp_path / "some.parquet")
    assert data_file.read(tmp_path / "some.parquet").frame.to_dict("list") == {"x": [1, 2]}


def test_blanks_between_columns_are_said(tmp_path):
    (tmp_path / "some.txt").write_text("'OBS' 'GPA' 'GRADE'\n1 2.66 0\n2 2.89 1\n")
    with pytest.raises(LoopError, match=r"one column alone: 'OBS' 'GPA' 'GRADE'"):
        data_file.read(tmp_path / "some.txt")


MONTH = "day,x,shop,y\n" + "".join(f"2024-01-{at:02d},{at},a,{at * 2}\n" for at in range(1, 29))


@pytest.mark.parametrize(
    "above", ["Sales of January 2024\n", "Sales of January 2024,,,\n,,,\n", "# exported\n", "sep=,\n"]
)
def test_lines_above_the_names_are_said(tmp_path, above):
    (tmp_path / "a.csv").write_text(above + MONTH)
    with pytest.raises(LoopError, match="has lines above the names of its columns"):
        data_file.read(tmp_path / "a.csv")


@pytest.mark.parametrize("below", ["Total,406,,812\n", ",406,,812\n", "Source: our own tills\n"])
def test_a_last_line_that_is_a_sum_or_a_remark_is_said(tmp_path, below):
    (tmp_path / "a.csv").write_text(MONTH + below)
    with pytest.raises(LoopError, match="is no row: "):
        data_file.read(tmp_path / "a.csv")


@pytest.mark.parametrize("last", ["2024-01-29,406,a,812\n", "2024-01-29,,,\n", "2024-01-29,29,b,58\n"])
def test_a_last_row_like_others_is_a_row(tmp_path, last):
    (tmp_path / "a.csv").write_text(MONTH + last)
    assert len(data_file.read(tmp_path / "a.csv").frame) == 29


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("a,b,late,", "1,2,3,"),
        ("a,b,late", "1,2,3,"),
        ("a;b;late;", "1;2;3;"),
        ("a;b;late;;", "1;2;3;;"),
    ],
)
def test_signs_behind_the_last_value_of_each_row_make_no_column(tmp_path, head, row):
    """And rows of signs alone, as a spreadsheet leaves below the others, are none."""
    silent = "".join(sign for sign in row if sign in ",;")
    path = written(tmp_path, "\n".join([head, *[row] * 9, silent, silent]) + "\n")
    assert data_file.read(path).frame.to_dict("list") == {"a": ["1"] * 9, "b": ["2"] * 9, "late": ["3"] * 9}
    read = Files(str(path), {"a": "whole", "late": "whole"}, delimiter=row[1]).read()
    assert read.to_dict("list") == {"a": [1] * 9, "late": [3] * 9}


@pytest.mark.parametrize(
    ("head", "row"), [("a,b,late,", "1,2,3,4"), ("a,b,late", "1,2,3,4"), ("a,,late", "1,2,3")]
)
def test_values_without_a_name_are_refused(tmp_path, head, row):
    path = written(tmp_path, "\n".join([head, *[row] * 9]) + "\n")
    with pytest.raises(LoopError, match=r"no name|more values than the header has names"):
        data_file.read(path)


@pytest.mark.parametrize("first", ["20,F,1.12,1", "5.1,3.5,1.4,0.2,setosa", "1,1,0"])
def test_a_file_without_names_is_said(tmp_path, first):
    path = written(tmp_path, "\n".join([first] * 9))
    with pytest.raises(LoopError, match=r"the first line of .* holds values"):
        data_file.read(path)


@pytest.mark.parametrize("first", ["0,1,2,3", "country,2001,2002,2003", "v1,2,x"])
def test_columns_may_be_called_by_numbers_in_a_row(tmp_path, first):
    path = written(tmp_path, "\n".join([first, *[",".join("5" * len(first.split(",")))] * 3]))
    assert len(data_file.read(path).frame) == 3
