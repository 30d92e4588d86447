"""A window against past windows: false alarms as rare as promised, real changes seen, many tests paid for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, t

from loop.stats import distance
from loop.stats.profile import Bins, Profile, past
from loop.stats.thresholds import FLOOR, benjamini_hochberg, limit, p_value

BINS = {"x": Bins(np.arange(1.0, 12.0), None, np.zeros(12))}
WINDOW = 7


def days(random, count, *, rows=300, wander=0.3, shift=0.0):
    """A profile of so many days, each a mean of its own (`wander`): rows of a day are not independent."""
    means = 6 + shift + random.normal(0, wander, count)
    edges = BINS["x"].edges
    counts = np.zeros((count, 13), np.int64)
    for day, mean in enumerate(means):
        counts[day, :12] = np.bincount(np.searchsorted(edges, random.normal(mean, 2, rows)), minlength=12)
    names = (np.datetime64("2024-01-01") + np.arange(count)).astype(str).tolist()
    return Profile(BINS, names, counts.sum(axis=1), {"x": counts}, np.zeros((count, 1, 1)))


def thinned(random, counts, rows):
    """Counts (windows, bins) as they look with so many rows each: drawn from their shares."""
    return random.multinomial(rows, counts / counts.sum(axis=1, keepdims=True))


def p_of_a_new_window(seed, of, baseline_days=112, **change):
    random = np.random.default_rng(seed)
    baseline, new = days(random, baseline_days), days(random, WINDOW, **change).total()
    windows, rest = past(baseline, WINDOW, 2)
    known = of(rest.counts["x"], windows.counts["x"])
    value = of(baseline.total().counts["x"], new.counts["x"])
    return p_value(value[0], known, baseline_days / WINDOW)


@pytest.mark.parametrize("of", [distance.psi, distance.ks, distance.jensen_shannon, distance.chi_square])
def test_without_a_change_one_window_in_twenty_has_p_below_five_percent(of):
    p = np.array([p_of_a_new_window(seed, of) for seed in range(400)])
    assert 0.02 <= (p < 0.05).mean() <= 0.08


@pytest.mark.parametrize("of", [distance.psi, distance.ks, distance.jensen_shannon, distance.chi_square])
def test_a_change_larger_than_days_differ_is_seen(of):
    p = np.array([p_of_a_new_window(seed, of, shift=0.8) for seed in range(40)])
    assert (p < 0.05).mean() > 0.9


def test_few_past_windows_make_the_test_careful_not_loud():
    p = np.array([p_of_a_new_window(seed, distance.ks, baseline_days=28) for seed in range(300)])
    assert (p < 0.05).mean() <= 0.08


@pytest.mark.parametrize("rows", [5, 50])
def test_a_window_of_few_rows_is_no_alarm_beside_past_windows_as_small(rows):
    alarms, loud = [], []
    for seed in range(200):
        random = np.random.default_rng(seed)
        reference = days(random, 112)
        new = thinned(random, days(random, WINDOW).total().counts["x"], rows)
        windows, rest = (side.counts["x"] for side in past(reference, WINDOW, 2))
        value = distance.psi(reference.total().counts["x"], new)[0]
        known, large = (distance.psi(rest, side) for side in (thinned(random, windows, rows), windows))
        alarms.append(p_value(value, known, 16) < 0.05)
        loud.append(p_value(value, large, 16) < 0.05)
    assert np.mean(alarms) <= 0.08
    assert np.mean(loud) > 0.3


def test_p_is_that_of_students_t_predictive():
    known = np.exp([-3.0, -2.0, -1.0, -2.0])
    spread = np.std([-3, -2, -1, -2], ddof=1) * np.sqrt(1 + 1 / 4)
    found = p_value(np.exp(-1) - FLOOR, known - FLOOR, 4)
    assert found == pytest.approx(t.sf(1 / spread, 3))


@settings(deadline=None)
@given(st.floats(3, 60), st.floats(1e-4, 0.5))
def test_the_limit_is_the_value_whose_p_is_alpha(independent, alpha):
    known = np.random.default_rng(0).gamma(2, 0.01, (2, 30))
    found = limit(known, independent, alpha)
    above = found > 0
    assert p_value(found, known, independent)[above] == pytest.approx(alpha)


def test_the_larger_the_value_the_smaller_p():
    p = [float(p_value(value, np.array([0.01, 0.02, 0.03]), 3)) for value in (0.0, 0.01, 0.1, 1.0)]
    assert p == sorted(p, reverse=True)


def test_a_sign_is_dropped():
    known = np.array([-0.01, 0.02, 0.03])
    assert p_value(-0.1, known, 3) == p_value(0.1, -known, 3)


@pytest.mark.parametrize("independent", [0, 1, 2, 2.9])
def test_fewer_than_three_windows_are_inconclusive(independent):
    known = np.array([0.01, 0.02, 0.03])
    assert np.isnan(p_value(0.5, known, independent))
    assert np.isnan(limit(known, independent, 0.05))


def test_undefined_values_are_left_out_of_the_past_and_stay_undefined_when_new():
    known = np.array([0.01, 0.02, 0.03])
    assert p_value(0.05, np.append(known, np.nan), 3) == p_value(0.05, known, 3)
    assert np.isnan(p_value(np.nan, known, 3))
    assert np.isnan(p_value(0.05, np.full(3, np.nan), 3))


def test_past_windows_that_were_all_alike_do_not_make_a_trifle_an_alarm():
    known = np.zeros(30)
    assert p_value(0.0, known, 10) == pytest.approx(0.5)
    assert p_value(1e-5, known, 10) > 0.1
    assert p_value(0.1, known, 10) < 0.001


p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@settings(deadline=None)
@given(p_values)
def test_equal_weights_give_the_adjustment_of_scipy(p):
    assert benjamini_hochberg(p, np.full(len(p), 3.0)) == pytest.approx(false_discovery_control(p))


def test_a_feature_that_the_model_uses_more_needs_less():
    adjusted = benjamini_hochberg([0.03, 0.03, 0.9, 0.9], [3, 1, 0, 0])
    assert adjusted[0] < adjusted[1]


def test_a_weight_of_zero_never_alarms():
    assert benjamini_hochberg([0.0, 0.0], [1, 0]).tolist() == [0, 1]
    assert benjamini_hochberg([0.0, 0.0], [0, 0]).tolist() == [1, 1]


def test_what_is_undefined_stays_so_and_does_not_count():
    adjusted = benjamini_hochberg([0.01, np.nan, 0.2], [1, 50, 1])
    assert np.isnan(adjusted[1])
    assert adjusted[[0, 2]] == pytest.approx(false_discovery_control([0.01, 0.2]))


def test_of_twenty_features_without_a_change_a_weighted_alarm_is_as_rare_as_promised():
    random = np.random.default_rng(0)
    weights = random.gamma(1, 1, 20)
    alarms = [(benjamini_hochberg(random.random(20), weights) < 0.05).any() for _ in range(2000)]
    assert np.mean(alarms) <= 0.065
