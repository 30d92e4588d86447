"""What columns mean is guessed from the data, each guess with its reason; an option takes its place."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loop.base.errors import LoopError, UsageError
from loop.init import data_file
from loop.init.data_file import DataFile
from loop.init.guess import guess
from loop.init.guessed import Options

HOURS = pd.date_range("2024-01-01", periods=400, freq="h")
RNG = np.random.default_rng(1)
X = RNG.normal(size=400).round(3)


def data(**columns) -> DataFile:
    """A file of texts, as a CSV gives them."""
    frame = pd.DataFrame({"x": X.astype("str"), **columns})
    return DataFile(Path("some.csv"), frame.astype("str"), {})


def said(found, begin) -> str:
    return next(f"{one.what}: {one.reason}" for one in found.guesses if one.what.startswith(begin))


NOISE = (X + RNG.normal(size=400)).round(3)
YES = np.where(NOISE > 0.3, "yes", "no")


def test_a_label_of_two_values_is_binary_and_the_one_that_says_yes_counts():
    found = guess(data(churned=YES), Options())
    assert (found.label.name, found.task, found.positive) == ("churned", "binary", "yes")
    other = guess(data(churned=YES), Options(positive="no"))
    assert other.positive == "no"


@pytest.mark.parametrize(("rare", "usual", "told"), [("2", "4", "4"), ("0", "1", "1"), ("m", "b", "m")])
def test_of_two_values_that_do_not_say_yes_the_larger_number_counts_or_the_rarer_text(rare, usual, told):
    found = guess(data(target=np.where(RNG.random(400) < 0.2, rare, usual)), Options())
    assert found.positive == told
    assert f"{told} is told from" in said(found, "task")


@pytest.mark.parametrize("name", ["rownames", "row.names", "RowName"])
def test_names_of_rows_with_gaps_between_them_are_the_key_and_no_input(name):
    plain = data_file.in_code(name)
    found = guess(data(target=NOISE, **{plain: np.arange(400) * 3}), Options())
    assert (found.key, plain in found.inputs) == ((plain,), False)


def test_a_label_of_numbers_is_a_regression_and_one_of_several_names_has_classes():
    found = guess(data(target=NOISE), Options())
    assert (found.task, found.positive) == ("regression", None)
    kinds = data(target=RNG.choice(["a", "b", "c"], 400))
    several = guess(kinds, Options())
    assert (several.task, several.classes, several.positive) == ("multiclass", ("a", "b", "c"), None)
    assert guess(kinds, Options(positive="b")).task == "binary"
    with pytest.raises(LoopError, match="--positive VALUE"):
        guess(kinds, Options(task="binary"))


def test_whole_numbers_are_classes_where_their_column_is_called_so_or_the_caller_says_it():
    places = RNG.choice([0, 1, 2, 10], 400)
    whole = np.where(places == 10, 3, places)
    assert guess(data(target=whole), Options()).classes == ("0", "1", "2", "3")
    assert guess(data(target=places), Options()).task == "regression"  # with a gap
    assert guess(data(target=places), Options(task="multiclass")).classes == ("0", "1", "2", "10")
    assert guess(data(rooms=whole), Options(label="rooms")).task == "regression"
    with pytest.raises(LoopError, match="at most 100 classes"):
        guess(data(target=[f"n{row % 150}" for row in range(400)]), Options())


def test_a_label_of_classes_names_neither_rows_nor_groups():
    each = [f"card {row}" for row in range(100)]
    frame = pd.DataFrame({"target": each, "x": np.arange(100) % 7}).astype("str")
    assert guess(DataFile(Path("some.csv"), frame, {}), Options()).key == ("row",)
    customers = data(customer=RNG.integers(0, 50, 400), household=RNG.integers(0, 40, 400))
    found = guess(customers, Options(label="customer", task="multiclass"))
    assert (found.group, found.label.name) == ("household", "customer")


def test_a_column_of_which_each_value_has_one_class_gives_the_label_away_and_a_rare_class_does_not():
    classes = RNG.choice(["a", "b", "c"], 400)
    code = pd.Series(classes).map({"a": "x1", "b": "x2", "c": "x3"})
    found = guess(data(target=classes, code=code, other=RNG.choice(["p", "q"], 400)), Options())
    assert "gives target away" in found.left_out["code"]
    assert "other" in found.inputs
    rare = ["rare", "other", *["usual"] * 398]
    assert "other" in guess(data(target=rare, other=RNG.choice(["p", "q"], 400)), Options()).inputs


@pytest.mark.parametrize("name", ["Water flow [l/s]", "score", "class", "2nd try", "Größe (m²)"])
def test_an_option_names_a_column_as_the_file_does(name):
    plain = data_file.in_code(name)
    frame = pd.DataFrame({"x": X.astype("str"), plain: NOISE.astype("str")})
    found = guess(DataFile(Path("some.csv"), frame, {plain: name}), Options(label=name))
    assert found.label.name == plain


def test_a_label_is_named_by_the_caller_where_no_column_is_called_one():
    with pytest.raises(UsageError, match="--label"):
        guess(data(y2=YES), Options())
    with pytest.raises(UsageError, match="did you mean `churned`"):
        guess(data(churned=YES), Options(label="churnd"))


@pytest.mark.parametrize("label", [["same"] * 400, [None] * 400])
def test_a_label_that_says_nothing_is_refused(label):
    frame = pd.DataFrame({"x": X.astype("str"), "target": pd.Series(label, dtype="str")})
    with pytest.raises(LoopError, match=r"always same|no such column with values"):
        guess(DataFile(Path("some.csv"), frame, {}), Options(label="target"))


def test_rows_without_a_label_are_kept_and_said():
    labels = pd.Series(NOISE.astype("str")).mask(np.arange(400) < 5)
    frame = pd.DataFrame({"x": X.astype("str"), "target": labels})
    found = guess(DataFile(Path("some.csv"), frame, {}), Options())
    assert any("5 rows have no label" in one for one in found.suspected)


def test_the_time_of_decision_is_the_earliest_of_the_times_and_later_ones_are_left_out():
    found = guess(data(target=NOISE, ordered=HOURS, shipped=HOURS + pd.Timedelta(days=2)), Options())
    assert found.time.name == "ordered"
    assert (
        found.left_out["shipped"] == "it comes after ordered: --known shipped, if the label was known by then"
    )
    at = pd.Series(HOURS).mask(X < 0, HOURS - pd.Timedelta(days=9))
    assert (
        "another time" in guess(data(target=NOISE, at=HOURS, other=at), Options(time="at")).left_out["other"]
    )
    assert found.after == pd.Timedelta(hours=1), "the rows come an hour apart"
    known = guess(
        data(target=NOISE, ordered=HOURS, shipped=HOURS + pd.Timedelta(days=2)), Options(known="shipped")
    )
    assert (known.known, "shipped" in known.left_out) == ("shipped", False)


def test_a_time_without_a_zone_is_said_to_be_taken_as_utc():
    found = guess(data(target=NOISE, at=HOURS), Options())
    assert "names none" in said(found, "zone: UTC")
    zoned = guess(data(target=NOISE, at=[f"{one}Z" for one in HOURS]), Options())
    assert not [one for one in zoned.guesses if one.what.startswith("zone")]
    berlin = guess(data(target=NOISE, at=HOURS), Options(zone="Europe/Berlin"))
    assert f"{berlin.time.values[0]:%Y-%m-%d %H:%M}" == "2023-12-31 23:00"


def test_dates_in_several_forms_are_no_time():
    mixed = np.where(
        np.arange(400) % 3 == 0, "2024-01-02", np.where(np.arange(400) % 3 == 1, "03.02.2024", "1/5/24")
    )
    assert guess(data(target=NOISE, at=mixed), Options()).time is None
    with pytest.raises(UsageError, match="not all of its values are times of one form"):
        guess(data(target=NOISE, at=mixed), Options(time="at"))


def test_years_may_be_the_time_when_they_are_named():
    years = 2000 + np.arange(400) // 40
    assert guess(data(target=NOISE, year=years), Options()).time is None
    assert guess(data(target=NOISE, year=years), Options(time="year")).after == pd.Timedelta(days=365)


@pytest.mark.parametrize(
    ("name", "values", "hint"),
    [
        ("year", 2000 + np.arange(400) // 40, "--time year holds out the newest"),
        ("period", [f"week {at}" for at in range(400)], "'week 0' is in no form"),
        ("ordinal_date", 736389 + np.arange(400) // 2, "'736389' is in no form"),
    ],
)
def test_what_is_called_a_time_and_taken_for_none_is_said(name, values, hint):
    columns = data(**{"target": NOISE, name: values})
    assert any(one.startswith(f"{name}: ") and hint in one for one in guess(columns, Options()).suspected)
    assert not any(hint in one for one in guess(columns, Options(time="none")).suspected)


def test_a_whole_number_that_differs_in_each_row_is_left_out_only_where_it_names_the_row():
    large = RNG.permutation(10**6)[:400]
    found = guess(data(target=NOISE, population=large, customer_id=large + 1), Options(key=("population",)))
    assert "names the row" in found.left_out["customer_id"]
    found = guess(data(target=NOISE, population=large), Options())
    assert "population" in found.inputs
    assert any(one.startswith("population: another value in each row") for one in found.suspected)


def test_a_column_that_gives_the_label_away_is_left_out():
    one, two = RNG.integers(0, 50, 400), RNG.integers(0, 50, 400)
    found = guess(data(bikers=one + two, casual=one, registered=two), Options(label="bikers"))
    assert "bikers = casual + registered" in found.left_out["casual"]
    assert "casual" not in found.inputs
    for name, made in (("-", one - two), ("*", one * two), ("/", one / (two + 1.0))):
        parts = data(y=made, casual=one, registered=two + 1.0 if name == "/" else two)
        assert f"y = casual {name} registered" in guess(parts, Options()).left_out["casual"]
    near = guess(data(target=NOISE, after=NOISE + 0.1 * X), Options())
    assert any(said.startswith("after: alone it tells target") for said in near.suspected)
    exponent = guess(data(target=NOISE, twice=NOISE * 2), Options())
    assert "away" in exponent.left_out["twice"]
    binary = guess(data(churned=YES, reason=np.where(YES == "yes", "left", "stayed")), Options())
    assert "away" in binary.left_out["reason"]
    assert "x" in binary.inputs, "what only helps is no leak"


def test_what_is_personal_is_left_out_and_names_no_request():
    mails = [f"a{at}@b.example" for at in range(400)]
    found = guess(data(churned=YES, contact=mails, last_name=RNG.choice(["A", "B", "C"], 400)), Options())
    assert {"contact", "last_name"} <= {name for name, why in found.left_out.items() if "personal" in why}
    assert found.row, "a mail address is no key"


def test_the_key_is_a_column_that_names_each_row_else_the_number_of_the_row():
    named = guess(data(churned=YES, order_id=np.arange(400) + 7), Options())
    assert (named.key, named.row, "order_id" in named.inputs) == (("order_id",), False, False)
    assert guess(data(churned=YES), Options()).row
    with pytest.raises(UsageError, match="rows have the key of an earlier one"):
        guess(data(churned=YES, shop=["a"] * 200 + ["b"] * 200), Options(key=("shop",)))


def test_a_label_that_looks_like_amounts_but_is_not_read_is_no_class():
    mixed = [f"{'$' if at % 2 else '€'}1,{at:03d}.50" for at in range(400)]
    with pytest.raises(LoopError, match="is no number as it is written"):
        guess(data(price=mixed), Options(label="price"))
    units = [*["EUR"], *map(str, NOISE[1:])]
    with pytest.raises(LoopError, match="most of the label price are numbers, but not 'EUR'"):
        guess(data(price=units), Options(label="price"))


def test_rows_out_of_the_order_of_time_are_said_where_their_number_is_the_key():
    days = pd.Series(pd.date_range("2023-01-01", periods=400).astype("str"))
    words = "their number is the key: a file with new rows between these numbers them anew"
    newest_first = guess(data(churned=YES, day=days[::-1].tolist()), Options())
    assert any(words in one for one in newest_first.suspected)
    assert not any(words in one for one in guess(data(churned=YES, day=days), Options()).suspected)
    keyed = data(churned=YES, day=days[::-1].tolist(), order_id=np.arange(400))
    assert not any(words in one for one in guess(keyed, Options()).suspected)


def test_numbers_with_a_few_words_among_them_are_said():
    odd = pd.Series(NOISE.astype("str")).mask(np.arange(400) < 3, "n. a.")
    found = guess(data(churned=YES, price=odd), Options())
    assert any("price: most are numbers, but not 'n. a.'" in one for one in found.suspected)


def test_what_cannot_be_learnt_from_is_left_out():
    prose = [f"a long story that nobody told twice, and this is number {at} of them" for at in range(400)]
    found = guess(data(churned=YES, story=prose, same=["a"] * 400), Options())
    assert found.left_out == {"story": "free text", "same": "always the same"}


def test_nothing_to_learn_from_is_said():
    frame = pd.DataFrame({"churned": YES, "same": ["a"] * 400})
    with pytest.raises(LoopError, match="no column is left to learn from"):
        guess(DataFile(Path("some.csv"), frame, {}), Options())


def test_a_hole_in_the_time_and_rows_that_are_there_twice_are_said():
    times = [*HOURS[:399], HOURS[-1] + pd.Timedelta(days=90)]
    found = guess(data(target=NOISE, at=times), Options())
    assert any("no row between" in one for one in found.suspected)


def test_lists_and_records_are_left_out_and_are_no_label():
    frame = pd.DataFrame({"x": X, "churned": YES, "tags": [[1, 2]] * 400})
    found = guess(DataFile(Path("some.parquet"), frame, {}), Options())
    assert "lists" in found.left_out["tags"]
    with pytest.raises(LoopError, match="the label tags: it holds lists"):
        guess(DataFile(Path("some.parquet"), frame, {}), Options(label="tags"))


@pytest.mark.parametrize("form", ["%Y", "%Y%m", "%Y%m%d", "%Y.0", "%Y%m.0"])
def test_years_months_and_days_that_are_written_as_numbers_may_be_the_time(form):
    months = pd.date_range("1949-01-01", periods=400, freq="MS")
    found = guess(data(churned=YES, when=months.strftime(form)), Options(time="when"))
    assert found.time.dates == form
    assert found.time.values.iloc[-1].year == months[-1].year


@pytest.mark.parametrize(
    ("name", "unit", "per_second"),
    [("timestamp", "seconds", 1), ("ts", "milliseconds", 1000), ("event_time_ns", "nanoseconds", 10**9)],
)
def test_counts_since_1970_are_times_where_their_column_is_called_so_or_the_caller_says_it(
    name, unit, per_second
):
    counts = (HOURS - pd.Timestamp("1970-01-01")) // pd.Timedelta(seconds=1) * per_second
    named = guess(data(churned=YES, **{name: counts}), Options())
    assert (named.time.name, named.time.dates) == (name, f"{unit} since 1970")
    assert named.time.values.tolist() == HOURS.tz_localize("UTC").tolist()
    assert named.time.zoned
    other = data(churned=YES, sent=counts)
    found = guess(other, Options())
    assert found.time is None
    assert any(f"{unit} since 1970" in one for one in found.suspected)
    named = guess(other, Options(time="sent"))
    assert named.time.dates == f"{unit} since 1970"
    assert not any("taken for a number" in one for one in named.suspected)


def test_times_of_which_some_name_no_zone_are_said():
    at = [f"{one:%Y-%m-%dT%H:%M}{'Z' if row % 2 else ''}" for row, one in enumerate(HOURS)]
    found = guess(data(churned=YES, at=at), Options())
    assert any(one.startswith("at: 200 rows name no zone") for one in found.suspected)


def test_a_time_that_stands_for_never_is_refused():
    with pytest.raises(LoopError, match="at goes on until 9999"):
        guess(data(churned=YES, at=[*HOURS[1:].astype("str"), "9999-12-31"]), Options())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(time="at", key=("at", "shop")), "at is part of the key and the time of decision"),
        (Options(time="at", known="at"), "in 400 rows it is not after at"),
        (Options(leave_out=("churned",)), "churned is the label and left out"),
    ],
)
def test_a_column_has_one_part(options, said):
    shops = np.arange(400) % 4
    with pytest.raises(UsageError, match=said):
        guess(data(churned=YES, at=HOURS, shop=shops), options)


def test_one_number_written_in_two_ways_is_no_name_of_a_class():
    with pytest.raises(LoopError, match=r"writes one number in several ways \(0, 1, 1\.0\)"):
        guess(data(target=RNG.choice(["1", "1.0", "0"], 400)), Options())


@pytest.mark.parametrize("values", [["Yes", "yes ", "No"], ["red", "Red", "blue"]])
def test_a_label_that_writes_one_value_in_two_ways_is_refused_unless_they_are_said_to_be_classes(values):
    frame = data(target=RNG.choice(values, 400))
    with pytest.raises(LoopError, match="writes one value in several ways"):
        guess(frame, Options())
    assert guess(frame, Options(task="multiclass")).task == "multiclass"


def test_values_of_a_column_that_differ_in_case_alone_are_said():
    found = guess(data(target=NOISE, city=RNG.choice(["Graz", "graz", "Linz"], 400)), Options())
    assert "city: 'Graz' and 'graz' differ in case or blanks alone, and are taken for two" in found.suspected


def test_of_a_number_of_which_few_rows_hold_most_it_is_said_what_the_model_says():
    money = np.exp(8 + 3 * NOISE)
    (said,) = [one for one in guess(data(target=money), Options()).suspected if one.startswith("target: 1 %")]
    assert "trees say the middle of like rows" in said
    few = RNG.choice([0, 1, 2, 3], 400, p=[0.6, 0.1, 0.1, 0.2])
    for usual in (NOISE, few):
        said = guess(data(target=usual), Options(task="regression")).suspected
        assert not any(one.startswith("target: 1 %") for one in said)


def test_names_of_rows_that_look_like_numbers_are_no_input():
    named = [f"{at // 4}.{at % 4}" for at in range(400)]
    assert (
        guess(data(churned=YES, rownames=named), Options()).left_out["rownames"].startswith("another value")
    )


def test_a_year_that_is_always_the_same_is_no_time():
    said = guess(data(churned=YES, year=["2024"] * 400), Options())
    assert said.left_out == {"year": "always the same"}
    assert not any("year" in one for one in said.suspected)


def test_classes_by_number_may_be_unknown_in_some_rows():
    places = pd.Series(RNG.choice(["0", "1", "2"], 400)).mask(X > 1)
    frame = pd.DataFrame({"x": X, "target": places})
    assert guess(DataFile(Path("some.csv"), frame, {}), Options()).classes == ("0", "1", "2")


def test_two_numbers_may_be_predicted_as_numbers():
    found = guess(data(target=np.where(X > 0, 1, 0), z=NOISE), Options(task="regression"))
    assert found.task == "regression"


@pytest.mark.parametrize("unit", ["day", "week", "month", "quarter", "year"])
def test_of_an_instant_and_its_day_or_a_longer_unit_the_instant_is_the_time(unit):
    at = pd.Series(pd.date_range("2023-01-01", periods=400, freq="55h"))
    forms = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
    first = at.dt.to_period(forms[unit]).dt.start_time
    written = at.dt.to_period("Q").astype("str") if unit == "quarter" else first.dt.strftime("%Y-%m-%d")
    found = guess(data(target=NOISE, unit=written, at=at), Options())
    assert (found.time.name, said(found, "time of")) == (
        "at",
        f"time of decision: at: the earliest of the times; unit is its {unit}",
    )
    assert found.left_out == {"unit": f"the {unit} of at, which says it too"}


PARTS = {  # columns, as strftime writes them, and the option that names them
    "a day": ({"year": "%Y", "month": "%m", "day": "%d"}, None),
    "an hour": ({"year": "%Y", "mon": "%m", "mday": "%d", "hr": "%H"}, None),
    "a month by its name": ({"year": "%Y", "month": "%b"}, None),
    "a date and an hour": ({"dteday": "%Y-%m-%d", "hr": "%H"}, None),
    "a date and a clock": ({"date": "%d/%m/%Y", "time": "%H:%M"}, None),
    "as it is said": ({"at": "%d.%m.%Y", "so": "%H:%M"}, "at,so"),
}


@pytest.mark.parametrize(("parts", "option"), PARTS.values(), ids=PARTS)
def test_a_time_in_several_columns_is_the_time_and_its_parts_are_no_inputs(parts, option):
    at = pd.Series(pd.date_range("2023-01-01", periods=400, freq="55h").floor("h"))
    form = " ".join(parts.values())
    found = guess(
        data(target=NOISE, **{name: at.dt.strftime(one) for name, one in parts.items()}), Options(time=option)
    )
    expected = pd.to_datetime(at.dt.strftime(form), format=form, utc=True)
    assert found.time.values.tolist() == expected.tolist()
    assert found.inputs == ("x",)
    assert found.data.joined == {found.time.name: tuple(parts)}


def test_a_column_whose_values_each_hold_for_one_stretch_of_time_looks_like_the_mark_of_a_split():
    marks = {"train": ["TRUE"] * 250 + ["FALSE"] * 150, "fold": ["a", "b"] * 200}
    found = guess(data(target=NOISE, at=HOURS, **marks), Options())
    assert [one.split(":")[0] for one in found.suspected if "one stretch of time" in one] == ["train"]


def test_parts_that_make_no_time_are_none_and_where_they_are_named_an_error():
    odd = data(target=NOISE, year=["2023"] * 400, month=["2"] * 400, day=np.arange(400) % 31)
    assert guess(odd, Options()).time is None
    with pytest.raises(UsageError, match="make no time in each row"):
        guess(odd, Options(time="year,month,day"))


@pytest.mark.parametrize(
    ("freq", "words"),
    [
        ("min", "rows come less than two minutes apart"),
        ("15min", "rows come about 15 minutes apart"),
        ("h", "rows come an hour apart"),
        ("3h", "rows come about 3 hours apart"),
        ("D", "rows come a day apart"),
        ("4D", "rows come about 4 days apart"),
        ("MS", "rows come a month apart"),
        ("YS", "rows come a year apart"),
        ("5YS", "rows come about 5 years apart"),
    ],
)
def test_how_far_rows_are_apart_is_said_as_it_is(freq, words):
    times = pd.date_range("1950-01-01", periods=28, freq=freq).repeat(400 // 28 + 1)[:400]
    assert words in said(
        guess(data(target=NOISE, at=times), Options(label="target", time="at")), "label known"
    )


def test_a_time_that_some_rows_lack_is_said():
    found = guess(data(target=NOISE, sold=pd.Series(HOURS.astype("str")).mask(X > 2)), Options())
    assert "a time in each row" in said(found, "time: none")
    assert (
        f"sold: it holds times, and none in {(X > 2).sum()} rows: --time needs one in each" in found.suspected
    )


def test_what_hardly_comes_twice_and_numbers_that_only_name_are_left_out():
    titles, ids = [f"film {row % 300}" for row in range(400)], RNG.integers(7000, 7100, 400)
    found = guess(data(target=NOISE, title=titles, customer_id=ids, rooms=ids), Options(group="none"))
    assert found.left_out == {
        "title": "hardly a value comes twice",
        "customer_id": "an id: a number that is only a name",
    }


def test_a_sum_of_several_columns_gives_the_label_away_and_another_line_is_said():
    parts = {name: RNG.uniform(0, 9, 400).round(2) for name in ("rent", "heat", "light", "back")}
    total = parts["rent"] + parts["heat"] + parts["light"] - parts["back"]
    found = guess(data(target=total.round(2), **parts), Options())
    assert found.left_out["heat"] == "it gives target away: target = rent + heat + light - back"
    assert found.inputs == ("x",), "what has no part in it stays"
    weighted = guess(data(target=total + parts["rent"], **parts), Options())
    assert any("rent, heat, light, back: a line through them is target" in one for one in weighted.suspected)
    noisy = guess(data(target=total + NOISE / 50, **parts), Options())
    assert set(parts) <= set(noisy.inputs)


def test_a_label_that_is_none_of_the_other_kinds_is_given_away_by_them():
    kind = RNG.integers(0, 4, 400)
    others = {f"kind_{at}": (kind == at).astype(int) for at in range(3)}
    found = guess(data(churned=np.where(kind == 3, "yes", "no"), **others), Options())
    assert "churned = 1 - kind_0 - kind_1 - kind_2" in found.left_out["kind_1"]


def test_a_number_of_which_each_value_has_one_label_gives_it_away_in_whatever_order():
    ward = RNG.integers(1, 6, 400)
    churned = np.where(np.isin(ward, (2, 4)), "yes", "no")
    assert (
        "each of its values has one label"
        in guess(data(churned=churned, site=ward), Options()).left_out["site"]
    )
    free = guess(data(churned=YES, site=np.arange(400) // 8), Options())
    assert "site" in free.inputs, "of few rows each"


def test_the_mean_of_two_columns_gives_the_label_away():
    other = RNG.normal(size=400).round(3)
    found = guess(data(score_=((NOISE + other) / 2), read=NOISE, maths=other), Options(label="score_"))
    assert found.left_out["maths"] == "it gives score_ away: score_ = (read + maths) / 2"


def test_two_columns_whose_difference_puts_all_rows_in_order_give_the_label_away():
    entered, age = RNG.normal(20, 5, 400).round(3), RNG.normal(0, 5, 400).round(3)
    found = guess(data(score=np.exp((entered - age) / 9), entered=entered, age=age), Options(label="score"))
    assert found.left_out["age"] == "it gives score away: entered - age puts all rows in its order"
    assert found.inputs == ("x",)


def test_a_text_of_which_each_value_has_one_number_gives_it_away():
    day = RNG.integers(1, 8, 400)
    words = pd.Series(day).map(dict(enumerate(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], 1)))
    found = guess(data(day_of_week=day, named=words), Options(label="day_of_week", task="regression"))
    assert "named" in found.left_out


def test_codes_of_digits_may_be_numbers_and_that_they_are_classes_is_not_sure():
    digits, words = RNG.choice(["0", "1", "2", "5"], 400), RNG.choice(["a", "b", "c"], 400)
    sure = {
        one.what: one.sure for one in guess(data(class_flares=digits), Options(label="class_flares")).guesses
    }
    assert sure["task: multiclass"] == "likely"
    sure = {one.what: one.sure for one in guess(data(target=words), Options()).guesses}
    assert sure["task: multiclass"] == "sure"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"days": RNG.integers(3, 900, 400)},
            "days: if it says how long it took until died, it is known only",
        ),
        ({"weight": RNG.choice([900, 2000], 400)}, "weight: an input; if it says how much a row counts"),
        ({"at": HOURS, "hour": (HOURS.hour + 6) % 24}, "hour: part of at, it seems"),
        (
            {"year": HOURS.day + 1990, "quarter": HOURS.hour % 4},
            "quarter: with year it may say more finely when rows came",
        ),
    ],
)
def test_what_names_say_of_columns_is_suspected(columns, words):
    time = "year" if "year" in columns else None
    found = guess(data(died=YES, **columns), Options(label="died", time=time))
    assert any(one.startswith(words) for one in found.suspected), found.suspected


PATIENTS = np.repeat(np.arange(80), 5) + 7000


def test_an_id_that_comes_again_is_a_group_that_is_held_out_whole_and_no_input():
    found = guess(data(target=NOISE, patient_id=PATIENTS), Options())
    assert (found.group, found.inputs) == ("patient_id", ("x",))
    assert found.sent == ("row", "patient_id", "x")
    alone = guess(data(target=NOISE, patient_id=PATIENTS), Options(group="none"))
    assert (alone.group, alone.sent) == (None, ("row", "x"))
    wards = data(target=NOISE, ward=[f"w{one}" for one in PATIENTS])
    assert guess(wards, Options()).group is None
    assert guess(wards, Options(group="ward")).group == "ward"
    with pytest.raises(UsageError, match="--group x"):
        guess(wards, Options(group="x"))


def test_in_a_table_by_year_what_comes_once_a_year_is_the_group_and_still_an_input():
    years = np.tile(np.arange(1990, 2010), 20)
    countries = [f"land {place}" for place in np.repeat(np.arange(20), 20)]
    table = data(target=NOISE, year=years, country=countries)
    found = guess(table, Options(time="year"))
    assert (found.group, "country" in found.inputs) == ("country", True)
    assert guess(data(target=NOISE, year=years, country=countries[::-1]), Options(time="none")).group is None


def test_a_part_of_the_time_is_left_out_by_whatever_clock_it_is():
    there = HOURS.tz_localize("UTC").tz_convert("America/New_York")
    days = pd.date_range("2024-01-01", periods=400, freq="D")
    found = guess(data(target=NOISE, at=HOURS, day=there.day, hour=there.hour), Options())
    assert found.left_out == {"day": "the day of at, which says it too"}
    assert "month" in guess(data(target=NOISE, at=days, month=days.month), Options()).left_out
    assert "month" in guess(data(target=NOISE, at=days, month=RNG.integers(1, 13, 400)), Options()).inputs


WEIGHTS = RNG.choice([0.5, 2.0], 400)


def test_a_column_that_is_called_a_weight_weighs_rows_and_is_no_input():
    found = guess(data(churned=YES, pweight=WEIGHTS), Options())
    assert (found.weight, found.sent) == ("pweight", ("row", "x"))
    assert "its name says so" in said(found, "weight of a row: pweight")
    none = guess(data(churned=YES, pweight=WEIGHTS), Options(weight="none"))
    assert (none.weight, "pweight" in none.inputs) == (None, True)


def test_a_weight_that_may_be_that_of_a_thing_is_taken_where_its_mean_is_one():
    assert guess(data(churned=YES, weight=WEIGHTS / WEIGHTS.mean()), Options()).weight == "weight"
    assert guess(data(churned=YES, weight=1000 * WEIGHTS), Options()).weight is None
    assert guess(data(churned=YES, weight=1000 * WEIGHTS), Options(weight="weight")).weight == "weight"
    with_unit = guess(data(churned=YES, weight_in_lbs=1000 * WEIGHTS), Options())
    assert with_unit.weight is None
    assert not any("weight_in_lbs" in one for one in with_unit.suspected)


@pytest.mark.parametrize("name", ["some", "below", "churned", "text"])
def test_what_cannot_weigh_rows_is_refused_as_a_weight(name):
    some = np.where(np.arange(400) == 7, "", WEIGHTS.astype(str))
    columns = data(churned=YES, some=some, below=-WEIGHTS, text=YES[::-1])
    with pytest.raises(UsageError, match=f"{name}"):
        guess(columns, Options(label="churned", weight=name))


@pytest.mark.parametrize("name", ["customerid", "invoiceno", "patient_id", "order_nr"])
@pytest.mark.parametrize("gaps", [False, True])
def test_a_number_that_is_called_an_id_is_no_amount_also_with_gaps(name, gaps):
    ids = pd.Series(RNG.integers(10_000, 10_100, 400)).astype("Int64")
    found = guess(
        data(target=YES, at=HOURS, **{name: ids.mask(ids.index % 9 == 0) if gaps else ids}), Options()
    )
    assert found.left_out[name] == "an id: a number that is only a name"


@pytest.mark.parametrize("mark", [-999, -200, 99999])
def test_a_number_far_from_all_others_that_comes_often_may_stand_for_what_is_not_known(mark):
    marked = np.where(RNG.random(400) < 0.05, mark, (20 + X * 5).round(1))
    (told,) = (
        one for one in guess(data(target=YES, temp=marked), Options()).suspected if "stands for" in one
    )
    assert told.startswith(f"temp: {mark} comes ")


@pytest.mark.parametrize("values", [np.exp(X * 3).round(1), np.clip(X, -1, 1), RNG.integers(0, 3, 400), X])
def test_a_long_tail_a_cap_and_few_values_are_no_marks(values):
    assert not any("stands for" in one for one in guess(data(target=YES, temp=values), Options()).suspected)
