import numpy as np
import pytest

from loop.stats import bootstrap, reality_check
from loop.stats.bootstrap import Floats


def tried(rng: np.random.Generator, better: Floats, clusters: int = 60) -> tuple[Floats, Floats]:
    """Gains of candidates by cluster, and their replicates."""
    by_cluster = rng.normal(0, 1, (len(better), clusters)) + better[:, None]
    weight = bootstrap.weights(clusters, 400, int(rng.integers(1 << 30)))
    return by_cluster.mean(axis=1), by_cluster @ weight.T / clusters


def test_of_many_that_are_no_better_the_best_is_seldom_called_so():
    rng = np.random.default_rng(1)
    found = [reality_check.p_value(*tried(rng, np.zeros(30))) for _ in range(200)]
    assert np.mean(np.array(found) < 0.05) <= 0.09  # three standard errors above 5 %
    alone = [tried(rng, np.zeros(30))[0].max() for _ in range(20)]
    assert min(alone) > 1.3 / np.sqrt(60)  # though the best of them gains by itself


def test_one_that_is_much_better_is_found_among_many():
    rng = np.random.default_rng(2)
    better = np.zeros(30)
    better[7] = 1.0
    assert max(reality_check.p_value(*tried(rng, better)) for _ in range(20)) < 0.01


def test_more_tries_make_the_same_gain_less_surprising():
    rng = np.random.default_rng(3)
    better = np.zeros(40)
    better[0] = 0.35
    gains, replicates = tried(rng, better)
    gains[0] = 0.4
    few = reality_check.p_value(gains[:2], replicates[:2])
    assert few < reality_check.p_value(gains, replicates)


def test_what_is_not_defined_does_not_count():
    gains, replicates = tried(np.random.default_rng(4), np.zeros(3))
    more = np.append(gains, np.nan), np.vstack([replicates, np.full(400, np.nan)])
    assert reality_check.p_value(*more) == reality_check.p_value(gains, replicates)
    nothing = reality_check.p_value(np.array([np.nan]), np.full((1, 400), np.nan))
    assert nothing == pytest.approx(np.nan, nan_ok=True)
