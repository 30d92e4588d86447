"""What a column holds is told by its values, whoever wrote the file."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from loop.init import column_kinds


def of(values, name="x"):
    return column_kinds.of(name, pd.Series(values), "UTC")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[1, 2], [3]], "lists"),
        ([{"a": 1}, {"a": 2}], "records"),
        ([b"ab", b"cd"], "bytes"),
        (pd.to_timedelta([1, 2], unit="h"), "timedelta64"),
        (pd.period_range("2024-01", periods=2, freq="M"), "period"),
        ([1.0, np.inf], "infinite"),
        (pd.Categorical([1, None, 2]), "categories of whole numbers"),
    ],
)
def test_what_is_no_number_text_or_time_is_named_as_that(values, said):
    assert said in of(values).unusable


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([Decimal("1.5"), None], "number"),
        ([True, None, False], "text"),
        ([True, False], "flag"),
        ([datetime.date(2024, 1, 1), None], "instant"),
        ([datetime.time(8), datetime.time(9)], "text"),
        (pd.Categorical(["a", None]), "text"),
        (pd.array([1, None], "Int64"), "number"),
    ],
)
def test_values_of_other_writers_have_a_kind(values, kind):
    found = of(values)
    assert (found.kind, found.unusable) == (kind, "")


@pytest.mark.parametrize("write", [str, int])
def test_a_number_too_long_to_be_exact_is_a_name(write):
    found = of([write(10**17 + at) for at in range(3)])
    assert found.kind == "text"
    assert found.listed == [str(10**17 + at) for at in range(3)]


@pytest.mark.parametrize("write", [str, int])
def test_days_may_be_written_without_a_sign_between_their_parts(write):
    found = of([write(20240131), write(20240201)])
    assert (found.kind, found.dates) == ("instant", "%Y%m%d")
    assert found.values.tolist() == list(pd.to_datetime(["2024-01-31", "2024-02-01"], utc=True))
    assert of([write(20240131), write(20241301)]).kind == "whole", "there is no month 13"


def test_instants_without_a_zone_among_others_are_counted():
    found = of(["2024-01-01T00:00+02:00", "2024-01-01T00:00", "2024-01-01T01:00"])
    assert (found.zoned, found.bare) == (True, 2)
    assert of(["2024-01-01T00:00", "2024-01-01T01:00"]).bare == 0


@pytest.mark.parametrize(
    ("values", "form", "last"),
    [
        (["$5", "-$1,200"], "$#,###", -1200),
        (["USD 5", "USD 7.5"], "USD #.#", 7.5),
        (["12 %", None, "3 %"], "# %", 3),
        (["12,50 €", "1.234,56 €"], "#.###,# €", 1234.56),
        (["999.00", "1,234.56"], "#,###.#", 1234.56),
        (["900", "3,504"], "#,###", 3504),
        (["7", "1 234"], "# ###", 1234),
        (["4,7 m/s", "3,0 m/s"], "#,# m/s", 3),
        (["12kg", "13kg"], "#kg", 13),
    ],
)
def test_numbers_with_a_unit_or_signs_of_thousands_are_numbers(values, form, last):
    found = of(values)
    assert (found.kind, found.form, found.values.iloc[-1]) == ("number", form, last)


@pytest.mark.parametrize(
    "values", [["A12", "A13"], ["007", "012"], ["1.2.3", "1.3.4"], ["30-39", "40-49"], ["1st", "2nd"]]
)
def test_codes_and_ranges_are_no_numbers(values):
    assert of(values).kind == "text"


def test_a_few_words_among_numbers_with_a_unit_are_odd():
    assert of([*(f"{at} %" for at in range(30)), "unknown"]).odd == ("unknown",)


def test_words_among_numbers_that_differ_are_odd_and_codes_are_none():
    amounts = [str(at) if at % 3 else f"({at})" for at in range(1, 300)]
    assert of(amounts).odd == ("(102)", "(105)", "(108)")
    assert of(["1", "2", "A", "3"] * 30).odd == ()


def test_values_that_differ_in_case_alone_are_named():
    assert of(["Yes", "yes", "No", "Perhaps"]).alike == ["Yes", "yes"]
    assert of(["Yes", "No", "Perhaps"]).alike == []


@pytest.mark.parametrize(
    ("written", "first"),
    [
        (["2024-01-31 10:00:00.5+00", "2024-07-31 10:00:00+00"], "2024-01-31T10:00:00.5Z"),
        (["2024-01-31 10:00:00+01", "2024-07-31 10:00:00+02"], "2024-01-31T09:00Z"),
        (["2024-01-31 10:00:00 UTC", "2024-02-01 11:00:00 UTC"], "2024-01-31T10:00Z"),
        (["2024-01-31 10:00:00.25 UTC", "2024-02-01 11:00:00.5 UTC"], "2024-01-31T10:00:00.25Z"),
    ],
)
def test_times_of_a_database_name_their_zone(written, first):
    found = column_kinds.of("x", pd.Series(written), "Asia/Tokyo")
    assert (found.kind, found.zoned, found.bare) == ("instant", True, 0)
    assert found.values.iloc[0] == pd.Timestamp(first)


@pytest.mark.parametrize("written", [["31.01.2024, 10:00", "01.02.2024, 9:05"], ["01/2024", "12/2024"]])
def test_times_with_a_comma_before_the_clock_and_months_are_times(written):
    assert of(written).kind == "instant"


def test_a_comma_before_three_digits_is_of_thousands_unless_other_columns_have_it_before_decimals():
    one = {"a": ["1,250", "2,125"]}
    assert column_kinds.every(pd.DataFrame(one), "UTC")["a"].values.tolist() == [1250, 2125]
    two = column_kinds.every(pd.DataFrame({**one, "b": ["1,5", "2,25"]}), "UTC")
    assert two["a"].values.tolist() == [1.25, 2.125]
    assert of(["0,123", "1,250"]).values.tolist() == [0.123, 1.25], "no thousand begins with a zero"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Jan 1 2000", "Feb 1 2000"),
        ("Jan-1-2000", "Feb-1-2000"),
        ("01-Jan-2000", "01-Feb-2000"),
        ("1 January 2000", "1 February 2000"),
        ("Jan 2000", "Feb 2000"),
        ("01.01.00", "01.02.00"),
        ("01/01/2000 12:00 AM", "02/01/2000 12:00 AM"),
    ],
)
def test_dates_with_names_of_months_short_years_and_half_days_are_times(first, second):
    found = of([first, second])
    assert (found.kind, found.zoned) == ("instant", False)
    assert found.values.iloc[0] == pd.Timestamp("2000-01-01", tz="UTC")


def test_quarters_are_times():
    assert of(["1974Q1", None, "1975-Q4"]).values.dropna().dt.strftime("%Y-%m").tolist() == [
        "1974-01",
        "1975-10",
    ]


@pytest.mark.parametrize(
    ("written", "days"),
    [
        (["Jan-24", "Feb-24"], ["2024-01-01", "2024-02-01"]),
        (["1939 Jan", "1939 Feb"], ["1939-01-01", "1939-02-01"]),
        (["2024M01", "2024M12"], ["2024-01-01", "2024-12-01"]),
        (["2024-W05", "2025-W01"], ["2024-01-29", "2024-12-30"]),
        (["2024W05", "2024W06"], ["2024-01-29", "2024-02-05"]),
        (["2024-W05-3", "2024-W06-1"], ["2024-01-31", "2024-02-05"]),
        (["Q1 2024", "Q4 2024"], ["2024-01-01", "2024-10-01"]),
        (["Q1-99", "Q4-24"], ["1999-01-01", "2024-10-01"]),
        (["1Q24", "4Q24"], ["2024-01-01", "2024-10-01"]),
        (["Wed, 31 Jan 2024", "Thu, 01 Feb 2024"], ["2024-01-31", "2024-02-01"]),
    ],
)
def test_months_quarters_and_weeks_are_times_however_they_are_written(written, days):
    found = of([*written, None])
    assert found.kind == "instant"
    assert found.values.dropna().dt.strftime("%Y-%m-%d").tolist() == days


@pytest.mark.parametrize(
    "written",
    [
        [20240131170500, 20240201170500],
        ["202401311705", "202402011705"],
        ["2024-01-31 05:05 PM", "2024-02-01 05:05 PM"],
        ["1/31/2024 5:05pm", "2/1/2024 5:05pm"],
        ["31.01.2024 17:05:00.000", "01.02.2024 17:05:00.000"],
        ["Wed Jan 31 17:05:00 2024", "Thu Feb 01 17:05:00 2024"],
    ],
)
def test_times_of_other_programs_are_times(written):
    found = of(written)
    assert found.values.iloc[0] == pd.Timestamp("2024-01-31 17:05", tz="UTC")


@pytest.mark.parametrize(
    ("written", "values"),
    [
        (["(1,234)", "5,678"], [-1234, 5678]),
        (["(12)", "34"], [-12, 34]),
        (["($1,234.50)", "$2,000.00"], [-1234.5, 2000]),
        (["$(1,234.50)", "$2,000.00"], [-1234.5, 2000]),
        (["(12.5%)", "3.0%"], [-12.5, 3]),
        (["12.50-", "3.00"], [-12.5, 3]),
        (["\N{MINUS SIGN}12.5", "3.0"], [-12.5, 3]),
        (["R$ 1,000.00", "R$ 2.50"], [1000, 2.5]),
    ],
)
def test_amounts_below_zero_are_numbers_however_their_sign_is_written(written, values):
    found = of(written)
    assert (found.kind, found.values.tolist()) == ("number", values)


@pytest.mark.parametrize("written", [["(1)", "(2)"], ["(030) 12345", "(040) 54321"], ["a-1", "b-2"]])
def test_brackets_and_hyphens_of_names_are_no_sign(written):
    assert of(written).kind == "text"


def test_a_text_that_looks_like_a_time_or_an_amount_is_named_and_an_id_is_not():
    assert column_kinds.unread(of([f"01/Jan/2022:03:05:{at:02d}" for at in range(60)]))
    assert column_kinds.unread(of([f"{'$' if at % 2 else '€'}1,{at:03d}.50" for at in range(60)]))
    for name in ("2015-0000{}", "A{}", "#{}x", "10 {} Main Street"):
        assert not column_kinds.unread(of([name.format(at) for at in range(10, 60)])), name


def test_of_two_ways_to_read_dates_the_one_in_which_rows_go_on_is_taken_and_the_other_is_named():
    months = [f"{month}/1/2020" for month in range(1, 13)]
    found = of([*months, "1/1/2021"])
    assert (found.dates, found.other_dates) == ("%d/%m/%Y", "%m/%d/%Y"), "both go on: the first"
    turned = of(["3/2/2020", "4/1/2020", "5/1/2020"])
    assert (turned.dates, turned.other_dates) == ("%m/%d/%Y", "%d/%m/%Y")
    assert of(["3/2/2020", "13/2/2020"]).other_dates == ""


def test_what_repeats_names_no_person_but_a_first_name_does():
    regions = np.repeat(["north", "south"], 50)
    assert not of(regions, "region_name").personal
    for name in ("first_name", "vorname", "kundin", "prénom", "apellidos", "achternaam", "straße"):
        assert of(regions, name).personal, name
    assert of([f"DE{at:02d} 5001 0517 5407 3249 {at}" for at in range(10, 99)], "konto").personal
    assert not of([f"EU{at:02d} 4711" for at in range(10, 99)], "part").personal
    assert of([f"n{at}" for at in range(90)], "name").personal
