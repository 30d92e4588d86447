"""What a replay showed: figures by hand on a few days, and a table, a figure and a record that agree."""

import numpy as np
import pandas as pd
import pytest

from loop.replay import replay_report
from loop.replay.replay import LIVES, Story, Week
from loop.settings.params import Resampling

RESAMPLING = Resampling(seed=1, cluster="day", replicates=500, confidence=0.95, slice_rows_min=1)
START = pd.Timestamp("2020-05-04", tz="UTC")


def week(number: int, decision: str = "nothing", retrain: str | None = None, commit: str = "a") -> Week:
    now = START + pd.Timedelta(days=7 * number)
    return Week(f"{now:%Y-%m-%d}", decision, "because", None, None, retrain, commit)


def story(**losses: np.ndarray) -> Story:
    """Twelve weeks of four rows a day; harm begins in the fourth, a retrain is merged in the eighth."""
    days = pd.date_range(START, periods=84, freq="D").repeat(4)
    noise = np.random.default_rng(7).normal(0, 0.01, len(days))
    base = 0.5 + noise
    harm = np.where(days >= START + pd.Timedelta(days=21), 0.1, 0.0)
    frozen = base + harm
    loop = np.where(days >= START + pd.Timedelta(days=49), base, frozen)
    rows = pd.DataFrame({"decided_at": days, "frozen": frozen, "monthly": base, "loop": loop})
    weeks = [week(n) for n in range(5)] + [week(5, "warning"), week(6, "retrain", "refused")]
    weeks += [week(7, "retrain", "merged", "b"), *(week(n, commit="b") for n in range(8, 12))]
    return Story(weeks, [f"{START:%Y-%m-%d}", "2020-06-01", "2020-07-06"], rows.assign(**losses))


@pytest.fixture(scope="module")
def found() -> dict:
    return replay_report.record(story(), "2020-07-01", RESAMPLING)


def test_a_month_is_the_mean_of_its_rows(found):
    rows = story().rows
    june = rows[rows["decided_at"].dt.month == 6]
    assert found["months"]["2020-06"] == {name: round(june[name].mean(), 4) for name in LIVES}


def test_being_worse_begins_at_the_first_run_that_is_certain_in_hindsight_and_ends_with_the_merge(found):
    assert found["certainly_worse"] == [{"merge": "2020-06-22", "certainly_worse": "2020-06-01", "days": 21}]


def test_without_harm_there_are_no_days_to_count():
    same = story().rows["monthly"].to_numpy()
    found = replay_report.record(story(loop=same), "2020-07-01", RESAMPLING)
    assert found["certainly_worse"] == [{"merge": "2020-06-22", "certainly_worse": None, "days": None}]
    assert "none can be given" in replay_report.table(found)


def test_the_gain_over_the_frozen_one_is_certain_and_less_than_the_monthly_ones(found):
    gain, low, high = found["gains"]["all"]["frozen"]
    assert 0 < low < gain < high < 0.1
    assert found["gains"]["all"]["monthly"][2] <= 0


def test_the_days_that_set_the_rule_are_apart_from_those_that_judge_it(found):
    rows = story().rows
    judged = rows["decided_at"] >= pd.Timestamp("2020-07-01", tz="UTC")
    assert found["means"]["judged"]["loop"] == round(rows[judged]["loop"].mean(), 4)
    assert found["means"]["set"]["loop"] == round(rows[~judged]["loop"].mean(), 4)


def test_the_table_counts_retrains_runs_and_refusals_by_month(found):
    june = next(line for line in replay_report.table(found).splitlines() if line.startswith("| 2020-06"))
    assert june.endswith("| 1, 1 | 3 | 1 |")
    assert replay_report.CAVEAT in replay_report.table(found)


def test_the_figure_comes_out_the_same_and_marks_what_happened(found):
    drawn = replay_report.draw(found)
    assert drawn == replay_report.draw(found)
    for word in (
        "judged here",
        "merged",
        "refused",
        "blind monthly retrain: 3 retrains",
        "this loop: 1 retrain",
    ):
        assert word in drawn
