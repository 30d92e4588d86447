"""Numbers for people err to the cautious side, and stay what they are when they are round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.calibrate.rounding import down, up


@given(st.floats(1e-6, 1e6))
def test_up_is_no_smaller_and_down_no_larger_by_two_digits(value):
    assert down(value) <= value * (1 + 1e-6)
    assert up(value) >= value * (1 - 1e-6)
    assert up(value) <= 1.11 * value
    assert up(up(value)) == up(value)


@pytest.mark.parametrize("value", [0.3, 0.015, 1.5, 20.0, 0.0, -0.68])
def test_a_round_number_stays(value):
    assert up(value) == down(value) == value
