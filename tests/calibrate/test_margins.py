"""Margins are so wide that luck is seldom called worse, and never so wide that ignorance passes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.calibrate import margins
from loop.calibrate.luck import Pair
from loop.settings import params
from loop.settings.review_policy import Policy

NAMES = ("primary", "guards.roc_auc", "slices")


@pytest.fixture(scope="module")
def policy():
    own = params.section("review", Policy)
    first = next(iter(own.guards))
    return own.model_copy(update={"guards": {first: own.guards[first]}})


def pair(policy, gain, half, guard=0.0, slices=0.0):
    """A pair whose primary gain has an interval of `half` to either side."""
    low, high = gain - half, gain + half
    (name,) = policy.guards
    needed = {
        "primary": max(0.0, -low) if high < 0 else 0.0,
        f"guards.{name}": max(0.0, -guard),
        "slices": slices,
    }
    return Pair({policy.primary.metric: (gain, low, high), name: (guard, guard, guard)}, needed)


def luck(policy, rng, count, spread=0.01, half=0.015):
    return [
        pair(policy, rng.normal(0, spread), half, rng.normal(0, spread), max(0.0, rng.normal(0, spread)))
        for _ in range(count)
    ]


def of(found):
    return {one.key.removeprefix("review.").removesuffix(".margin"): one.value for one in found}


def known(policy, much=1.0):
    return dict.fromkeys([policy.primary.metric, *policy.guards], much)


@given(seed=st.integers(0, 10**6))
def test_of_the_pairs_that_chose_them_margins_refuse_two_in_a_hundred_at_most(policy, seed):
    pairs = luck(policy, np.random.default_rng(seed), 100)
    found = of(margins.proposed(pairs, policy, known(policy), clusters=30))
    assert margins.rates(pairs, policy, found).verdicts["worse"] <= margins.CHOSEN


def test_of_fresh_pairs_they_refuse_five_in_a_hundred_at_most(policy):
    rng = np.random.default_rng(1)
    found = of(margins.proposed(luck(policy, rng, 200), policy, known(policy), clusters=30))
    rates = margins.rates(luck(policy, rng, 2000), policy, found)
    assert rates.verdicts["worse"] <= margins.WORSE
    assert rates.verdicts["inconclusive"] <= 1 - margins.CONCLUDES + 0.05


def test_a_margin_beyond_half_of_what_the_model_knows_is_not_proposed(policy):
    pairs = luck(policy, np.random.default_rng(1), 100)
    only, *_ = margins.proposed(pairs, policy, known(policy, much=0.02), clusters=30)
    assert only.value is None
    assert "clusters to judge by would do, not 30" in only.why


def test_guards_and_slices_have_margins_where_the_primary_metric_has_none(policy):
    pairs = luck(policy, np.random.default_rng(1), 100)
    primary, *others = margins.proposed(pairs, policy, known(policy, much=0.02), clusters=30)
    assert primary.value is None
    assert [one.key.split(".")[1] for one in others] == ["guards", "slices"]
    assert others[1].value >= margins.SLICES * policy.primary.margin


def test_a_model_that_knows_nothing_is_told_so(policy):
    pairs = luck(policy, np.random.default_rng(1), 100)
    only, *_ = margins.proposed(pairs, policy, known(policy, much=-0.01), clusters=30)
    assert only.value is None
    assert "no better than the naive guess" in only.why


@pytest.mark.parametrize(("much", "why"), [(1.0, "never moves"), (np.nan, "is undefined")])
def test_a_metric_that_never_moves_or_is_undefined_gets_no_margin(policy, much, why):
    still = [pair(policy, 0.0, 0.0) for _ in range(100)]
    only, *_ = margins.proposed(still, policy, known(policy, much), clusters=30)
    assert only.value is None
    assert why in only.why


def test_a_guard_that_never_moves_keeps_its_margin(policy):
    moving = [pair(policy, gain, 0.01) for gain in np.linspace(-0.02, 0.02, 100)]
    found = of(margins.proposed(moving, policy, known(policy), clusters=30))
    (name,) = policy.guards
    assert found[f"guards.{name}"] is None
    assert found["primary"] > 0


def test_a_certain_loss_beyond_the_margin_counts_as_worse_and_is_named(policy):
    (name,) = policy.guards
    limits = {"primary": 0.02, f"guards.{name}": 0.02, "slices": 0.05}
    found = margins.rates(
        [pair(policy, -0.05, 0.01), pair(policy, 0, 0.01, guard=-0.03), pair(policy, 0, 0.01)], policy, limits
    )
    assert found.verdicts == {"better": 0, "equivalent": 1 / 3, "worse": 2 / 3, "inconclusive": 0}
    assert found.failed == {"primary": 1 / 3, f"guards.{name}": 1 / 3, "slices": 0}
