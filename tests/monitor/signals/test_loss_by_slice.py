"""Where the loss rose is found among all slices of the features."""

import numpy as np
import pandas as pd

from loop.monitor.inputs.windows import Days
from loop.monitor.signals import loss_by_slice
from support.monitor_case import settings

WHEN = Days("2024-01-01", "2024-05-01", "2024-06-10", ["2024-06-10"], ["2024-06-01"])
FEATURES = ["shop", "size", "flag"]
SETTINGS = settings(window_days=28)


def rows(seed: int = 3, per_day: int = 60) -> pd.DataFrame:
    """Calibrated rows of five months; one in twenty has no size."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", "2024-06-01", freq="D", tz="UTC", inclusive="left")
    count = len(days) * per_day
    score = rng.uniform(0.05, 0.95, count)
    return pd.DataFrame(
        {
            "decided_at": np.repeat(days, per_day)
            + pd.to_timedelta(rng.integers(0, 86_400, count), unit="s"),
            "shop": rng.choice(["a", "b", "c", "d"], count),
            "size": np.where(rng.random(count) < 0.05, np.nan, rng.normal(size=count)),
            "flag": rng.random(count) < 0.5,
            "score": score,
            "label": (rng.random(count) < score).astype(float),
        }
    )


def turned(frame: pd.DataFrame, where, since: str = "2024-05-04") -> pd.DataFrame:
    """Labels that say the other thing from a day on."""
    late = where & (frame["decided_at"] >= pd.Timestamp(since, tz="UTC"))
    return frame.assign(label=frame["label"].mask(late, 1 - frame["label"]))


def found(frame: pd.DataFrame, features: list[str] = FEATURES) -> list[tuple[str, str]]:
    return [(one.feature, one.value) for one in loss_by_slice.rose(frame, features, WHEN, SETTINGS)]


def test_where_labels_of_one_value_turned_it_comes_first_with_its_loss_then_and_now():
    frame = rows()
    first = loss_by_slice.rose(turned(frame, frame["shop"] == "b"), FEATURES, WHEN, SETTINGS)[0]
    assert (first.feature, first.value) == ("shop", "b")
    assert first.after > 1.5 * first.before
    newest = frame["decided_at"] >= pd.Timestamp("2024-05-04", tz="UTC")
    assert first.rows == ((frame["shop"] == "b") & newest).sum()


def test_a_part_of_the_numbers_and_rows_without_a_value_are_slices_too():
    frame = rows()
    baseline = frame["decided_at"] < pd.Timestamp("2024-05-01", tz="UTC")
    highest = frame.loc[baseline, "size"].quantile(0.8)
    assert found(turned(frame, frame["size"] > highest))[0] == ("size", f"above {highest:.4g}")
    assert found(turned(frame, frame["size"].isna()))[0] == ("size", "no value")
    assert found(turned(frame, frame["flag"]))[0] == ("flag", "True")


def test_a_loss_that_rises_for_all_is_no_slices():
    frame = rows()
    assert found(turned(frame, frame["score"].notna())) == []


def test_of_many_slices_without_a_change_hardly_ever_one_is_named():
    named = [found(rows(seed, per_day=30)) for seed in range(20)]
    assert sum(map(bool, named)) <= 1


def test_a_slice_that_was_as_bad_in_a_past_window_is_none():
    frame = rows()
    spring = frame["decided_at"].between(*pd.to_datetime(["2024-01-25", "2024-03-05"], utc=True))
    before = frame.assign(label=frame["label"].mask(spring & (frame["shop"] == "b"), 1 - frame["label"]))
    part = (frame["shop"] == "b") & (frame["score"] > 0.5)
    assert found(turned(frame, part))[0] == ("shop", "b")
    assert found(turned(before, part)) == []


def test_no_rows_and_values_that_came_later_are_no_error():
    frame = rows()
    assert found(frame.iloc[:0]) == []
    new = frame["decided_at"] >= pd.Timestamp("2024-05-20", tz="UTC")
    assert found(frame.assign(shop=frame["shop"].mask(new, "e"), size=np.nan)) == []
