"""The policy: every limit has a reason, and nothing that it does not know is passed over."""

import math
from pathlib import Path

import pytest

from conftest import ROOT
from loop.base.errors import LoopError
from loop.settings import params
from loop.settings.minimum import reaches
from loop.settings.review_policy import Policy
from loop.settings.yaml_file import load


@pytest.fixture
def values() -> dict:
    return load(ROOT / "params.yaml")["review"]


def test_the_policy_of_this_repository_is_one(values):
    assert isinstance(params.parse("review", values, Policy), Policy)


def leaves(tree: dict, at: tuple = ()) -> list[tuple]:
    """Every mapping that holds a limit or a margin."""
    here = [at] if {"limit", "margin"} & tree.keys() else []
    return here + [
        path for key, part in tree.items() if isinstance(part, dict) for path in leaves(part, (*at, key))
    ]


def test_a_limit_without_a_reason_is_refused(values):
    found = leaves(values)
    assert len(found) > 10
    for path in found:
        broken = load(ROOT / "params.yaml")["review"]
        part = broken
        for key in path:
            part = part[key]
        del part["reason"]
        with pytest.raises(LoopError, match=rf"`review\.{'.'.join(path)}\.reason` is missing"):
            params.parse("review", broken, Policy)


@pytest.mark.parametrize(
    "gate", ["holdout", "primary", "guards", "slices", "minimum_requirements", "golden", "latency", "leak"]
)
def test_a_check_cannot_be_left_out(values, gate):
    del values[gate]
    with pytest.raises(LoopError, match=f"`review.{gate}` is missing"):
        params.parse("review", values, Policy, Path("params.yaml"))


def test_an_unknown_key_is_refused_with_the_nearest(values):
    values["latency"]["limits"] = 3.0
    with pytest.raises(LoopError, match=r"`review.latency.limits` is not a key; did you mean `limit`\?"):
        params.parse("review", values, Policy)


REACHED = {
    "higher is better": (0.7, "higher", 0.68, True),
    "higher is better, missed": (0.67, "higher", 0.68, False),
    "lower is better": (0.5, "lower", 0.62, True),
    "lower is better, missed": (0.63, "lower", 0.62, False),
    "nearer to zero, from below": (-0.05, "zero", 0.04, False),
    "nearer to zero": (-0.03, "zero", 0.04, True),
    "just reached": (0.68, "higher", 0.68, True),
    "undefined": (None, "higher", 0.0, False),
    "not a number": (math.nan, "lower", 9.0, False),
}


@pytest.mark.parametrize(("value", "better", "worst", "reached"), REACHED.values(), ids=REACHED)
def test_a_minimum_is_reached_on_the_side_that_is_better(value, better, worst, reached):
    assert reaches(value, better, worst) is reached
