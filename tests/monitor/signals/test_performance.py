"""What matured labels say: means by window with intervals by days, and the day on which a rise began."""

import numpy as np
import pandas as pd
import pytest

from loop.kit.types import Metric
from loop.monitor.signals import performance
from loop.monitor.signals.performance import daily, loss_metric
from problem import metrics
from support.monitor_case import settings

SINCE, BASELINE, UNTIL = "2013-01-01", "2013-06-01", "2013-07-27"
ENDS = ["2013-07-13", "2013-07-20", "2013-07-27"]
SETTINGS = settings(rows_min=100)


def rows(
    seed: int = 0, per_day: int = 40, worse_from: str | None = None, flipped: float = 0.3
) -> pd.DataFrame:
    """Calibrated rows of each day; from a day on, a share of labels is drawn against the score."""
    rng = np.random.default_rng(seed)
    days = np.arange(np.datetime64(SINCE), np.datetime64(UNTIL))
    day = np.repeat(np.arange(len(days)), per_day)
    score = rng.beta(2, 4, len(day))
    at = pd.Timestamp(SINCE, tz="UTC") + pd.to_timedelta(day + 0.5, unit="D")
    late = np.zeros(len(day), bool) if worse_from is None else at >= pd.Timestamp(worse_from, tz="UTC")
    chance = np.where(late & (rng.uniform(size=len(day)) < flipped), 1 - score, score)
    return pd.DataFrame(
        {"decided_at": at, "score": score, "label": rng.uniform(size=len(day)) < chance}
    ).astype({"label": float})


def seen(frame, settings_=SETTINGS):
    return performance.performance(daily(frame, SINCE, UNTIL), BASELINE, ENDS, settings_)


def series(found) -> dict[str, performance.Series]:
    return {one.name: one for one in found.series}


def alarms(found) -> set[str]:
    return {one.name for one in found.series if one.alarm[-1]}


def test_a_day_is_the_sum_of_its_rows_and_one_without_rows_is_zero():
    frame = rows()
    gap = frame["decided_at"].dt.strftime("%Y-%m-%d") == "2013-02-03"
    found = daily(frame[~gap].sample(frac=1, random_state=1), SINCE, UNTIL)
    assert len(found.days) == (np.datetime64(UNTIL) - np.datetime64(SINCE)).astype(int)
    place = found.days.tolist().index(np.datetime64("2013-02-03").astype(object))
    assert (found.rows[place], found.loss[place], found.label[place]) == (0, 0, 0)
    assert found.rows.sum() == (~gap).sum()
    assert found.label.sum() == frame.loc[~gap, "label"].sum()
    loss = loss_metric().rows(frame["label"].to_numpy(), frame["score"].to_numpy())
    assert found.loss.sum() == pytest.approx(loss[~gap].sum())


def test_rows_of_other_days_are_left_out():
    frame = rows()
    found = daily(frame, "2013-03-01", "2013-03-08")
    assert found.rows.tolist() == [40] * 7
    assert daily(frame, "2013-03-01", "2013-03-01").rows.tolist() == []
    assert daily(frame.iloc[:0], "2013-03-01", "2013-03-08").rows.sum() == 0


def test_a_window_is_the_mean_of_its_rows_inside_its_interval():
    frame = rows()
    found = seen(frame)
    last = frame[frame["decided_at"] >= pd.Timestamp("2013-06-29", tz="UTC")]
    loss = loss_metric().rows(last["label"].to_numpy(), last["score"].to_numpy()).mean()
    assert found.loss.value[-1] == pytest.approx(loss)
    assert found.loss.low[-1] < loss < found.loss.high[-1]
    assert found.bias.value[-1] == pytest.approx((last["score"] - last["label"]).mean())
    assert found.label[-1] == pytest.approx(last["label"].mean())
    assert found.rows[-1] == 28 * 40


def test_a_model_that_is_as_it_was_alarms_nobody():
    assert alarms(seen(rows())) == set()


def test_a_loss_that_rose_is_seen_in_the_mean_and_in_the_sum_of_days():
    found = seen(rows(worse_from="2013-07-01", flipped=0.5))
    assert alarms(found) >= {"loss", "cusum"}


def test_the_path_leaves_zero_for_good_on_the_day_of_the_rise():
    found = seen(rows(worse_from="2013-07-01", flipped=0.6)).cusum
    path = dict(zip(found.days, found.path, strict=True))
    first = next(day for day, value in path.items() if value > found.limit)
    assert "2013-07-01" <= first <= "2013-07-10"
    assert found.days[0] == BASELINE
    assert max(value for day, value in path.items() if day < "2013-07-01") < found.limit


def test_a_score_that_is_too_high_everywhere_is_a_bias():
    frame = rows()
    late = frame["decided_at"] >= pd.Timestamp(BASELINE, tz="UTC")
    found = seen(frame.assign(score=frame["score"] + 0.2 * late))
    assert "bias" in alarms(found)
    assert series(found)["bias"].low[-1] > 0


def test_fewer_rows_than_rows_min_alarm_nobody():
    worse = rows(worse_from="2013-07-01", flipped=0.9)
    assert not alarms(seen(worse, settings(rows_min=28 * 40 + 1))) & {"loss", "bias"}


def test_days_without_rows_leave_the_mean_of_the_others_and_all_of_them_leave_none():
    frame = rows()
    some = frame[~frame["decided_at"].dt.strftime("%Y-%m-%d").isin(["2013-07-05", "2013-07-06"])]
    assert np.isfinite(seen(some).loss.value).all()
    none = frame[frame["decided_at"] < pd.Timestamp(BASELINE, tz="UTC")]
    found = seen(none)
    assert np.isnan(found.loss.value).all()
    assert alarms(found) == set()
    assert {one.signal(ENDS, settings().hysteresis).value for one in found.series} == {None}
    assert found.cusum.path == [None] * len(found.cusum.days)


def test_when_nothing_has_matured_since_training_there_is_no_path():
    found = performance.performance(
        daily(rows(), SINCE, BASELINE), BASELINE, ["2013-05-18", "2013-05-25", "2013-06-01"], SETTINGS
    )
    assert found.cusum.days == []
    assert "cusum" not in alarms(found)


def test_the_same_rows_in_another_order_give_the_same_figures():
    frame = rows()
    one, two = seen(frame), seen(frame.sample(frac=1, random_state=5))
    np.testing.assert_allclose(one.loss.low, two.loss.low)
    assert one.cusum == two.cusum


PLAIN = Metric("plain", "lower", rows=lambda label, score: np.abs(label - score))
ROOT = Metric("root", "lower", rows=PLAIN.rows, value=lambda mean: mean[..., 0] ** 0.5)
RANK = Metric("rank", "higher", builtin="roc_auc")
MORE = Metric("more", "higher", rows=PLAIN.rows)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"a": PLAIN, "b": ROOT}, PLAIN),
        ({"a": RANK, "b": PLAIN}, PLAIN),
        ({"a": ROOT, "b": MORE, "c": PLAIN}, PLAIN),
        ({"a": RANK}, RANK),
    ],
)
def test_the_daily_loss_is_the_primary_metric_or_the_first_that_is_a_plain_mean(monkeypatch, known, expected):
    monkeypatch.setattr(metrics, "METRICS", known)
    monkeypatch.setattr(metrics, "PRIMARY", "a")
    assert loss_metric() == expected


@pytest.mark.parametrize("only", [RANK, ROOT, MORE], ids=["rank", "root", "higher"])
def test_without_a_plain_mean_the_bias_is_watched_alone_and_nothing_breaks(monkeypatch, only):
    monkeypatch.setattr(metrics, "METRICS", {"a": only})
    monkeypatch.setattr(metrics, "PRIMARY", "a")
    found = seen(rows(worse_from="2013-07-01", flipped=0.9))
    assert np.isnan(found.loss.value).all()
    assert not alarms(found) & {"loss", "cusum"}
    assert np.isfinite(found.bias.value).all()


def test_a_day_of_which_one_bad_row_is_left_does_not_move_the_sum_of_days():
    frame = rows()
    thin = frame["decided_at"].dt.strftime("%Y-%m-%d") == "2013-06-20"
    one = frame[thin].head(1).assign(score=0.01, label=1.0)
    assert "cusum" not in alarms(seen(pd.concat([frame[~thin], one])))
