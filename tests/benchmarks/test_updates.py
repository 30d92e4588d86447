"""A year of weekly updates: main waits for a challenger, so each of them gets to its end."""

from benchmarks.updates import year

from loop.production.rollout_policy import Policy
from support.states import policy


def test_no_update_sends_a_challenger_back_to_its_first_stage():
    made = policy(("shadow", 0, True), ("canary-5", 5, False), ("canary-25", 25, False)).model_dump()
    for stage, days in zip(made["stages"], (2, 3, 5), strict=True):
        stage["needs"]["days_min"] = days  # more days in all than lie between two updates
    staged = Policy.model_validate(made)
    entered, champions, _ = year(staged, waits=True)
    assert champions == entered > 20
    assert year(staged, waits=False)[1] == 0
