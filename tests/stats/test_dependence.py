"""What no single feature shows: the dependence among them."""

import numpy as np
import pandas as pd
import pytest

from loop.stats import dependence, distance
from loop.stats.profile import bins, past, profile


def rows(seed, together=0.8, size=6000, shift=0.0):
    """Three columns of normal values, the first two correlated so far; the third a category."""
    random = np.random.default_rng(seed)
    x, noise = random.normal(size=(2, size))
    y = together * x + np.sqrt(1 - together**2) * noise
    days = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(size) * 30 // size, unit="D")
    category = pd.Series(random.choice(["a", "b", "c"], size, p=[0.6, 0.3, 0.1]))
    return pd.DataFrame({"x": x + shift, "y": y, "z": category, "day": days})


BASELINE = rows(0)
BINS = bins(BASELINE, ["x", "y", "z"])


def total(frame):
    return profile(frame, BINS, "day").total()


def test_correlations_are_those_of_normal_scores():
    found = dependence.correlations(total(BASELINE))[0]
    assert np.diag(found) == pytest.approx(1, abs=1e-4)
    assert found[0, 1] == pytest.approx(0.8, abs=0.02)
    assert found[0, 2] == pytest.approx(0, abs=0.04)
    assert (found == found.T).all()


def test_the_same_rows_have_not_moved():
    assert dependence.distance(total(BASELINE), total(BASELINE)) == pytest.approx(0)


def test_a_change_of_dependence_alone_is_seen_where_no_feature_moved():
    baseline, other, apart = (total(frame) for frame in (BASELINE, rows(1), rows(2, together=0)))
    for name, of in BINS.items():
        moved = distance.distances(baseline.counts[name], apart.counts[name], ordered=of.ordered)
        assert moved["psi"] < 0.01
    assert dependence.distance(baseline, other) < 0.05
    assert dependence.distance(baseline, apart) == pytest.approx(0.8 / np.sqrt(3), abs=0.05)


def test_the_further_it_moves_the_larger_it_is():
    found = [
        dependence.distance(total(BASELINE), total(rows(1, together)))[0] for together in (0.8, 0.5, 0, -0.8)
    ]
    assert found == sorted(found)


def test_a_shift_of_one_feature_is_hardly_a_change_of_dependence():
    shifted = total(rows(1, shift=0.5))
    assert dependence.distance(total(BASELINE), shifted) < 0.05


def test_each_past_window_is_set_against_the_rest():
    windows, rest = past(profile(BASELINE, BINS, "day"), 7, 1)
    found = dependence.distance(rest, windows)
    assert found.shape == (24,)
    assert (found > 0).all()
    assert (found < 0.2).all()


def test_a_constant_or_missing_column_depends_on_nothing():
    for value in (3.0, np.nan):
        found = dependence.correlations(total(BASELINE.assign(x=value)))[0]
        assert (found[0] == 0).all()
        assert found[1, 1] == pytest.approx(1, abs=1e-4)


def test_no_rows_are_undefined():
    assert np.isnan(dependence.distance(total(BASELINE), total(BASELINE.head(0))))


def test_one_column_has_no_pair():
    alone = profile(BASELINE, {"x": BINS["x"]}, "day").total()
    assert dependence.distance(alone, alone).tolist() == [0]
