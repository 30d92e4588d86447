"""A year in which each week an update of a package that is served is merged, by the transitions of a rollout.

Stages and their days are those of deploy/policy.yaml; each stage has its rows and labels in time. Main waits
for a challenger that is on its way; beside it the rule that each merge takes the challenger's place.
"""

import pandas as pd

from benchmarks.timing import Row
from loop.production import rollout_policy
from loop.production.rollout_policy import Policy
from loop.production.state import EMPTY, State, Version
from loop.production.transitions import advance, enter, on_its_way

START, DAY, WEEKS = pd.Timestamp("2026-01-05", tz="UTC"), pd.Timedelta(days=1), 52


def measure(runs: int) -> list[Row]:
    """Challengers of the year and how many became champion; `runs` does not matter, nothing is drawn."""
    policy, rows = rollout_policy.read(), []
    for name, waits in (("main waits", True), ("each merge takes the challenger's place", False)):
        entered, champions, delay = year(policy, waits)
        note = f"of {entered} that entered before the last rollout's days" + (
            f"; a merge serves everyone after {delay} days at most" if delay else ""
        )
        rows.append(Row(f"challengers that became champion: {name}", [champions], unit="", note=note))
    return rows


def year(policy: Policy, waits: bool) -> tuple[int, int, int]:
    """Challengers that entered in time to end, those that became champion, and the longest days to there."""
    state, merged, entered, champions, longest = EMPTY, {0: START}, [], [0], 0
    for day in range(1, 7 * WEEKS):
        now = START + day * DAY
        if day % 7 == 0:
            merged[len(merged)] = now
        state = _on(state, policy, now)
        newest = max(merged)
        if newest not in entered and not (waits and on_its_way(state)):
            state = enter(state, _version(newest, now), policy, now)
            entered.append(newest)
        if state.champion and (number := state.champion.version - 1) > champions[-1]:
            longest = max(longest, (now - merged[champions[-1] + 1]).days)  # of all that it brought
            champions.append(number)
    late = now - 2 * sum(step.needs.days_min for step in policy.stages) * DAY
    ended = {one for one in entered if one and merged[one] < late}
    return len(ended), len(ended & set(champions)), longest


def _on(state: State, policy: Policy, now: pd.Timestamp) -> State:
    """The challenger at its next stage where it has had the days of this one."""
    challenger = state.challenger
    needed = {step.name: step.needs.days_min for step in policy.stages}
    if challenger is None or now - challenger.stage.since < needed[challenger.stage.name] * DAY:
        return state
    return advance(state, policy, now)


def _version(number: int, now: pd.Timestamp) -> Version:
    return Version(
        version=number + 1,
        commit=f"{number:040x}",
        model="0" * 64,
        image=None,
        released=now,
        lock="0" * 64,
        data={},
        verdict="no model change",
        pull=None,
        author=None,
        approver=None,
    )
