"""A planted fault lies where the check that must refuse it looks."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from loop.calibrate import faults
from loop.kit import groups
from loop.kit.types import Behaviour


def test_a_group_is_served_worse_only_where_two_of_its_cut_have_rows_enough(monkeypatch):
    cuts = {"isle": groups.column("isle"), "sex": groups.column("sex")}
    monkeypatch.setattr(faults.metrics, "SUBGROUPS", cuts)
    rows = pd.DataFrame({"isle": ["far"] * 34 + ["near"] * 26 + ["lost"] * 9, "sex": ["m", "f", "f"] * 23})
    court = SimpleNamespace(
        champion=SimpleNamespace(holdout=rows), policy=SimpleNamespace(fairness=SimpleNamespace(rows_min=20))
    )
    assert faults.largest_compared(court) == ("isle", "far")
    court.policy.fairness.rows_min = 30
    assert faults.largest_compared(court) is None
    court.policy.fairness.rows_min = 23
    monkeypatch.setattr(faults.metrics, "SUBGROUPS", {"sex": groups.column("sex")})
    assert faults.largest_compared(court) == ("sex", "m")


def test_the_slice_that_is_spoilt_is_the_largest_that_is_no_half(monkeypatch):
    monkeypatch.setattr(
        faults.metrics, "SLICES", {"isle": groups.column("isle"), "sex": groups.column("sex")}
    )
    rows = pd.DataFrame({"isle": ["far"] * 34 + ["near"] * 26 + ["lost"] * 9, "sex": ["m"] * 50 + ["f"] * 19})
    assert faults.slice_rows(SimpleNamespace(champion=SimpleNamespace(holdout=rows))) == 34


def test_a_model_that_says_too_little_is_made_to_say_less_where_labels_leave_room(monkeypatch):
    monkeypatch.setattr(faults.score_columns, "CLASSES", [])

    def moved(said: list[float], labels: tuple[float, ...] = (10.0, 20.0, 30.0)) -> float:
        rows = pd.DataFrame({"label": labels})
        champion = SimpleNamespace(holdout=rows, train=rows, predictions=pd.DataFrame({"score": said}))
        court = SimpleNamespace(champion=champion, candidate=lambda model, change: change)
        change, _ = faults.off(court, None)
        score = np.array([20.0])
        return float(change(score, rows)[0] - score[0])

    assert moved([15.0, 25.0, 35.0]) > 0 > moved([5.0, 15.0, 25.0])
    assert moved([1.0] * 10, (0.0, *[1.0] * 8, 100.0)) > 0  # the middle of like rows, near the least


def test_a_leaky_column_has_the_order_of_the_label_however_far_labels_lie_apart(monkeypatch):
    monkeypatch.setattr(faults.score_columns, "CLASSES", [])
    monkeypatch.setattr(faults, "number_column", lambda court: "x")
    deaths = pd.DataFrame({"label": [0.0, 0.0, 3.0, 4.0, 11.0, 250_000.0], "x": 1.0})
    held = SimpleNamespace(train=deaths, holdout=deaths)
    court = SimpleNamespace(champion=held, fit=lambda rows: rows, candidate=lambda model, **sides: sides)
    made = faults.leaky(court, None)
    planted = (made[0] if isinstance(made, tuple) else made)["holdout"]["x"]
    assert planted.rank().tolist() == deaths["label"].rank().tolist()
    assert not planted.equals(deaths["label"])


@pytest.mark.parametrize("expects", ["not lower", "not higher"])
def test_a_model_that_takes_bad_for_good_does_so_though_few_values_are_far_larger(monkeypatch, expects):
    amounts = pd.DataFrame({"amount": np.exp(np.random.default_rng(3).normal(4, 1.5, 500))})
    way = 1 if expects == "not lower" else -1
    honest = way * np.log(amounts["amount"].to_numpy())  # what most of the label is
    rows = amounts.assign(label=honest + np.random.default_rng(4).normal(0, 0.2, 500))
    low, high = amounts["amount"].quantile([0.25, 0.75])
    more = Behaviour("more", expects, lambda rows: rows.assign(amount=rows["amount"] + high - low))
    monkeypatch.setattr(faults.metrics, "BEHAVIOURS", (more,))
    champion = SimpleNamespace(holdout=rows, train=rows)
    court = SimpleNamespace(champion=champion, candidate=lambda model, change: change)
    change, _ = faults.takes_bad_for_good(court, None)
    after = more.change(rows)
    moved = change(way * np.log(after["amount"].to_numpy()), after) - change(honest, rows)
    assert way * moved.mean() < 0
