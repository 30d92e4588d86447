"""The rule that turns checks into a verdict, and checks that hold one figure against a limit."""

import itertools

import pytest

from loop.base import exit_codes
from loop.review import champion_comparison
from loop.review.verdict import Check, Metric, decide, held
from loop.settings.review_policy import Limit, Margin
from loop.stats.paired import Gain

RESULTS = ("pass", "fail", "inconclusive")


def check(name: str, result: str) -> Check:
    return Check(name=name, result=result, figure=None, limit=None, finding=f"{name} found", reason="r")


def primary(outcome: str) -> Metric:
    return Metric(
        name="m", title="metric", role="primary", champion=0.5, candidate=0.4, gain=0.1, low=0.05, high=0.15,
        margin=0.01, verdict=outcome,
    )  # fmt: skip


@pytest.mark.parametrize("results", itertools.product(RESULTS, repeat=3))
def test_one_failed_check_is_enough_then_one_that_is_inconclusive(results):
    outcome, sentence = decide(
        [check(str(at), result) for at, result in enumerate(results)], primary("better")
    )
    expected = "worse" if "fail" in results else "inconclusive" if "inconclusive" in results else "better"
    assert outcome == expected
    if expected != "better":
        first = results.index("fail" if "fail" in results else "inconclusive")
        assert sentence.startswith(f"{first}: {first} found")


@pytest.mark.parametrize("outcome", ["better", "equivalent"])
def test_when_no_check_objects_the_primary_metric_decides(outcome):
    assert decide([check("a", "pass")], primary(outcome))[0] == outcome


def test_before_there_is_a_champion_what_passes_is_better_than_none():
    assert decide([check("a", "pass")], None)[0] == "better"
    assert decide([check("a", "fail")], None)[0] == "worse"


def test_only_what_may_take_over_ends_with_zero():
    assert {outcome for outcome, code in exit_codes.REVIEW.items() if code == 0} == {
        "better",
        "equivalent",
        "no model change",
    }
    assert exit_codes.REVIEW["worse"] == 1
    assert exit_codes.REVIEW["inconclusive"] == 2


HELD = {
    "below": (0.4, "pass"),
    "at the limit": (0.5, "pass"),
    "above": (0.6, "fail"),
    "undefined": (float("nan"), "inconclusive"),
    "endless": (float("inf"), "inconclusive"),
}


@pytest.mark.parametrize(("figure", "result"), HELD.values(), ids=HELD)
def test_a_figure_passes_up_to_its_limit(figure, result):
    found = held("a", figure, Limit(limit=0.5, reason="why"), "finding")
    assert (found.result, found.limit, found.reason) == (result, 0.5, "why")


GUARDS = {
    "a certain loss beyond the margin": (-0.03, -0.04, -0.01, "fail"),
    "a certain loss within the margin": (-0.015, -0.04, -0.01, "pass"),
    "an uncertain loss beyond the margin": (-0.03, -0.07, 0.01, "pass"),
    "a gain": (0.03, 0.01, 0.05, "pass"),
    "unknown": (float("nan"), float("nan"), float("nan"), "inconclusive"),
}


@pytest.mark.parametrize(("middle", "low", "high", "result"), GUARDS.values(), ids=GUARDS)
def test_a_guard_refuses_only_a_loss_that_is_certain_and_larger_than_its_margin(middle, low, high, result):
    gain = Gain(0.5, 0.5, middle, low, high, 0.01, 100)
    name = next(iter(champion_comparison.metrics.METRICS))
    assert champion_comparison.guard(name, Margin(margin=0.02, reason="why"), gain).result == result
