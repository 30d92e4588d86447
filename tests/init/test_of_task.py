"""What a problem's files say of its task fits the rows that there are."""

from types import SimpleNamespace

import pandas as pd
import pytest

from loop.init import of_task


@pytest.mark.parametrize(("rare", "margin"), [(5, 0.13), (50, 0.03)])
def test_two_rows_of_the_rarest_class_are_no_loss_of_the_mean_recall(rare, margin):
    labels = pd.Series(["a"] * (500 - rare) + ["b"] * 495 + ["c"] * (rare + 5))
    found = SimpleNamespace(label=SimpleNamespace(values=labels))
    numbers = SimpleNamespace(holdout_rows=500)
    rows = (rare + 5) / 1000 * 500
    assert of_task._recall(found, numbers) == pytest.approx(max(0.03, margin), abs=0.005)
    assert of_task._recall(found, numbers) >= min(0.25, 2 / 3 / rows) - 0.005
