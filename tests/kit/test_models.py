"""Models of the kit: what a problem asks of them is what they do."""

import numpy as np
import pandas as pd
import pytest

from loop.kit import models


@pytest.mark.parametrize("early", [False, True])
def test_trees_are_as_many_as_asked_for_unless_they_may_stop_early(early):
    params = models.Boosted(
        learning_rate=1.0, trees=60, leaves=4, rows_per_leaf=1, l2=0.0, features_per_split=1.0
    )
    rows = pd.DataFrame({"x": np.arange(200.0)})
    model = models.boosted("binary", params, 1, numbers=["x"], early_stopping=early)
    grown = model.fit(rows, rows["x"].to_numpy() % 2)["booster"].n_iter_
    assert (grown < 60) is early
