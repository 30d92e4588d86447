"""Contributions to a score: they add up, and of a sum each column's is its own."""

import numpy as np
import pytest

from loop.stats import shapley

RNG = np.random.default_rng(1)
BACKGROUND = RNG.normal(size=(40, 3))
ROW = np.array([2.0, -1.0, 0.5])


def asked(model):
    walks = shapley.walks(3, len(BACKGROUND), seed=1)
    steps = np.where(walks.own(), ROW, BACKGROUND[walks.starts][:, None, :])
    return walks, steps, walks.contributions(model(steps))


def test_of_a_sum_each_column_adds_its_weight_times_its_distance_from_the_others():
    weights = np.array([1.0, -2.0, 0.0])
    walks, _, (base, added) = asked(lambda steps: steps @ weights)
    starts = BACKGROUND[walks.starts]
    assert base == pytest.approx((starts @ weights).mean())
    assert added == pytest.approx(weights * (ROW - starts.mean(axis=0)))


def test_they_add_up_to_score_minus_base_for_any_model():
    model = lambda steps: np.maximum(steps[..., 0] * steps[..., 1], steps[..., 2])  # noqa: E731
    _, _, (base, added) = asked(model)
    assert base + added.sum() == pytest.approx(model(ROW))


def test_each_walk_starts_at_another_row_and_ends_at_the_row_itself():
    walks, steps, _ = asked(lambda steps: steps.sum(axis=-1))
    assert (steps[:, 0] == BACKGROUND[walks.starts]).all()
    assert (steps[:, -1] == ROW).all()
    assert (walks.own().sum(axis=2) == np.arange(4)).all()
