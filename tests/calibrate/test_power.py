"""How small a loss is caught, from curves whose answer is known."""

import pytest

from loop.calibrate.power import Point, Power


def power(*points, margin=0.1) -> Power:
    return Power("primary", "m", "a fault", margin, [Point(*one) for one in points])


def test_the_smallest_loss_lies_where_the_curve_passes_nine_in_ten_for_the_last_time():
    assert power((0.1, 0.8), (0.2, 1.0)).smallest == pytest.approx(0.15)
    assert power((0.1, 0.95), (0.2, 0.7), (0.4, 1.0)).smallest == pytest.approx(0.2 + 0.2 * 2 / 3)
    assert power((0.1, 1.0)).smallest == pytest.approx(0.09), "a loss of nothing is not refused"
    assert power((0.1, 0.2), (0.2, 0.7)).smallest is None
    assert power().smallest is None


def test_at_the_margin_the_curve_is_read_between_two_sizes_and_nothing_is_said_beyond():
    assert power((0.05, 0.2), (0.15, 0.6)).at_margin == pytest.approx(0.4)
    assert power((0.05, 0.2)).at_margin is None
