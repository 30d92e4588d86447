"""What the monitor weighs and watches: every input of the estimator, whatever the Pipeline makes of a row."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from loop.model import estimator_inputs

ROWS = 400


@pytest.fixture(autouse=True)
def _plain_score(monkeypatch):
    monkeypatch.setattr(estimator_inputs.problem_model, "score", lambda model, rows: model.predict(rows))


def examples() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "width": rng.normal(size=ROWS),
            "length": rng.normal(size=ROWS),
            "flag": rng.random(ROWS) < 0.5,
            "kind": rng.choice(["a", "b", "c"], ROWS),
            "words": rng.choice(["red car", "blue car", "red bus"], ROWS),
            "at": pd.Timestamp("2024-01-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 5000, ROWS), unit="h"),
            "idle": rng.normal(size=ROWS),
        }
    )


def fitted(label) -> Pipeline:
    rows = examples()
    hours = FunctionTransformer(lambda of: of.apply(lambda at: at.dt.hour), feature_names_out="one-to-one")
    area = FunctionTransformer(lambda of: of[["width"]] * of[["length"]].to_numpy())
    columns = ColumnTransformer(
        [
            ("number", StandardScaler(), ["width", "flag", "idle"]),
            ("kind", OneHotEncoder(), ["kind"]),
            ("words", CountVectorizer(), "words"),
            ("hour", hours, ["at"]),
            ("area", area, ["width", "length"]),
        ]
    )
    model = Pipeline([("columns", columns), ("fill", SimpleImputer()), ("line", LinearRegression())])
    return model.fit(rows, label(rows))


def test_importance_is_over_all_inputs_and_adds_up_to_one():
    model = fitted(lambda rows: rows["width"] + 2 * rows["at"].dt.hour + 3 * rows["flag"])
    found = estimator_inputs.looked_at(model, examples(), seed=1)
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.weights["idle"] == pytest.approx(0, abs=1e-6)
    assert found.weights["flag"] > found.weights["width"] > 0.01


def test_one_column_however_it_is_coded_goes_by_its_name_and_what_is_made_has_one_of_its_own():
    model = fitted(lambda rows: rows["width"] * rows["length"] + rows["words"].str.len())
    found = estimator_inputs.looked_at(model, examples(), seed=1)
    assert {"width", "flag", "idle", "kind", "words"} <= set(found.weights)
    assert len(found.made) == 2, "the hour, and what two columns make"
    values = estimator_inputs.made(model, examples(), found.made)
    hour, area = sorted(values, key=lambda name: values[name].nunique())
    assert values[hour].tolist() == examples()["at"].dt.hour.tolist()
    assert values[area].to_numpy() == pytest.approx((examples()["width"] * examples()["length"]).to_numpy())


@pytest.mark.parametrize("model", [LinearRegression(), Pipeline([("line", LinearRegression())])])
def test_what_is_no_pipeline_of_transforms_cannot_say(model):
    assert estimator_inputs.looked_at(model, examples(), seed=1) is None
