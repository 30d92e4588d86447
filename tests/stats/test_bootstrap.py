"""Intervals by cluster: equal to what a plain loop gives, and honest where rows resemble each other."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t
from sklearn.metrics import roc_auc_score

from loop.stats import bootstrap

RNG = np.random.default_rng(7)


def sample(rows=300, clusters=12):
    codes = RNG.integers(0, clusters, rows)
    score = np.round(RNG.random(rows), 2)  # rounded, so that there are ties
    label = (RNG.random(rows) < score).astype(float)
    return label, score, codes


@given(st.integers(0, 10_000))
def test_roc_auc_of_any_reweighting_equals_scikit_learn(seed):
    label, score, codes = sample()
    weight = bootstrap.weights(12, 1, seed)
    found = bootstrap.roc_auc(label, score, codes, 12)(weight)
    assert found[0] == pytest.approx(roc_auc_score(label, score, sample_weight=weight[0][codes]), abs=1e-12)


def test_a_mean_of_any_reweighting_is_the_weighted_mean():
    _, score, codes = sample()
    weight = bootstrap.weights(12, 5, 1)
    found = bootstrap.means(score, codes, 12)(weight)
    assert found == pytest.approx([np.average(score, weights=w[codes]) for w in weight])


def test_a_value_of_several_means_is_taken_after_the_mean():
    parts = np.array([[1.0, 4.0], [3.0, 0.0]])
    of = bootstrap.means(parts, np.array([0, 1]), 2, lambda means: means[:, 0] * means[:, 1])
    assert of(np.array([[1.0, 1.0], [2.0, 0.0]])).tolist() == [4.0, 4.0]


def test_a_metric_is_its_value_on_the_rows_when_every_cluster_counts_once():
    label, score, codes = sample()
    root = SimpleNamespace(builtin=None, rows=lambda y, s: (s - y) ** 2, value=np.sqrt)
    of = bootstrap.statistic(root, label, score, codes, 12)
    found = bootstrap.estimate(of, codes, bootstrap.weights(12, 200, 1), 0.95)
    assert found.value == pytest.approx(np.sqrt(np.mean((score - label) ** 2)))
    assert found.low < found.value < found.high
    assert found.rows == 300


def test_weights_draw_as_many_clusters_as_there_are_and_are_stable_under_a_seed():
    found = bootstrap.weights(31, 100, 3)
    assert (found.sum(axis=1) == 31).all()
    assert (found == bootstrap.weights(31, 100, 3)).all()
    assert (found != bootstrap.weights(31, 100, 4)).any()


def test_the_interval_is_widened_for_few_clusters():
    """Hesterberg's tail for 5 clusters at 95 %: Phi(-sqrt(5/4) * t_{0.975, 4}) = 0.00096."""
    values = np.linspace(0, 1, 100_001)
    tail = norm.cdf(-np.sqrt(5 / 4) * t.ppf(0.975, 4))
    assert tail == pytest.approx(0.00096, abs=1e-5)
    assert bootstrap.interval(values, 5, 0.95) == pytest.approx((tail, 1 - tail), abs=1e-4)
    assert bootstrap.interval(values, 10_000, 0.95) == pytest.approx((0.025, 0.975), abs=1e-3)


def test_one_cluster_or_one_class_has_no_interval():
    assert np.isnan(bootstrap.interval(np.ones(10), 1, 0.95)).all()
    label, score, codes = sample()
    of = bootstrap.roc_auc(np.ones_like(label), score, codes, 12)
    found = bootstrap.estimate(of, codes, bootstrap.weights(12, 50, 1), 0.95)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_intervals_by_day_cover_the_truth_where_those_by_row_do_not():
    """400 samples of 31 days with a luck of their own: about 95 % by day, far fewer by row."""
    rng = np.random.default_rng(1)
    by_day = by_row = 0
    day_weight, row_weight = bootstrap.weights(31, 400, 2), bootstrap.weights(620, 400, 3)
    days, rows = np.repeat(np.arange(31), 20), np.arange(620)
    for _ in range(400):
        values = rng.normal(0, 1, 31)[days] + rng.normal(0, 1, 620)
        day = bootstrap.estimate(bootstrap.means(values, days, 31), days, day_weight, 0.95)
        row = bootstrap.estimate(bootstrap.means(values, rows, 620), rows, row_weight, 0.95)
        by_day += day.low <= 0 <= day.high
        by_row += row.low <= 0 <= row.high
    assert 0.92 <= by_day / 400 <= 0.98
    assert by_row / 400 < 0.6


@pytest.mark.parametrize("name", ["roc_auc", "mean", "value"])
@given(seed=st.integers(0, 10_000))
def test_a_row_that_weighs_three_counts_as_three_rows_in_a_metric_and_in_its_interval(name, seed):
    label, score, codes = sample()
    of_row = np.random.default_rng(seed).integers(0, 4, len(label))
    metric = {
        "roc_auc": SimpleNamespace(rows=None),
        "mean": SimpleNamespace(rows=lambda y, s: s - y, value=None),
        "value": SimpleNamespace(rows=lambda y, s: (s - y) ** 2, value=lambda means: np.sqrt(means[:, 0])),
    }[name]
    weight = bootstrap.weights(12, 50, 1)
    weighed = bootstrap.statistic(metric, label, score, codes, 12, row_weight=of_row.astype(float))
    repeated = bootstrap.statistic(metric, *(np.repeat(one, of_row) for one in (label, score, codes)), 12)
    assert weighed(weight) == pytest.approx(repeated(weight), abs=1e-12)
