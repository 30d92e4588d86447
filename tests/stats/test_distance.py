"""Distances of counts: those of scipy on the values, and what each must do whatever the counts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp

from loop.stats import distance
from loop.stats.profile import bins, profile

ALL = [distance.psi, distance.ks, distance.jensen_shannon, distance.chi_square, distance.missing]
UNSIGNED = ALL[:-1]
counts = arrays.arrays(np.int64, 6, elements=st.integers(0, 1000)).filter(lambda found: found[:-1].sum() > 0)


def counted(before, after):
    """Counts of two columns in the bins of the first."""
    day = pd.Timestamp("2024-01-01", tz="UTC")
    frames = [pd.DataFrame({"x": side, "day": day}) for side in (before, after)]
    of = bins(frames[0], ["x"])
    return [profile(frame, of, "day").counts["x"][0] for frame in frames]


def normal(seed, mean=0.0, spread=1.0, rows=20_000):
    return np.random.default_rng(seed).normal(mean, spread, rows)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (normal(1), normal(2)),
        (normal(1), normal(2, 0.1)),
        (normal(1), normal(2, 0, 1.5)),
        (np.exp(normal(1) * 4), np.exp(normal(2) * 3)),
        (np.floor(np.exp(normal(1))), np.floor(np.exp(normal(2, 0.2)))),
        (normal(1), normal(2, 9)),
    ],
    ids=["same", "shifted", "wider", "skewed", "ties", "far"],
)
def test_ks_of_counts_is_within_a_hundredth_of_that_of_values(before, after):
    assert distance.ks(*counted(before, after)) == pytest.approx(ks_2samp(before, after).statistic, abs=0.01)


@settings(deadline=None)
@given(counts, counts)
def test_jensen_shannon_is_that_of_scipy(before, after):
    assert distance.jensen_shannon(before, after) == pytest.approx(jensenshannon(before, after, 2), abs=1e-6)


@settings(deadline=None)
@given(counts)
def test_cramers_v_is_that_of_a_table_with_as_many_rows_on_both_sides(before):
    table = np.stack([before, before[::-1]])
    table = table[:, table.sum(axis=0) > 0]
    expected = np.sqrt(chi2_contingency(table, correction=False).statistic / table.sum())
    assert distance.chi_square(before, before[::-1]) == pytest.approx(expected, abs=1e-9)


def test_psi_of_two_categories_is_the_sum_of_the_textbook():
    expected = 0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5)
    assert distance.psi(np.array([5, 5, 0]), np.array([8, 2, 0])) == pytest.approx(expected)


def test_missing_is_the_rise_of_the_share():
    assert distance.missing(np.array([9, 1]), np.array([3, 1])) == pytest.approx(0.15)


@pytest.mark.parametrize("of", ALL)
@settings(deadline=None)
@given(counts, st.integers(2, 1000))
def test_the_same_shares_have_not_moved(of, before, times):
    assert of(before, before * times) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("of", ALL)
@settings(deadline=None)
@given(counts, counts, st.integers(2, 1000))
def test_a_distance_does_not_grow_with_rows(of, before, after, times):
    assert of(before * times, after) == pytest.approx(of(before, after), abs=1e-7)


@pytest.mark.parametrize("of", UNSIGNED)
@settings(deadline=None)
@given(counts, counts)
def test_a_distance_is_the_same_both_ways(of, before, after):
    assert of(before, after) == pytest.approx(of(after, before))


@settings(deadline=None)
@given(counts, counts)
def test_missing_turns_its_sign_both_ways(before, after):
    assert distance.missing(before, after) == pytest.approx(-distance.missing(after, before))


@pytest.mark.parametrize("of", [distance.psi, distance.jensen_shannon, distance.chi_square])
@settings(deadline=None)
@given(counts, counts, st.permutations(range(6)))
def test_the_order_of_bins_does_not_matter(of, before, after, order):
    assert of(before[order], after[order]) == pytest.approx(of(before, after))


@pytest.mark.parametrize("of", [distance.ks, distance.jensen_shannon, distance.chi_square])
@settings(deadline=None)
@given(counts, counts)
def test_a_share_of_all_is_between_zero_and_one(of, before, after):
    assert 0 <= of(before, after) <= 1 + 1e-9


@pytest.mark.parametrize("of", UNSIGNED)
@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_the_more_rows_move_the_larger_it_is(of, moves):
    shift = np.sort(moves)
    before, far = np.array([40.0, 30, 20, 9, 0, 1]), np.array([0.0, 9, 20, 30, 40, 1])
    found = of(before, before + shift[:, None] * (far - before))
    assert (np.diff(found) >= -1e-9).all()


@pytest.mark.parametrize("of", ALL)
@settings(deadline=None)
@given(counts, arrays.arrays(np.int64, (3, 6), elements=st.integers(1, 1000)))
def test_many_windows_at_once_give_what_each_gives(of, before, windows):
    assert of(before, windows) == pytest.approx([float(of(before, window)) for window in windows])
    assert of(windows, windows[::-1]) == pytest.approx(
        [float(of(one, other)) for one, other in zip(windows, windows[::-1], strict=True)]
    )


@pytest.mark.parametrize("of", ALL)
@pytest.mark.parametrize("sides", [([0, 0, 0], [1, 2, 3]), ([1, 2, 3], [0, 0, 0]), ([0, 0, 0], [0, 0, 0])])
def test_nothing_on_one_side_is_undefined(of, sides):
    assert np.isnan(of(*map(np.array, sides)))


def test_a_column_that_is_all_missing_has_no_ks_but_the_rest():
    found = distance.distances(np.array([5, 5, 0]), np.array([0, 0, 10]), ordered=True)
    assert np.isnan(found["ks"])
    assert found["missing"] == 1
    assert found["jensen_shannon"] == 1
    assert found["psi"] > 1


def test_categories_have_no_ks():
    found = distance.distances(np.array([5, 5, 0]), np.array([[2, 8, 0], [5, 5, 0]]), ordered=False)
    assert np.isnan(found["ks"]).all()
    assert found["psi"][0] > found["psi"][1] == 0


def test_ten_bins_hold_a_tenth_each_and_the_missing_stay_apart():
    baseline = np.append(np.full(130, 10), 77)
    coarse, same = distance.deciles(baseline, np.stack([baseline, baseline]))
    assert coarse[:-1] == pytest.approx(130)
    assert coarse[-1] == 77
    assert (same == coarse).all()


def test_psi_of_deciles_is_near_that_of_the_values():
    from loop.stats.psi import psi

    before, after = normal(1), normal(2, 0.3)
    found = distance.distances(*counted(before, after), ordered=True)["psi"]
    assert found == pytest.approx(psi(pd.Series(before), pd.Series(after)), rel=0.03)
