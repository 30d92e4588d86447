"""Any contract of requests is kept over JSON as pandera keeps it on a frame."""

import json
import re
from datetime import UTC, datetime

import pandas as pd
import pandera.pandas as pa
import pytest

from loop.base.errors import LoopError
from loop.data import columns, contract
from loop.serve.request import Contract, RefusedError

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
TIME = "datetime64[us, UTC]"


def of(column: pa.Column, *checks: pa.Check) -> Contract:
    return Contract(10, pa.DataFrameSchema({"x": column}, checks=list(checks), strict=True))


def allowed(made: Contract, value: object) -> bool:
    try:
        made.columns(made.read(json.dumps({"x": value}).encode())[0], NOW)
    except RefusedError:
        return False
    return True


IGNORING_CASE = re.compile("^abc$", re.IGNORECASE)
DAY = pd.Timestamp("2013-01-01", tz="UTC")
C = pa.Check
CASES = {  # a column, what it allows, what it does not
    "two limits": (pa.Column("int64", [C.ge(5), C.in_range(0, 100)]), [5, 100], [1, 101]),
    "two lists": (pa.Column("str", [C.isin(["a", "b"]), C.isin(["b"])]), ["b"], ["a"]),
    "a list and a limit": (pa.Column("int64", [C.isin([1, 2, 3]), C.ge(2)]), [2], [1, 4]),
    "a list of numbers": (pa.Column("int64", C.isin([1, 2])), [1, 1.0], [3, True, 1.5]),
    "a list of truths": (pa.Column("bool", C.isin([True])), [True], [False, 1]),
    "an empty list": (pa.Column("str", C.isin([])), [], ["a"]),
    "two patterns": (pa.Column("str", [C.str_matches("a"), C.str_matches("ab")]), ["ab"], ["ac"]),
    "a pattern of two": (pa.Column("str", C.str_matches("^a|b")), ["a", "b"], ["xb"]),
    "a pattern that looks ahead": (pa.Column("str", C.str_matches(r"(?=a)ab\Z")), ["ab"], ["xab"]),
    "a pattern with flags": (pa.Column("str", C.str_matches(IGNORING_CASE)), ["ABC"], ["x"]),
    "a length": (pa.Column("str", C.str_length(1, 2)), ["a"], ["", "abc"]),
    "broken limits": (pa.Column("int64", C.in_range(0.5, 2.5)), [1, 2], [0, 3]),
    "strict limits": (pa.Column("float64", [C.gt(0), C.lt(1)]), [0.5], [0, 1]),
    "not these": (pa.Column("str", C.notin(["a"])), ["b"], ["a"]),
    "a check of its own": (pa.Column("str", C(lambda s: s.str.upper() == s)), ["A"], ["a"]),
    "one that breaks": (pa.Column("str", C(lambda s: s.astype(int) > 3)), ["4"], ["3", "a"]),
    "one by one": (pa.Column("int64", C(lambda x: x % 2 == 0, element_wise=True)), [2], [3]),
    "a number or null": (pa.Column("float64", C(lambda s: s > 0), nullable=True), [None, 1.0], [-1.0]),
    "a whole number or null": (pa.Column("Int64", C.ge(0), nullable=True), [None, 1], [-1, 1.5]),
    "a truth or null": (pa.Column("boolean", nullable=True), [None, True, False], [1, "true"]),
    "a text or null": (pa.Column("str", C.isin(["a"]), nullable=True), [None, "a"], ["b"]),
    "an instant or null": (pa.Column(TIME, nullable=True), [None, "2020-01-01T00:00Z"], ["2020"]),
    "a small number": (pa.Column("int32"), [1, 2**31 - 1], ["1", None, 2**31]),
    "a number without a sign": (pa.Column("uint8", C.le(1000)), [0, 255], [-1, 256]),
    "a large number": (pa.Column("int64"), [2**63 - 1, 2.0**53], [2**63, 2.0**54, 1e300]),
    "digits": (pa.Column("str", C.str_matches(r"^\d\d$")), ["12"], ["\u0661\u0662", "1\uff12", "12\n"]),
    "a short number": (pa.Column("float32"), [1.5, 2], ["1"]),
    "an instant as databases write it": (
        pa.Column(TIME),
        ["2020-01-01 00:00:00+00", "2020-01-01T05:30:00.1234560+0530", "2020-02-29T00:00:00.000000000Z"],
        [
            "2020-01-01 00:00:00",
            "2020-01-01T00:00:00.1234567Z",
            "2020-01-01T24:00Z",
            "2019-02-29T00:00Z",
            "\u0662\u0660\u0662\u0660-\u0660\u0661-\u0660\u0661T\u0660\u0660:\u0660\u0660Z",
            "2020-01-01T00:00+24:00",
            "2020-01-01T00:00Z\n",
            1577836800,
            1577836800.0,
        ],
    ),
    "an instant from a day on": (pa.Column(TIME, C.ge(DAY)), ["2013-01-01T00:00Z"], ["2012-12-31T23:59Z"]),
    "anything": (pa.Column("str"), ["anything", ""], [1, None]),
}


@pytest.mark.parametrize(("column", "good", "bad"), CASES.values(), ids=CASES)
def test_a_value_is_allowed_if_its_contract_allows_it(column, good, bad):
    made = of(column)
    assert [allowed(made, value) for value in good] == [True] * len(good)
    assert [allowed(made, value) for value in bad] == [False] * len(bad)


@pytest.mark.parametrize(("column", "good", "bad"), CASES.values(), ids=CASES)
def test_a_value_that_is_allowed_keeps_the_contract_on_a_frame(column, good, bad):
    made = of(column)
    for value in good:
        found = columns.to_frame(made.columns(made.read(json.dumps({"x": value}).encode())[0], NOW))
        frame = found if columns.plain(column) in (str, datetime) else found.astype({"x": str(column.dtype)})
        assert not contract.check(frame, pa.DataFrameSchema({"x": column}, strict=True), "request")


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (pa.Check(lambda f: f["x"] > 3), 4, 3),
        (pa.Check(lambda f: f["x"].between(4, 5)), 4, 6),
        (pa.Check(lambda f: len(f) == 1), 4, None),
    ],
    ids=["arrays can say it", "only a frame can", "of the table as a whole"],
)
def test_a_check_of_whole_rows_means_what_it_means_on_a_frame(check, good, bad):
    made = of(pa.Column("int64"), check)
    assert allowed(made, good)
    if bad is not None:
        assert not allowed(made, bad)


def test_a_type_that_json_has_not_is_refused_at_the_start():
    with pytest.raises(LoopError, match="complex128"):
        of(pa.Column("complex128"))


TWO = Contract(10, pa.DataFrameSchema({"x": pa.Column("int64"), "y": pa.Column("str", nullable=True)}))


@pytest.mark.parametrize(
    "body",
    [
        '{"x": 1, "y": "a", "x": 2}',
        '{"x": 1, "x": 1, "y": null}',
        '[{"x": 1, "y": "a"}, {"x": 1, "y": "a", "y": "a"}]',
        r'{"x": 1, "y": "say \"x\"", "y": null}',
        r'{"x": 1, "y": "a", "\u0078": 2}',
        '{"x": 1.0, "x": 2.0, "y": "a"}',
    ],
)
def test_a_field_that_is_given_twice_is_refused(body):
    with pytest.raises(RefusedError) as refused:
        TWO.read(body.encode())
    assert [(one.field in ("x", "y"), one.found) for one in refused.value.problems] == [
        (True, "a field that is given twice")
    ]


@pytest.mark.parametrize("text", ['"', '\\"', '"x": 1', "\\", "\\\\", 'é "x"', "", "{}", None])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_quotes_within_a_text_are_no_field(text, ascii_only):
    row = {"x": 1, "y": text}
    for value in (row, [row, row]):
        rows, *_ = TWO.read(json.dumps(value, ensure_ascii=ascii_only).encode())
        assert rows == (value if isinstance(value, list) else [value])


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("number", [b"5215", b"5215.0", b"5.215e3"])
def test_a_whole_number_may_be_written_as_a_float_and_a_body_may_begin_with_a_mark(mark, number):
    rows, many, understood = TWO.read(mark + b' [{"x": %b, "y": "1.0"}]' % number)
    assert (rows, many) == ([{"x": 5215, "y": "1.0"}], True)
    assert isinstance(rows[0]["x"], int)
    assert json.loads(understood) == rows
    assert b"5215" in understood
    assert b"5215.0" not in understood


@pytest.mark.parametrize(
    "body", [b"\xef\xbb\xbf" * 5000 + b"{}", '{"x": 1.0}'.encode("utf-16"), b"\xef\xbb\xbf"]
)
def test_more_than_one_mark_or_another_encoding_is_not_json(body):
    with pytest.raises(RefusedError) as refused:
        TWO.read(body)
    assert "not JSON" in refused.value.problems[0].found


def test_more_mistakes_than_anybody_reads_are_counted_and_not_listed():
    made = of(pa.Column("int64"))
    body = json.dumps({"x": 1} | {f"y{number}": 0 for number in range(1_500)}).encode()
    with pytest.raises(RefusedError) as refused:
        made.read(body)
    assert [problem.found for problem in refused.value.problems] == ["1,500 mistakes"]


def test_more_fields_than_a_contract_has_are_refused_unread_however_many_they_are():
    fields = [f'"k{number}": 1.0' for number in range(20_000)]  # of which one comes twice: looked for by all
    with pytest.raises(RefusedError) as raised:
        TWO.read(f"{{{', '.join([*fields, fields[-1]])}}}".encode())
    assert [problem.found for problem in raised.value.problems] == ["more fields and texts than that"]
