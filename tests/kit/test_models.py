"""Models of the kit: what a problem asks of them is what they do."""

from types import SimpleNamespace

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


@pytest.mark.parametrize("classes", [2, 4])
def test_a_line_gives_one_row_the_score_that_it_has_among_many(classes):
    """The last bit of a product of matrices depends on how many rows it has."""
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(rng.normal(size=(300, 9)), columns=list("abcdefghi"))
    label = (rows.sum(axis=1) + rng.normal(size=300)).rank(pct=True).mul(classes).astype("int64") % classes
    kind = "binary" if classes == 2 else "multiclass"
    fitted = models.linear(kind, models.Linear(alpha=1.0), 1, numbers=list(rows)).fit(rows, label)
    score = models.probability if classes == 2 else models.probabilities(list("wxyz"))
    alone = [score(fitted, rows.iloc[[place]])[0] for place in range(len(rows))]
    np.testing.assert_array_equal(alone, score(fitted, rows))


def test_the_middle_of_like_rows_is_not_moved_by_a_few_that_are_very_large():
    params = models.Boosted(
        learning_rate=0.3, trees=30, leaves=4, rows_per_leaf=20, l2=0.0, features_per_split=1.0
    )
    rows = pd.DataFrame({"x": np.repeat([0.0, 1.0], 500)})
    label = np.tile(np.where(np.arange(100) < 5, 10_000.0, np.arange(100.0)), 10) + 200 * rows["x"].to_numpy()
    of_mean, of_middle = (
        models.boosted("regression", params, 1, numbers=["x"], middle=middle).fit(rows, label).predict(rows)
        for middle in (False, True)
    )
    assert of_middle[[0, -1]] == pytest.approx([52, 252], abs=5)
    assert of_mean.min() > 400


@pytest.mark.parametrize("classes", [7, 30])
def test_trees_of_many_classes_give_one_row_the_score_that_it_has_among_many(classes):
    rng = np.random.default_rng(2)
    rows = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    params = models.Boosted(
        learning_rate=0.1, trees=3, leaves=4, rows_per_leaf=5, l2=1.0, features_per_split=1.0
    )
    fitted = models.boosted("multiclass", params, 1, numbers=list(rows))
    fitted.fit(rows, np.arange(300) % classes)
    score = models.probabilities([str(at) for at in range(classes)])
    alone = [score(fitted, rows.iloc[[place]])[0] for place in range(0, 300, 7)]
    np.testing.assert_array_equal(alone, score(fitted, rows)[::7])


def test_what_is_no_product_of_matrices_keeps_each_bit_whatever_wraps_it():
    """A server's trees as machine code are no Pipeline, and must score as the Pipeline does."""
    found = np.array([[1 / 3, 2 / 3], [1 / 7, 6 / 7]])
    trees = SimpleNamespace(predict_proba=lambda _: found, classes_=np.array([0.0, 1.0]))
    rows = pd.DataFrame({"x": [1.0, 2.0]})
    np.testing.assert_array_equal(models.probability(trees, rows), found[:, 1])
    np.testing.assert_array_equal(models.probabilities(["a", "b"])(trees, rows), found)
