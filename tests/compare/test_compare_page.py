"""What a comparison says in one sentence."""

from types import SimpleNamespace

import pytest

from loop.compare import compare_page
from loop.compare.sides import TREE, Side

MAIN = Side("main", "main")


def compared(first: Side, second: Side, gain: float) -> SimpleNamespace:
    sides = SimpleNamespace(
        first=SimpleNamespace(side=first, md5="1"), second=SimpleNamespace(side=second, md5="2")
    )
    loss = SimpleNamespace(role="primary", title="log loss", gain=gain, low=gain - 1, high=gain + 1)
    return SimpleNamespace(sides=sides, metrics=[loss])


@pytest.mark.parametrize(
    ("first", "second", "gain", "begins"),
    [
        (MAIN, TREE, 0.5, "This tree is not told from main in log loss"),
        (MAIN, TREE, 2.0, "This tree does better than main"),
        (MAIN, TREE, -2.0, "main does better than this tree"),
    ],
)
def test_a_sentence_begins_with_a_capital_and_leaves_names_as_they_are(first, second, gain, begins):
    assert compare_page.sentence(compared(first, second, gain)).startswith(begins)
