"""Models trained alike: what is drawn, and what a pair of them would have needed."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from loop.calibrate import luck
from loop.data import features


@pytest.fixture
def rows():
    """Ten days of six rows; the label 1 is on the last day alone."""
    day = np.repeat(np.arange(10), 6)
    at = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(day, unit="D")
    return pd.DataFrame({features.DECIDED_AT: at, "row": np.arange(60), "label": (day == 9).astype(int)})


@pytest.mark.parametrize("number", range(20))
def test_whole_days_are_drawn_and_no_label_is_lost(rows, number):
    drawn = luck.draw(rows, "day", np.random.default_rng(number))
    assert set(drawn["label"]) == {0, 1}
    known = drawn[drawn["label"] == 0]
    for day, of_day in known.groupby(known[features.DECIDED_AT].dt.date):
        whole = rows[rows[features.DECIDED_AT].dt.date == day]
        times = len(of_day) / len(whole)
        assert times == int(times)
        assert (of_day["row"].value_counts() == times).all()


def test_the_same_number_draws_the_same_days(rows):
    one, other = (luck.draw(rows, "day", np.random.default_rng([1, 7])) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)


def test_pairs_are_of_other_draws_alone_where_the_seed_changes_no_score(tmp_path):
    trial = luck.Trial(tmp_path, 3)
    for name, scores in (("seed-000", [1.0, 2.0]), ("seed-001", [1.0, 2.0])):
        np.save(tmp_path / f"{name}.npy", scores)
    asked = []
    shop = SimpleNamespace(within=lambda _: shop, each=lambda _, work, names: asked.extend(names) or [])
    trial.pairs(shop, models=60, count=200, title="")
    assert len(asked) == len(set(asked)) == 200, "as many as of both kinds"
    assert all(name.startswith("drawn-") for name in asked)
    np.save(tmp_path / "seed-001.npy", [1.0, 2.5])
    asked.clear()
    trial.pairs(shop, models=60, count=200, title="")
    assert [sum(name.startswith(kind) for name in asked) for kind in luck.KINDS] == [100, 100]


def test_a_pair_comes_back_from_its_file_as_it_was():
    pair = luck.Pair({"log_loss": (0.1, -0.1, float("nan"))}, {"primary": 0.02})
    again = luck.read(luck.plain(pair))
    assert again.needed == pair.needed
    np.testing.assert_array_equal(again.gains["log_loss"], pair.gains["log_loss"])


@pytest.mark.parametrize(
    ("gain", "needed"),
    [((-0.05, -0.08, -0.02), 0.08), ((-0.05, -0.08, 0.01), 0.0), ((0.05, 0.02, 0.08), 0.0)],
)
def test_only_a_certain_loss_needs_a_margin(monkeypatch, gain, needed):
    middle, low, high = gain
    found = SimpleNamespace(gain=middle, low=low, high=high)
    policy = SimpleNamespace(
        primary=SimpleNamespace(metric="m"), guards=["m"], slices=SimpleNamespace(alpha=0.01)
    )
    monkeypatch.setattr(luck.compare, "gains", lambda *_: {"m": found})
    monkeypatch.setattr(luck.compare, "slices", lambda *_: [])
    pair = luck.judge(None, policy, None)
    assert pair.needed == {"primary": needed, "guards.m": -middle if needed else 0.0}
