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
