"""Numbers of params.yaml follow the unit of the data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loop.init import data_file, problem_files
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
    source = written(None, "none")["src/problem/source.py"]
    assert 'TIME = {"wages": None}' in source
