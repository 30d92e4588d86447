"""Numbers of params.yaml follow the unit of the data."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loop.base.errors import LoopError
from loop.init import cautious, data_file, problem_files
from loop.init.guess import guess
from loop.init.guessed import Options


def written(times: list[str] | None, time: str) -> dict[str, str]:
    """The files of a problem of a hundred rows for each of these times."""
    rng = np.random.default_rng(1)
    rows = 100 * len(times or range(8))
    frame = pd.DataFrame({"age": rng.integers(18, 70, rows)})
    frame["wage"] = (frame["age"] + rng.normal(0, 5, rows)).round(2)
    if times:
        frame["at"] = np.repeat(times, 100)
    frame.to_csv("wages.csv", index=False)
    found = guess(data_file.read(Path("wages.csv")), Options(label="wage", time=time))
    return problem_files.write(found, problem_files.names(found, None), Path("data/source/wages.csv"))


@pytest.mark.parametrize(
    ("times", "window", "step", "check_up"),
    [
        ([str(year) for year in range(2003, 2010)], 366, 366, 732),
        ([f"{at:%Y-%m-%d}" for at in pd.date_range("2020-01-01", periods=30, freq="MS")], 31, 31, 62),
        ([f"{at:%Y-%m-%d}" for at in pd.date_range("2020-01-01", periods=24, freq="W")], 21, 7, 56),
        ([f"{at:%Y-%m-%d}" for at in pd.date_range("2020-01-01", periods=60, freq="D")], 7, 2, 56),
    ],
    ids=["years", "months", "weeks", "days"],
)
def test_a_monitoring_run_holds_at_least_one_unit_of_the_data(
    tmp_path, monkeypatch, times, window, step, check_up
):
    monkeypatch.chdir(tmp_path)
    params = written(times, "at")["params.yaml"]
    for line in (f"window_days: {window} ", f"step_days: {step}\n", f"check_up_days: {check_up}\n"):
        assert line in params


def test_rows_without_a_time_are_one_file_and_the_source_says_that_they_have_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = written(None, "none")
    source = texts["src/problem/source.py"]
    assert re.search("short_days_max: 0 +# days with fewer", texts["params.yaml"])
    assert 'TIME = {"wages": None}' in source


def numbers_of(tmp_path, **columns) -> cautious.Numbers:
    pd.DataFrame(columns).to_csv(tmp_path / "some.csv", index=False)
    return cautious.numbers(guess(data_file.read(tmp_path / "some.csv"), Options(label="y")))


def test_a_class_of_one_row_does_not_stop_the_count_of_trees(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=900).round(3)
    kinds = np.where(x + rng.normal(size=900) > 0, "a", "b").astype(object)
    kinds[7] = "once"
    assert numbers_of(tmp_path, x=x, y=kinds).model["trees"] >= 20


def test_rows_that_leave_nothing_to_learn_or_to_judge_are_refused(tmp_path):
    x = np.random.default_rng(1).normal(size=100).round(3)
    at = pd.date_range("2024-01-01", periods=100, freq="D")
    late = np.where(np.arange(100) < 95, "no", "yes")
    with pytest.raises(LoopError, match="of 1 different labels"):
        numbers_of(tmp_path, x=x, at=at, y=late)


@pytest.mark.parametrize(("name", "cluster"), [("x", "day"), ("day", "week")])
def test_days_are_not_taken_for_a_column_that_is_called_so(tmp_path, name, cluster):
    rng = np.random.default_rng(1)
    at = pd.date_range("2023-01-01", periods=600, freq="D").strftime("%Y-%m-%dT%H:%MZ")
    values = {name: rng.normal(size=600).round(3), "at": at, "y": rng.choice(["no", "yes"], 600)}
    assert numbers_of(tmp_path, **values).cluster == cluster


def test_training_on_yearly_data_ends_where_a_year_begins(tmp_path):
    rng = np.random.default_rng(1)
    years, values = np.repeat(np.arange(2003, 2010), 60), rng.normal(size=(2, 420))
    pd.DataFrame({"year": years, "x": values[0], "y": values[1]}).to_csv(tmp_path / "some.csv", index=False)
    found = cautious.numbers(guess(data_file.read(tmp_path / "some.csv"), Options(label="y", time="year")))
    assert (found.split.month, found.split.day) == (1, 1)
    assert found.train_rows > found.holdout_rows > 0


def test_of_few_rows_enough_judge_and_the_pipeline_asks_for_no_more_than_there_are(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=50).round(3)
    found = numbers_of(tmp_path, x=x, y=(x + rng.normal(size=50)).round(3))
    assert found.holdout_rows >= 12
    params = small(tmp_path, 50)["params.yaml"]
    asked = int(params.split("examples:\n  rows_min: ")[1].split()[0])
    assert asked <= min(found.holdout_rows, found.train_rows)
    with pytest.raises(LoopError, match="20 rows to learn from"):
        small(tmp_path, 16)


def small(tmp_path, rows: int) -> dict[str, str]:
    x = np.random.default_rng(1).normal(size=rows).round(3)
    pd.DataFrame({"x": x, "y": (x * 2 + x**2).round(3)}).to_csv(tmp_path / "some.csv", index=False)
    found = guess(data_file.read(tmp_path / "some.csv"), Options(label="y"))
    return problem_files.write(found, problem_files.names(found, None), Path("data/source/some.csv"))


def test_a_monitoring_run_of_one_row_a_day_has_rows_enough(tmp_path):
    rng = np.random.default_rng(1)
    at = pd.date_range("2022-01-01", periods=900, freq="D").strftime("%Y-%m-%dT%H:%MZ")
    found = numbers_of(tmp_path, at=at, x=rng.normal(size=900).round(3), y=rng.normal(size=900).round(3))
    assert found.monitor_rows <= found.window_days // 2


def test_the_least_that_is_asked_is_what_one_guess_for_all_loses_on_the_rows_that_judge(tmp_path):
    at = pd.date_range("2022-01-01", periods=500, freq="D").strftime("%Y-%m-%dT%H:%MZ")
    calm = np.where(np.arange(500) < 400, 10.0, 1.0) * np.where(np.arange(500) % 2, 1, -1)
    found = numbers_of(tmp_path, at=at, x=np.arange(500) % 7, y=calm)
    assert found.naive_loss == pytest.approx(1.0)
    assert found.guess_loss == pytest.approx(10.0)


def test_a_label_that_goes_on_rising_is_said_and_a_model_must_beat_its_newest_values(tmp_path):
    at = pd.date_range("2022-01-01", periods=500, freq="D").strftime("%Y-%m-%dT%H:%MZ")
    columns = {"at": at, "x": np.arange(500) % 7, "y": np.arange(500)}
    assert numbers_of(tmp_path, **columns).naive_loss == pytest.approx(90, abs=3), (
        "400..499, of 320..399 before"
    )
    found = guess(data_file.read(tmp_path / "some.csv"), Options(label="y"))
    assert any("y: it rises as time goes on (rank correlation +1.00)" in one for one in found.suspected)


def test_rows_without_a_time_are_resampled_by_their_group_else_one_by_one_and_never_by_a_day(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=900).round(3)
    patient = np.repeat(np.arange(90), 10)
    numbers = numbers_of(tmp_path, x=x, y=x + rng.normal(size=900), patient_id=patient)
    assert numbers.cluster == "patient_id"
    assert numbers_of(tmp_path, x=x, y=x + rng.normal(size=900)).cluster == "part"


@pytest.mark.parametrize(("noise", "limit"), [(1.0, "0.97"), (0.2, "0.99"), (0.05, "0.99")])
def test_a_column_that_tells_much_from_the_first_on_does_not_fail_each_review(tmp_path, noise, limit):
    rng = np.random.default_rng(1)
    x = rng.normal(size=900)
    frame = pd.DataFrame({"x": x.round(3), "y": (x + noise * rng.normal(size=900)).round(3)})
    frame.to_csv(tmp_path / "some.csv", index=False)
    found = guess(data_file.read(tmp_path / "some.csv"), Options(label="y"))
    params = problem_files.write(found, problem_files.names(found, None), tmp_path / "some.csv")[
        "params.yaml"
    ]
    assert f"limit: {limit}" in params[params.index("    feature:") : params.index("    jump:")]
    assert any(one.startswith("x: alone it tells y") for one in found.suspected) is (limit != "0.97")


@pytest.mark.parametrize(("rows", "words"), [(60, None), (800, "more than luck does"), (9000, "half of the")])
def test_a_gap_between_subgroups_is_asked_for_where_groups_are_large_enough_to_show_one(
    tmp_path, rows, words
):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"sex": rng.choice(["f", "m"], rows), "x": rng.normal(size=rows).round(3)})
    frame.assign(y=(frame["x"] + rng.normal(size=rows)).round(3)).to_csv(tmp_path / "some.csv", index=False)
    found = guess(data_file.read(tmp_path / "some.csv"), Options(label="y"))
    params = problem_files.write(found, problem_files.names(found, None), tmp_path / "some.csv")[
        "params.yaml"
    ]
    assert ("fairness:" in params) is (words is not None)
    assert words is None or words in params


def test_goods_are_no_persons_whose_gaps_would_be_unfair(tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"category": rng.choice(["tv", "radio"], 9000), "x": rng.normal(size=9000).round(3)})
    frame.assign(y=(frame["x"] + rng.normal(size=9000)).round(3)).to_csv(tmp_path / "some.csv", index=False)
    found = guess(data_file.read(tmp_path / "some.csv"), Options(label="y"))
    texts = problem_files.write(found, problem_files.names(found, None), tmp_path / "some.csv")
    assert "fairness:" not in texts["params.yaml"]
    assert '"category"' in texts["src/problem/metrics.py"]


def test_a_monitoring_run_of_few_rows_asks_for_no_more_than_come(tmp_path):
    x = np.random.default_rng(1).normal(size=44).round(3)
    numbers = numbers_of(tmp_path, x=x, y=x * 2 + np.arange(44) % 3)
    assert numbers.monitor_rows <= 44 / 100 * numbers.window_days


def test_what_is_known_ends_with_the_data(tmp_path):
    """A day more would be a day without rows: the monitor would tell that they stopped."""
    days = pd.date_range("2023-01-01", "2023-12-31").strftime("%Y-%m-%d")
    x = np.random.default_rng(1).normal(size=365).round(3)
    assert f"{numbers_of(tmp_path, at=days, x=x, y=x + np.arange(365) % 5).as_of:%Y-%m-%d}" == "2024-01-01"


def test_a_last_day_that_is_not_whole_is_no_day_without_rows(tmp_path):
    at = pd.date_range("2024-03-01", periods=900, freq="3h").strftime("%Y-%m-%d %H:%M")
    x = np.random.default_rng(1).normal(size=900).round(3)
    numbers = numbers_of(tmp_path, at=at, x=x, y=x + np.arange(900) % 5)
    assert f"{numbers.until:%m-%d %H:%M}" == "06-21 10:00"


@pytest.mark.parametrize(
    ("first", "apart", "until"),
    [
        ("2024-03-01 00:05:00", "8min", "2024-03-06 00:00:00"),  # the day is as good as over: it ends with it
        ("2024-03-01 10:00:00", "8min", "2024-03-06 09:53:00"),
        ("2024-03-01 10:00:12", "8min 1s", "2024-03-06 10:07:12"),
        ("2024-03-01 00:00:00", "3h", "2024-06-21 10:00:00"),
    ],
)
def test_a_window_ends_where_the_file_does_so_that_a_longer_file_has_the_same_rows_within_it(
    tmp_path, first, apart, until
):
    at = pd.Series(pd.date_range(first, periods=900, freq=apart))
    x = np.random.default_rng(1).normal(size=900).round(3)
    numbers = numbers_of(tmp_path, at=at.dt.strftime("%Y-%m-%d %H:%M:%S"), x=x, y=x + np.arange(900) % 5)
    assert at.max() < numbers.until.tz_localize(None) <= at.max() + pd.Timedelta(apart)
    assert f"{numbers.until:%Y-%m-%d %H:%M:%S}" == until


def test_labels_count_that_the_file_knows_and_none_that_a_longer_file_has_within_the_hour(tmp_path):
    at = pd.date_range("2024-03-01 00:10", periods=600, freq="3h10min")
    known = at + pd.Timedelta(minutes=95)
    x = np.random.default_rng(1).normal(size=len(at)).round(3)
    frame = pd.DataFrame({"at": at, "known": known, "x": x, "y": x + np.arange(len(at)) % 5})
    frame.to_csv(tmp_path / "some.csv", index=False)
    found = guess(data_file.read(tmp_path / "some.csv"), Options(label="y", time="at", known="known"))
    assert cautious.numbers(found).as_of == known.max().tz_localize("UTC")


def test_days_until_the_last_label_came_are_allowed_to_be_without_rows(tmp_path):
    days = pd.date_range("2023-01-01", "2023-12-31").repeat(4)
    x = np.random.default_rng(1).normal(size=len(days)).round(3)
    paid = days + pd.Timedelta(days=90)
    frame = pd.DataFrame({"at": days, "paid": paid, "x": x, "y": x + np.arange(len(days)) % 5})
    frame.to_csv(tmp_path / "some.csv", index=False)
    found = guess(data_file.read(tmp_path / "some.csv"), Options(label="y", time="at", known="paid"))
    assert cautious.numbers(found).short_days_max == 90


def test_a_monitoring_run_asks_for_no_more_rows_than_the_newest_one_has_where_they_became_few(tmp_path):
    often = pd.date_range("2020-01-01", "2022-12-31").repeat(2)
    seldom = pd.date_range("2023-01-01", "2024-12-31", freq="14D")
    days = often.append(seldom)
    x = np.random.default_rng(1).normal(size=len(days)).round(3)
    numbers = numbers_of(tmp_path, at=days, x=x, y=x + np.arange(len(days)) % 5)
    newest = (days >= (numbers.as_of - pd.Timedelta(days=numbers.window_days)).tz_localize(None)).sum()
    assert numbers.monitor_rows <= newest < 20


def test_what_two_columns_tell_together_is_said(tmp_path):
    rng = np.random.default_rng(1)
    one, two = rng.normal(size=(2, 900)).round(3)
    y = (one + two + 0.2 * rng.normal(size=900)).round(3)
    pd.DataFrame({"one": one, "two": two, "y": y}).to_csv(tmp_path / "some.csv", index=False)
    found = guess(data_file.read(tmp_path / "some.csv"), Options(label="y"))
    said = problem_files.tells_much(found, cautious.numbers(found))
    assert said.startswith("one + two: alone it puts 99.")
    assert not found.suspected


def test_rows_that_have_no_label_yet_do_not_take_the_place_of_those_that_judge(tmp_path):
    times = pd.date_range("2024-01-01", periods=400, freq="D").strftime("%Y-%m-%d")
    target = pd.Series(np.random.default_rng(1).normal(size=400)).mask(np.arange(400) >= 300)
    n = numbers_of(tmp_path, at=times, y=target)
    assert (n.train_rows, n.holdout_rows) == (240, 60)
    assert f"{n.split:%Y-%m-%d} {n.until:%Y-%m-%d}" == "2024-08-28 2025-02-04"


def test_what_is_hardly_ever_missing_has_a_limit_by_its_worst_window_and_what_came_late_by_all_days(tmp_path):
    rng = np.random.default_rng(1)
    at = pd.date_range("2023-01-01", periods=400, freq="D").repeat(3)
    gust, rain, wind = (rng.normal(size=1200) for _ in range(3))
    gust[[5, 700]] = np.nan
    rain[850:880] = np.nan
    wind[:600] = np.nan
    found = numbers_of(tmp_path, at=at, gust=gust, rain=rain, wind=wind, y=rng.normal(size=1200))
    assert found.window_days == 28
    assert 0.05 < found.nulls["gust"] < 0.1
    assert found.nulls["rain"] == pytest.approx(2 * 30 / 84 + 0.05, abs=0.01)
    assert found.nulls["wind"] == 1.0


def test_a_list_of_categories_lets_three_rows_of_a_monitoring_run_in_that_are_none(tmp_path):
    rng = np.random.default_rng(1)
    for rows, others in ((40_000, 0.01), (400, 0.05)):
        at = pd.Timestamp("2023-01-01") + pd.to_timedelta(np.arange(rows) * 400 / rows, unit="D")
        found = numbers_of(tmp_path, at=at, x=rng.normal(size=rows), y=rng.normal(size=rows))
        assert found.others == pytest.approx(others, abs=0.005)


@pytest.mark.parametrize(
    ("sigma", "rows", "middle"), [(2.0, 1500, True), (1.2, 1500, True), (0.3, 1500, False), (2.0, 300, False)]
)
def test_trees_say_the_middle_of_like_rows_where_few_rows_hold_much(
    tmp_path, monkeypatch, sigma, rows, middle
):
    """The absolute error decides; the mean of amounts with a long tail loses more than one guess for all."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    staff = rng.integers(1, 20, rows)
    shops = pd.DataFrame(
        {"staff": staff, "revenue": np.exp(0.1 * staff + rng.normal(5, sigma, rows)).round(2)}
    )
    shops.to_csv("shops.csv", index=False)
    found = guess(data_file.read(Path("shops.csv")), Options(label="revenue", time="none"))
    texts = problem_files.write(found, problem_files.names(found, None), Path("data/source/shops.csv"))
    assert ("middle=True" in texts["src/problem/model.py"]) is middle


def test_where_most_rows_have_one_number_squared_errors_decide(tmp_path, monkeypatch):
    """Its absolute error is least for that number, whatever is asked: a model would say it of all."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    claims = pd.DataFrame({"age": rng.integers(18, 80, 1500)})
    claims["paid"] = np.where(rng.random(1500) < 0.1, np.exp(rng.normal(6, 1, 1500)), 0.0).round(2)
    claims.to_csv("claims.csv", index=False)
    found = guess(data_file.read(Path("claims.csv")), Options(label="paid", time="none"))
    texts = problem_files.write(found, problem_files.names(found, None), Path("data/source/claims.csv"))
    assert "middle" not in texts["src/problem/model.py"]
    assert 'PRIMARY = "rmse"' in texts["src/problem/metrics.py"]
    assert "metric: rmse" in texts["params.yaml"]
    assert any("of rows have 0" in one for one in found.suspected)


@pytest.mark.parametrize(
    ("loss", "limit"), [(228.918, 229.0), (0.43215, 0.4322), (1234567.0, 1235000.0), (3.0, 3.0)]
)
def test_the_limit_of_a_naive_guess_lets_that_guess_through(loss, limit):
    assert cautious.above(loss) == limit
