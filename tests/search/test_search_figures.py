import re
from types import SimpleNamespace

import pytest

from loop.search import search_figures
from loop.search.ranking import Ranked
from loop.search.study import Trial
from loop.stats.paired import Gain


@pytest.mark.parametrize(("last", "marked"), [(-0.2, False), (-9.0, True)])
def test_a_trial_too_bad_to_be_drawn_is_marked(last, marked):
    gains = [0, 0.1, *[-0.1, -0.2] * 5, last]
    ranked = [
        Ranked(Trial(number, {}, "complete", 1 - gain, 1.0, ""), Gain(1, 1, gain, gain, gain, 0.1, 9))
        for number, gain in enumerate(gains)
    ]
    drawn = search_figures._history(SimpleNamespace(ranking=SimpleNamespace(ranked=ranked)))
    assert ("far below" in drawn) is marked


def test_a_space_of_one_param_has_a_line_for_each_trial_that_ends_at_its_gain():
    ranked = [
        Ranked(
            Trial(number, {"alpha": 2.0**number}, "complete", 1 - gain, 1.0, ""),
            Gain(1, 1, gain, gain, gain, 0.1, 9),
        )
        for number, gain in enumerate([0.2, 0.1, 0.0])
    ]
    found = SimpleNamespace(
        settings=SimpleNamespace(space={"alpha": None}),
        ranking=SimpleNamespace(ranked=ranked, usual=ranked[2].trial),
    )
    drawn = search_figures._parallel(found)
    for word in ("alpha", "gain", "+0.2", "+0.1"):
        assert f">{word}<" in drawn
    lines = [path for path in re.findall(r'<path d="([^"]+)" clip-path', drawn) if path.count("L") == 1]
    slopes = [path for path in lines if len(set(re.findall(r"[\d.]+", path)[::2])) == 2]
    assert len(slopes) == 3
