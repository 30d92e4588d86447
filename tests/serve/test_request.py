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
    "a list of numbers": (pa.Column("int64", C.isin([1, 2])), [1], [3, True, 1.0]),
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
    "a small number": (pa.Column("int32"), [1], ["1", None]),
    "a short number": (pa.Column("float32"), [1.5, 2], ["1"]),
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


def test_more_mistakes_than_anybody_reads_are_counted_and_not_listed():
    made = of(pa.Column("int64"))
    body = json.dumps({"x": 1} | {f"y{number}": 0 for number in range(20_000)}).encode()
    with pytest.raises(RefusedError) as refused:
        made.read(body)
    assert [problem.found for problem in refused.value.problems] == ["20,000 mistakes"]
