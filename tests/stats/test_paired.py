"""Gains, verdicts and Holm's correction: properties first, then cases reasoned out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.kit.metrics import log_loss
from loop.stats import bootstrap, paired
from loop.stats.paired import Gain
from problem import metrics

DAYS, ROWS = 12, 600
WEIGHT = bootstrap.weights(DAYS, 400, 7)


def world(seed: int, shift: float = 0.0):
    """Labels, two scores and days; the second score is the first, off by `shift` on the logit."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, DAYS, ROWS)
    logit = rng.normal(0, 1, ROWS) + rng.normal(0, 0.5, DAYS)[codes]
    label = (rng.random(ROWS) < 1 / (1 + np.exp(-logit))).astype(float)
    one = 1 / (1 + np.exp(-logit))
    two = 1 / (1 + np.exp(-(logit + shift + rng.normal(0, 0.1, ROWS))))
    return label, (one, two), codes


def gain(name: str, label, scores, codes) -> Gain:
    return paired.gain(metrics.METRICS[name], label, scores, codes, WEIGHT, 0.95)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_a_model_gains_nothing_over_itself(name):
    label, (score, _), codes = world(1)
    found = gain(name, label, (score, score), codes)
    assert (found.gain, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert paired.verdict(found, 0.01) == "equivalent"


@pytest.mark.parametrize("name", metrics.METRICS)
def test_who_is_called_champion_only_turns_the_sign(name):
    label, (one, two), codes = world(2, shift=0.5)
    there, back = gain(name, label, (one, two), codes), gain(name, label, (two, one), codes)
    assert there.gain == pytest.approx(-back.gain)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p == pytest.approx(back.p)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_a_gain_is_the_difference_turned_so_that_above_zero_is_better(name):
    label, scores, codes = world(3, shift=0.8)
    found = gain(name, label, scores, codes)
    turned = {"lower": lambda v: -v, "higher": lambda v: v, "zero": lambda v: -abs(v)}
    turn = turned[metrics.METRICS[name].better]
    assert found.gain == pytest.approx(turn(found.candidate) - turn(found.champion))
    assert found.low <= found.gain <= found.high


def test_the_interval_is_that_of_each_replicate_computed_on_resampled_rows():
    label, scores, codes = world(4, shift=0.5)
    losses = [log_loss(label, score) for score in scores]
    drawn = []
    for times in WEIGHT.astype(int):
        rows = np.concatenate([np.flatnonzero(codes == day) for day in np.repeat(np.arange(DAYS), times)])
        drawn.append(losses[0][rows].mean() - losses[1][rows].mean())
    low, high = bootstrap.interval(np.array(drawn), DAYS, 0.95)
    found = gain("log_loss", label, scores, codes)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_a_slice_counts_its_own_clusters_only():
    label, scores, codes = world(5)
    some = codes < 3
    found = paired.gain(
        metrics.METRICS["log_loss"],
        label[some],
        (scores[0][some], scores[1][some]),
        codes[some],
        WEIGHT,
        0.95,
    )
    assert found.rows == some.sum()
    assert found.low < found.high


def test_one_cluster_or_one_class_leaves_the_gain_unknown():
    label, scores, codes = world(6)
    alone = paired.gain(metrics.METRICS["log_loss"], label, scores, np.zeros(ROWS, int), WEIGHT[:, :1], 0.95)
    assert np.isnan([alone.low, alone.high, alone.p]).all()
    assert paired.verdict(alone, 0.01) == "inconclusive"
    same = gain("roc_auc", np.ones(ROWS), scores, codes)
    assert paired.verdict(same, 0.01) == "inconclusive"


def test_the_gain_within_each_cluster_is_that_of_its_rows_alone():
    label, scores, codes = world(7, shift=0.5)
    found = paired.by_cluster(metrics.METRICS["log_loss"], label, scores, codes, DAYS)
    here = codes == 4
    one, two = (log_loss(label[here], score[here]).mean() for score in scores)
    assert found[4] == pytest.approx(one - two)


# low, high of the gain's interval, with a margin of 0.01
OUTCOMES = {
    "above zero": (0.001, 0.002, "better"),
    "above zero, far": (0.02, 0.04, "better"),
    "around zero, within the margin": (-0.005, 0.005, "equivalent"),
    "below zero, within the margin": (-0.009, -0.001, "equivalent"),
    "up to the margin itself": (-0.01, 0.01, "equivalent"),
    "below zero, beyond the margin": (-0.02, -0.001, "worse"),
    "below the margin": (-0.04, -0.02, "worse"),
    "around zero, beyond the margin below": (-0.02, 0.001, "inconclusive"),
    "around zero, beyond the margin above": (-0.001, 0.02, "inconclusive"),
    "touching zero": (0.0, 0.02, "inconclusive"),
    "unknown": (float("nan"), float("nan"), "inconclusive"),
}


@pytest.mark.parametrize(("low", "high", "outcome"), OUTCOMES.values(), ids=OUTCOMES)
def test_an_interval_is_one_of_four_words(low, high, outcome):
    middle = (low + high) / 2
    assert paired.verdict(Gain(0, 0, middle, low, high, 0.5, 100), 0.01) == outcome


shares = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(shares)
def test_holm_never_lowers_a_p_value_and_keeps_their_order(values):
    adjusted = paired.holm(values)
    assert all(new >= old and new <= 1 for old, new in zip(values, adjusted, strict=True))
    ranked = sorted(range(len(values)), key=lambda at: values[at])
    assert [adjusted[at] for at in ranked] == sorted(adjusted)


@given(shares)
def test_holm_never_says_more_than_bonferroni(values):
    bonferroni = [min(1, value * len(values)) for value in values]
    assert all(a <= b + 1e-12 for a, b in zip(paired.holm(values), bonferroni, strict=True))


def test_holm_on_the_textbook_case():
    """Holm (1979): p of .01, .04, .03, .005 among four; sorted and stepped by 4, 3, 2, 1."""
    assert paired.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_does_not_count_what_was_not_compared():
    found = paired.holm([0.01, float("nan"), 0.04])
    assert found[0] == pytest.approx(0.02)
    assert np.isnan(found[1])
