import numpy as np
import pytest

from loop.stats import spending
from loop.stats.paired import Gain

GAIN = Gain(0.5, 0.4, 0.1, 0.02, 0.2, 0.01, 100)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_all_looks_together_spend_at_most_what_two_sides_of_one_do(confidence):
    spent = sum(spending.tail(look, confidence) for look in range(1, 20_000))
    assert spent <= 0.75 * (1 - confidence)
    assert spent > 0.74 * (1 - confidence)
    of_forks = spent - spending.tail(1, confidence)  # which begin at the second look
    assert spent + of_forks <= 1 - confidence


def test_the_first_look_costs_nothing_and_each_further_one_more():
    widths = [spending.times(look, 30, 0.95) for look in range(1, 60)]
    assert widths[0] == 1.0
    assert (np.diff(widths) > 0).all()
    assert spending.times(5, 1, 0.95) == 1.0


def test_an_interval_widens_to_either_side_of_its_gain():
    found = spending.widened(GAIN, 2.0)
    assert (found.low, found.high) == pytest.approx((-0.06, 0.3))
    assert spending.widened(GAIN, 1.0) == GAIN


def test_many_looks_of_candidates_that_are_no_better_seldom_end_in_better():
    rng = np.random.default_rng(5)
    clusters, looks, families = 40, 200, 400
    at = [spending.times(look, clusters, 0.95) for look in range(1, looks + 1)]
    half = 2.0227 * rng.chisquare(clusters - 1, (families, looks)) ** 0.5 / (clusters - 1) ** 0.5
    gains = rng.standard_normal((families, looks))  # in standard errors
    once = (gains - half > 0).any(axis=1).mean()
    counted = (gains - half * at > 0).any(axis=1).mean()
    assert once > 0.9
    assert counted <= 0.05 + 3 * (0.05 * 0.95 / families) ** 0.5
