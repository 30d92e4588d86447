"""Bounds that hold at every interim analysis: what they estimate, and how often they are wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from loop.stats import sequential

DAYS = 30


def world(seed: int, *, rows: int = 3000, excess: float = 0.0, share: float = 0.25, per_entity: int = 1):
    """Losses, arms, shares, entities and days; entities differ, and days shift every loss."""
    rng = np.random.default_rng(seed)
    entity = rng.permutation(np.arange(rows) // per_entity)
    day = np.sort(rng.integers(0, DAYS, rows))
    arm = (rng.random(rows) < share)[entity].astype(float)
    loss = rng.exponential(1, rows) + rng.normal(0, 1, rows)[entity] + rng.normal(0, 2, DAYS)[day]
    return loss + excess * arm, arm, np.full(rows, share), entity, day


def bounds(rows, alpha: float = 0.05):
    loss, arm, share, entity, day = rows
    return sequential.difference(loss, arm, share, entity=entity, block=day, alpha=alpha)


def test_the_estimate_is_the_excess_loss_and_lies_within_its_bounds():
    found = bounds(world(1, rows=40_000, excess=0.5))
    assert found.low < 0.5 < found.high
    assert found.value == pytest.approx(0.5, abs=0.06)
    assert found.low > 0


def test_without_blocks_and_with_all_rows_alike_it_is_the_difference_of_means():
    """Of 200 rows each with another entity, half of them the challenger's, shares of one half."""
    rng = np.random.default_rng(3)
    loss, arm = rng.normal(size=200), np.tile([0.0, 1.0], 100)
    found = sequential.difference(
        loss, arm, np.full(200, 0.5), entity=np.arange(200), block=np.zeros(200, int), alpha=0.05
    )
    plain = loss[arm == 1].mean() - loss[arm == 0].mean()
    assert found.value == pytest.approx(plain * 200 / 199)  # a row is not compared with itself
    assert found.information == pytest.approx(50)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.floats(-1000, 1000))
def test_what_a_day_adds_to_both_arms_and_the_order_of_rows_do_not_matter(seed, shift):
    loss, arm, share, entity, day = world(seed, rows=400)
    before = bounds((loss, arm, share, entity, day))
    order = np.random.default_rng(seed).permutation(400)
    moved = loss + shift * day
    after = bounds(tuple(one[order] for one in (moved, arm, share, entity, day)))
    assert (after.value, after.low) == pytest.approx((before.value, before.low), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50))
def test_rows_of_one_entity_are_one_witness(seed):
    """Each row told three times is told by the same entity: the bounds stay where they were."""
    loss, arm, share, entity, day = world(seed, rows=800)
    once = bounds((loss, arm, share, entity, day))
    thrice = bounds(tuple(np.tile(one, 3) for one in (loss, arm, share, entity, day)))
    forgetful = bounds((*(np.tile(one, 3) for one in (loss, arm, share)), np.arange(2400), np.tile(day, 3)))
    assert thrice.high - thrice.low > 0.85 * (once.high - once.low)
    assert forgetful.high - forgetful.low < 0.75 * (once.high - once.low)


def test_rows_of_stages_with_other_shares_are_pooled_without_bias():
    """Losses rise when the share does: whoever pools the arms as they are sees an excess."""
    few, many = world(5, rows=20_000, share=0.05), world(6, rows=20_000, share=0.25)
    both = [np.concatenate([one, two]) for one, two in zip(few, many, strict=True)]
    both[3][20_000:] += 20_000
    both[4][20_000:] += DAYS
    both[0][20_000:] += 10
    plain = both[0][both[1] == 1].mean() - both[0][both[1] == 0].mean()
    found = bounds(tuple(both))
    assert plain > 2
    assert found.low < 0 < found.high
    assert found.high - found.low < min(
        bounds(few).high - bounds(few).low, bounds(many).high - bounds(many).low
    )


def test_before_the_burn_in_there_are_no_bounds():
    found = bounds(world(1, rows=150))
    assert found.information < sequential.BURN_IN
    assert np.isnan([found.low, found.high]).all()


def test_no_rows_are_no_evidence():
    none = tuple(np.array([], kind) for kind in (float, float, float, int, int))
    assert np.isnan(bounds(none).value)
    assert np.isnan(sequential.shortfall(*none[1:3], entity=none[3], alpha=0.05).low)


def test_of_losses_that_are_all_equal_nothing_is_worse():
    loss, *rest = world(1)
    found = bounds((np.zeros_like(loss), *rest))
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_an_entity_alone_in_its_day_is_compared_with_nobody():
    found = sequential.difference(
        np.array([9.0, 1.0, 2.0]),
        np.array([1.0, 1.0, 0.0]),
        np.full(3, 0.5),
        entity=np.arange(3),
        block=np.array([0, 1, 1]),
        alpha=0.05,
    )
    assert (found.value, found.information) == (-1.0 * 2, 0.5)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_bounds_are_wider_than_those_of_a_test_at_one_look_and_widen_with_certainty(alpha):
    found, surer = bounds(world(2), alpha), bounds(world(2), alpha / 2)
    assert surer.low < found.low < found.value < found.high < surer.high
    information = np.array([50.0, 200, 1000, 50_000])

    assert (
        sequential.margin(information, information, alpha) > norm.ppf(1 - alpha) * np.sqrt(information)
    ).all()


def test_the_boundary_is_robbins_in_closed_form():
    """With as much variance as at the end of the burn-in, 50: sqrt(2 x 100 x ln(1 + sqrt(2) / 0.1))."""
    found = sequential.margin(np.array([50.0]), np.array([50.0]), 0.05)
    assert found == pytest.approx(np.sqrt(200 * np.log(1 + np.sqrt(2) / 0.1)))


def test_a_challenger_that_met_none_of_the_rare_losses_is_not_called_better():
    """Twenty rows of two thousand cost 1, all among the champion's 95 %."""
    arm, loss = np.zeros(2000), np.zeros(2000)
    arm[:100], loss[100:120] = 1, 1
    found = sequential.difference(
        loss, arm, np.full(2000, 0.05), entity=np.arange(2000), block=np.zeros(2000, int), alpha=0.05
    )
    assert found.value < 0 < found.high


def test_bounds_tighten_as_rows_come():
    information = np.geomspace(sequential.BURN_IN, 1e6, 50)
    assert (np.diff(sequential.margin(information, information, 0.05) / information) < 0).all()


def test_requests_that_the_challenger_did_not_answer_are_missed():
    rng = np.random.default_rng(4)
    share, entity = np.full(20_000, 0.25), np.arange(20_000)
    all_answered = (rng.random(20_000) < 0.25).astype(float)
    some_failed = all_answered * (rng.random(20_000) < 0.8)
    whole = sequential.shortfall(all_answered, share, entity=entity, alpha=0.05)
    broken = sequential.shortfall(some_failed, share, entity=entity, alpha=0.05)
    assert whole.low < 0 < whole.high
    assert broken.low > 0.1
    assert broken.value == pytest.approx(0.2, abs=0.04)


def test_an_equal_challenger_is_hardly_ever_called_worse_at_any_interim_look():
    """200 rollouts of 30 days with a look each day; a test made for one look fails the same statement."""
    wrong = {"sequential": 0, "fixed": 0}
    for seed in range(200):
        rows = world(seed, rows=1500, per_entity=3)
        stages = [tuple(one[: day * 50] for one in rows) for day in range(5, DAYS + 1)]
        found = [bounds(stage) for stage in stages]
        wrong["sequential"] += any(one.low > 0 for one in found)
        spread = [(one.value - one.low) for one in found]
        ratio = [float(sequential.margin(np.ones(1), np.array([one.information]), 0.05)[0]) for one in found]
        wrong["fixed"] += any(
            one.value > 1.645 * width / times
            for one, width, times in zip(found, spread, ratio, strict=True)
            if np.isfinite(width)
        )
    assert wrong["sequential"] <= 16  # 10 expected at most; 17 or more have a chance of 3 in 100 at 5 %
    assert wrong["fixed"] > 25
