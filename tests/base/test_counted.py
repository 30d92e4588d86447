"""A number and its noun agree."""

import pytest

from loop.base.counted import counted


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (1, ("row",), "1 row"),
        (0, ("row",), "0 rows"),
        (1234, ("matured row",), "1,234 matured rows"),
        (1, ("entity", "entities"), "1 entity"),
        (2, ("entity", "entities"), "2 entities"),
    ],
)
def test_a_number_and_its_noun_agree(number, nouns, text):
    assert counted(number, *nouns) == text
