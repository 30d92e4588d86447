"""PSI: zero for the same, larger the further, and the textbook's sum for two bins."""

import math

import numpy as np
import pandas as pd
import pytest

from loop.stats.psi import psi


def normal(seed: int, mean: float = 0.0, rows: int = 5000) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).normal(mean, 1, rows))


def test_the_same_rows_have_not_moved():
    assert psi(normal(1), normal(1)) == 0


def test_the_further_a_column_moves_the_larger_it_is():
    found = [psi(normal(1), normal(2, mean)) for mean in (0.0, 0.2, 0.5, 1.0)]
    assert found == sorted(found)
    assert found[0] < 0.02
    assert found[-1] > 0.5


def test_two_categories_give_the_sum_of_the_textbook():
    before, after = pd.Series(["a"] * 50 + ["b"] * 50), pd.Series(["a"] * 80 + ["b"] * 20)
    expected = 0.3 * math.log(0.8 / 0.5) - 0.3 * math.log(0.2 / 0.5)
    assert psi(before, after) == pytest.approx(expected)


def test_values_that_go_missing_count_as_a_bin_of_their_own():
    before = normal(1)
    assert psi(before, before.mask(before.index % 2 == 0)) > 1


def test_a_new_category_is_large_and_finite():
    assert 1 < psi(pd.Series(["a"] * 100), pd.Series(["b"] * 100)) < 50


@pytest.mark.parametrize("column", [pd.Series([], dtype=float), pd.Series([], dtype="str")])
def test_nothing_on_one_side_is_undefined(column):
    assert math.isnan(psi(column, column))


def test_a_column_that_is_all_missing_on_both_sides_has_not_moved():
    nothing = pd.Series([np.nan] * 10)
    assert psi(nothing, nothing) == 0
