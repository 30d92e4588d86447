"""What reviews said of scores, added up from one version's model to another's."""

import json
from dataclasses import replace

import pytest

from loop.data import score_columns
from loop.review import holdout_looks
from loop.review.holdout_looks import OWN
from loop.rollout import announced
from production.test_branch import git
from review.test_holdout_looks import look
from support.states import clone, version  # noqa: F401 - clone is a fixture

pytestmark = pytest.mark.slow

CLASSES = max(1, len(score_columns.CLASSES))


def of(number: int, model: str):
    """A version whose commit made a model."""
    out = {"path": "models/model.skops", "md5": model * 32}
    with open("dvc.lock", "w") as file:
        file.write(json.dumps({"stages": {"train": {"cmd": "train", "outs": [out]}}}))
    git("add", "dvc.lock")
    git("commit", "--quiet", "--allow-empty", "-m", f"model {model}")
    return version(number, commit=git("rev-parse", "HEAD"))


def said(model: str, champion: str, shift: float) -> None:
    one = replace(look(model), champion=champion * 32, shift=(shift,) * CLASSES)
    holdout_looks.publish(one)


def test_shifts_of_the_reviews_between_two_versions_add_up(clone):  # noqa: F811
    one, two, same = of(1, "a"), of(2, "c"), of(3, "a")
    assert announced.shift(one, same) == (0.0,) * CLASSES
    assert announced.shift(one, two) is None
    said("c", "b", 0.02)
    assert announced.shift(one, two) is None
    said("b", "a", -0.005)
    assert announced.shift(one, two) == pytest.approx((0.015,) * CLASSES)
    assert announced.shift(two, one) is None


def test_what_a_clone_reviewed_by_itself_announces_nothing_beside_origins_looks(clone):  # noqa: F811
    one, two = of(1, "a"), of(2, "b")
    holdout_looks.keep(replace(look("b"), champion="a" * 32, shift=(0.5,) * CLASSES))
    assert git("rev-list", "--count", OWN) == "1"
    said("d", "a", 0.1)
    assert announced.shift(one, two) is None


def test_looks_that_say_nothing_of_scores_or_run_in_a_circle_announce_nothing(clone):  # noqa: F811
    one, two = of(1, "a"), of(2, "b")
    holdout_looks.publish(look("b"))
    assert announced.shift(one, two) is None
    said("c", "e", 0.1)
    said("e", "c", -0.1)
    assert announced.shift(one, of(3, "c")) is None


@pytest.mark.parametrize("beyond", ["nan", "inf", "-inf"])
def test_a_shift_that_is_no_number_announces_nothing_since_no_score_would_lie_beyond_it(clone, beyond):  # noqa: F811
    one, two = of(1, "a"), of(2, "b")
    said("b", "a", float(beyond))
    assert announced.shift(one, two) is None
    assert len(holdout_looks._known(holdout_looks.LOG.entries(holdout_looks.LOG.remote))) == 1
