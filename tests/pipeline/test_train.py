"""The fit: of no more rows than params.yaml allows, and a word before the work where memory may not do."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from loop.base.errors import LoopError
from loop.data import row_weights, training_sample
from loop.kit import models
from loop.pipeline import train
from problem import source


def test_no_more_rows_are_fitted_than_the_settings_allow(monkeypatch):
    fitted = []

    class Model:
        def fit(self, rows: pd.DataFrame, labels: pd.Series) -> None:
            fitted.append((rows, labels))

    monkeypatch.setattr(train.problem_model, "build", lambda *_: Model())
    rows = pd.DataFrame({name: range(100) for name in source.KEY}).assign(label=1.0)
    train.train(rows, train.Params.model_construct(seed=1, rows_max=30, model=None))
    chosen = training_sample.of(rows, source.KEY, 30)
    assert fitted[0][0].equals(chosen)
    assert len(fitted[0][1]) == 30


@pytest.mark.parametrize(
    ("frame", "said"), [(10**9, ""), (10**9 + 1, "may need 8.0 GB, and 8.0 GB are free")]
)
def test_a_fit_that_memory_may_not_do_for_is_said_before_it_begins(capsys, frame, said):
    train.warn_of_memory(frame, 8 * 10**9)
    out = capsys.readouterr().out
    assert said in out
    assert bool(out) == bool(said)
    assert not said or "set train.rows_max" in out


def test_a_row_that_weighs_three_is_fitted_as_three_rows(monkeypatch):
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({name: range(60) for name in source.KEY}).assign(
        x=rng.random(60), label=rng.random(60)
    )
    rows["row_weight"] = rng.integers(0, 4, 60).astype(float)

    def build(*_):
        return make_pipeline(FunctionTransformer(lambda rows: rows[["x"]]), LinearRegression())

    monkeypatch.setattr(train.problem_model, "build", build)
    settings = train.Params.model_construct(seed=1, rows_max=None, model=None)
    repeated = rows.loc[np.repeat(rows.index, rows["row_weight"].astype(int))].drop(columns="row_weight")
    weighed, often = (train.train(one, settings)[-1] for one in (rows, repeated))
    assert (weighed.coef_[0], weighed.intercept_) == pytest.approx((often.coef_[0], often.intercept_))


def test_an_estimator_that_takes_no_weights_is_refused_by_name():
    with pytest.raises(LoopError, match="KNeighborsRegressor, the last step"):
        row_weights.to_fit(make_pipeline(KNeighborsRegressor()), np.ones(3))
    assert row_weights.to_fit(KNeighborsRegressor(), None) == {}


def test_a_column_without_any_value_in_these_rows_tells_nothing_and_is_no_error(monkeypatch):
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({name: range(200) for name in source.KEY})
    rows = rows.assign(gust=np.nan, wind=rng.normal(size=200)).assign(label=lambda own: own["wind"] * 2)
    boosted = models.Boosted(
        learning_rate=0.1, trees=20, leaves=4, rows_per_leaf=5, l2=0.0, features_per_split=1.0
    )
    monkeypatch.setattr(
        train.problem_model,
        "build",
        lambda params, seed: models.boosted("regression", params, seed, numbers=["gust", "wind"]),
    )
    fitted = train.train(rows, train.Params.model_construct(seed=1, rows_max=None, model=boosted))
    assert np.array_equal(fitted.predict(rows), fitted.predict(rows.assign(gust=12.5)))
