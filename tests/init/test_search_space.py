import pytest

from loop.init import search_space
from loop.settings.search_settings import Dimension
from loop.settings.yaml_file import parse

KIT = {
    "learning_rate": 0.05,
    "trees": 140,
    "leaves": 15,
    "rows_per_leaf": 20,
    "l2": 1.0,
    "features_per_split": 0.5,
    "alpha": 1.0,
}
OTHERS = {"warm": True, "depth": 3, "tiny": 1e-7, "subsample": 0.9, "many": 12345, "C": 10.0, "one": 1}


@pytest.mark.parametrize(("name", "value"), [*KIT.items(), *OTHERS.items()])
def test_a_space_is_one_that_a_search_takes_and_holds_the_value_that_there_is(name, value):
    found = parse(f"a: {search_space.around({name: value})[name]}")["a"]
    dimension = Dimension.model_validate(found)
    assert dimension.holds(value)
    assert all(type(corner) is type(value) for corner in dimension.corners)


def test_what_tells_no_range_is_left_out():
    assert search_space.around({"loss": "squared_error", "seed": 0, "shift": -1.5, "none": None}) == {}
