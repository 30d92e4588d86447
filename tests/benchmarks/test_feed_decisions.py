"""What is advised on faulted histories is asked in an order drawn once, and counted as it was said."""

import pytest
from benchmarks.feed_faults import decisions
from benchmarks.feed_faults.kinds import KINDS


@pytest.mark.parametrize("problem", decisions.PROBLEMS)
def test_every_held_out_fault_comes_once_in_an_order_that_stays(problem):
    targets, days = decisions.PROBLEMS[problem]
    cases = [(kind.name, size, target.table, day) for kind, size, target, day in decisions.drawn(problem)]
    assert len(set(cases)) == len(cases) == len(KINDS) * 3 * len(targets) * len(days)
    assert cases == [(kind.name, size, to.table, day) for kind, size, to, day in decisions.drawn(problem)]


def test_a_retrain_on_either_day_counts_as_wrong_and_nothing_on_the_last():
    said = [("retrain", "nothing"), ("nothing", "suspected feed fault"), ("nothing", "nothing")]
    cases = [{"size": 2, "changed": True, "14": first, "28": last} for first, last in said]
    cases.append({"size": 2, "changed": False, "14": "retrain", "28": "nothing"})  # no row is another
    last = decisions.table({"stops": {"decisions": cases}, "rides": {}}).splitlines()[-1]
    cells = [cell.strip() for cell in last.strip("|").split("|")]
    assert cells[:4] == ["stops", "all", "3", "1"]
    assert cells[5] == "2"
    assert cells[7] == "suspected feed fault 1"
