"""Times that a file writes in parts or as digits: read right, or said aloud, and never wrong in silence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loop.base.errors import UsageError
from loop.init import begin
from loop.init.data_file import DataFile
from loop.init.guess import guess
from loop.init.guessed import Options
from loop.kit.sources import Files

AT = pd.Series(pd.date_range("2023-11-20T00:10", periods=400, freq="5h7min"))
RNG = np.random.default_rng(1)
X = RNG.normal(size=400).round(3)
YES = np.where(X + RNG.normal(size=400) > 0.3, "yes", "no")


def data(**columns) -> DataFile:
    """A file of texts, as a CSV gives them."""
    return DataFile(Path("some.csv"), pd.DataFrame({"x": X, "late": YES, **columns}).astype("str"), {})


def guessed(time: str | None = None, **columns):
    return guess(data(**columns), Options(label="late", time=time))


def instants(found) -> list[pd.Timestamp]:
    return found.time.values.dt.tz_localize(None).tolist()


@pytest.mark.parametrize("day", ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y"])
@pytest.mark.parametrize(
    "parts",
    [
        {"uhrzeit": "%H:%M"},
        {"c2": "%H:%M"},
        {"c2": "%I:%M %p"},
        {"zeit": "%H:%M Uhr"},
        {"heure": "%Hh%M"},
        {"c2": "%H.%M.%S"},
        {"hhmm": "%H%M"},
        {"clock": "%I:%M", "half": "%p"},
        {"c2": "%I:%M", "c3": "%p"},
    ],
    ids=" ".join,
)
def test_a_day_and_a_clock_are_one_time_whatever_they_are_called(day, parts):
    found = guessed(datum=AT.dt.strftime(day), **{name: AT.dt.strftime(form) for name, form in parts.items()})
    assert instants(found) == AT.tolist()
    assert found.inputs == ("x",)
    assert not found.suspected


def test_parts_by_name_and_a_half_of_the_day_are_one_time():
    form = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%I", "ampm": "%p"}
    hourly = AT.dt.floor("h")
    found = guessed(**{name: hourly.dt.strftime(one) for name, one in form.items()})
    assert instants(found) == hourly.tolist()


def test_parts_that_a_person_names_may_hold_am_and_pm():
    columns = {"day": AT.dt.strftime("%Y-%m-%d"), "other": AT.dt.strftime("%Y-%m-%d")}
    found = guessed("day,at,half", at=AT.dt.strftime("%I:%M"), half=AT.dt.strftime("%p"), **columns)
    assert instants(found) == AT.tolist()


def test_clocks_that_may_lack_their_half_of_the_day_are_said():
    found = guessed(day=AT.dt.strftime("%Y-%m-%d"), clock=AT.dt.strftime("%I:%M"))
    assert any(one.startswith("no hour of clock is above 12") for one in found.suspected)


def test_of_two_clocks_beside_a_day_none_is_taken_and_the_words_to_type_are_said():
    clocks = {"begins": AT.dt.strftime("%H:%M"), "ends": (AT + pd.Timedelta(hours=2)).dt.strftime("%H:%M")}
    found = guessed(day=AT.dt.strftime("%Y-%m-%d"), **clocks)
    assert found.time.name == "day"
    assert any("--time day,begins" in one for one in found.suspected)
    assert instants(guessed("day,begins", day=AT.dt.strftime("%Y-%m-%d"), **clocks)) == AT.tolist()


DAYS = {
    "%Y%m%d%H": "h",
    "%Y%m": "M",
    "%y%m%d": "D",
    "%d%m%Y": "D",
}


@pytest.mark.parametrize(("form", "unit"), DAYS.items(), ids=DAYS)
def test_digits_are_a_time_under_a_name_that_says_so_and_are_said_under_any_other(form, unit):
    whole = pd.Series(pd.date_range("2023-01-20", periods=400, freq="31h")).dt.to_period(unit).dt.start_time
    digits = whole.dt.strftime(form)
    assert instants(guessed(date=digits)) == whole.tolist()
    assert instants(guessed("q", q=digits)) == whole.tolist()
    plain = guessed(q=digits)
    last = f"{whole.iloc[-1]:%Y-%m-%d}"
    told = [one for one in plain.suspected if "--time q" in one and last in one]
    assert told or instants(plain) == whole.tolist()


def test_digits_that_could_be_read_in_two_ways_are_read_in_the_one_that_goes_on_and_the_other_is_said():
    days = pd.Series(pd.date_range("2024-01-01", periods=400, freq="D").repeat(1))[:400]
    short = days[days.dt.day <= 12].reset_index(drop=True)
    frame = pd.DataFrame(
        {"x": X[: len(short)], "late": YES[: len(short)], "date": short.dt.strftime("%d%m%Y")}
    )
    found = guess(DataFile(Path("some.csv"), frame.astype("str"), {}), Options(label="late"))
    assert instants(found) == short.tolist()
    assert found.time.other_dates == "%m%d%Y"


def test_days_of_a_spreadsheet_are_a_time_under_the_name_of_a_date(tmp_path):
    days = (AT - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1)
    found = guessed(date=days.round(9))
    assert instants(found) == AT.tolist()
    assert f"is {AT.iloc[-1]:%Y-%m-%d}" in next(one.reason for one in found.guesses if "date" in one.what)
    assert any("--time q" in one for one in guessed(q=days.round(9)).suspected)
    assert guessed(q=days.sample(frac=1, random_state=1).round(3).to_numpy()).time is None
    path = tmp_path / "some.csv"
    pd.DataFrame({"at": days}).to_csv(path, index=False)
    read = Files(str(path), {"at": "instant"}, dates={"at": found.time.dates}, zone="Europe/Berlin").read()
    assert read["at"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None).tolist() == AT.tolist()


def test_counts_since_1970_under_a_plain_name_are_said_with_the_words_to_type():
    found = guessed(ref=AT.astype("int64") // 10**6)
    assert any(
        "ref" in one and "seconds since 1970" in one and "--time ref" in one for one in found.suspected
    )


@pytest.mark.parametrize("firm", [np.arange(40), [f"f{at}" for at in range(40)]], ids=["numbers", "names"])
def test_years_of_which_each_firm_has_all_are_when_rows_came_and_its_number_is_no_amount(firm):
    columns = {"firm": np.tile(firm, 10), "year": np.repeat(np.arange(2010, 2020), 40)}
    found = guessed(**columns)
    assert (found.time.name, found.group) == ("year", "firm")
    assert found.inputs == (("x",) if columns["firm"].dtype.kind == "i" else ("x", "firm"))


def test_years_that_say_how_old_a_thing_is_are_an_input():
    found = guessed(year=RNG.integers(1990, 2020, 400), model=np.tile([f"m{at}" for at in range(40)], 10))
    assert found.time is None
    assert "year" in found.inputs


@pytest.mark.parametrize(
    ("text", "days"),
    [("1 year", 366), ("2 months", 62), ("1 quarter", 92), ("1.5 weeks", 10.5), ("12h", 0.5)],
)
def test_how_long_a_label_takes_may_be_said_in_weeks_months_quarters_and_years(text, days):
    assert begin.label_after(text) == pd.Timedelta(days=days)


@pytest.mark.parametrize("text", ["year", "0 months", "-1 year", "1 moon", "9999999999 years"])
def test_a_span_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="--label-after"):
        begin.label_after(text)
