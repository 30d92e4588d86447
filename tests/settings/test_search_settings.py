from pathlib import Path

import pytest
import yaml

from loop.base.errors import LoopError
from loop.settings import search_settings

GOOD = {
    "seed": 1,
    "trials": 4,
    "minutes": 1.0,
    "trial_minutes": 1.0,
    "folds": 2,
    "prune": True,
    "space": {"alpha": {"low": 0.1, "high": 10.0}},
}


def read(tmp_path: Path, **changed: object) -> search_settings.Settings:
    values = {"train": {"model": {"alpha": 1.0, "deep": {"a": 1}}}, "search": GOOD | changed}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    return search_settings.read(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("one", "inside", "outside"),
    [
        ({"low": 1, "high": 5}, 1, 6),
        ({"low": 0.5, "high": 5.0, "log": True}, 5.0, 0.4),
        ({"low": 0, "high": 10, "step": 5}, 10, -1),
        ({"choices": ["a", "b"]}, "b", "c"),
        ({"choices": [True, False]}, False, "no"),
    ],
)
def test_a_param_has_a_range_or_choices(tmp_path, one, inside, outside):
    found = read(tmp_path, space={"alpha": one}).space["alpha"]
    assert found.holds(inside)
    assert not found.holds(outside)
    assert all(found.holds(corner) for corner in found.corners)


@pytest.mark.parametrize(
    ("one", "found"),
    [
        ({"low": 5, "high": 1}, "is no range"),
        ({"low": 1}, "is no range"),
        ({"low": 0.0, "high": 1.0, "log": True}, "by its logarithm"),
        ({"low": 1, "high": 9, "log": True, "step": 2}, "by its logarithm"),
        ({"low": 0, "high": 1, "step": 3}, "has step 3"),
        ({"choices": ["a"]}, "has choices"),
        ({"choices": [1, 1]}, "has choices"),
        ({"choices": [1, 2], "low": 1}, "beside a range"),
        ({"lo": 1, "high": 2}, "did you mean `low`"),
    ],
)
def test_what_is_no_range_is_refused_by_its_key(tmp_path, one, found):
    with pytest.raises(LoopError, match=found) as error:
        read(tmp_path, space={"alpha": one})
    assert "search.space.alpha" in error.value.found


def test_a_key_that_the_model_has_not_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(LoopError, match=r"search\.space\.alhpa is no plain param.*did you mean `alpha`"):
        read(tmp_path, space={"alhpa": {"low": 1, "high": 2}})
    with pytest.raises(LoopError, match=r"search\.space\.deep is no plain param"):
        read(tmp_path, space={"deep": {"low": 1, "high": 2}})


def test_a_repository_without_the_section_is_told_what_to_add(tmp_path):
    (tmp_path / "params.yaml").write_text("train: {model: {alpha: 1.0}}\n")
    with pytest.raises(LoopError, match="section `search` is missing"):
        search_settings.read(tmp_path / "params.yaml")
