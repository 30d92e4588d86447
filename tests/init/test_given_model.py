"""A Pipeline that there is already becomes code that a person would write, or is refused with the reason."""

import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from loop.base.errors import LoopError, UsageError
from loop.init import data_file, given_model
from loop.init.guess import guess
from loop.init.guessed import Options

ROWS = 300


def rows() -> pd.DataFrame:
    """Rides: numbers, codes, a text, yes and no, the label and half of it."""
    rng = np.random.default_rng(3)
    temp, kind = rng.uniform(0, 30, ROWS).round(2), rng.choice(["a", "b", "c"], ROWS)
    rides = (temp * 3 + (kind == "a") * 20 + rng.normal(0, 5, ROWS)).round(1)
    return pd.DataFrame(
        {
            "at": pd.date_range("2024-01-01", periods=ROWS, freq="h").astype("str"),
            "temp": temp,
            "wind (m/s)": rng.uniform(0, 9, ROWS).round(1),
            "season_code": rng.choice([1, 2, 3, 4], ROWS),
            "weather": kind,
            "holiday": rng.choice(["yes", "no"], ROWS),
            "half": rides / 2,
            "rides": rides,
            "busy": np.where(rides > 50, "yes", "no"),
        }
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows().to_csv("rides.csv", index=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def taken(model: Pipeline, label: str = "rides") -> tuple[object, given_model.Taken]:
    left_out = ["busy"] if label == "rides" else ["rides", "half"]
    found = guess(data_file.read(Path("rides.csv")), Options(label=label, leave_out=left_out))
    return given_model.onto(found, model, "model.skops")


def stored(model: Pipeline) -> Pipeline:
    skops.io.dump(model, "model.skops")
    return given_model.load("model.skops")


def rebuilt(found: given_model.Taken) -> Pipeline:
    scope: dict[str, object] = {"params": type("Params", (), found.params), "seed": 7}
    exec("\n".join(found.imports), scope)  # noqa: S102
    return eval(found.expression, scope)  # noqa: S307


def forest() -> Pipeline:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = ColumnTransformer(
        [
            ("number", numbers, ["temp", "wind (m/s)"]),
            ("category", OneHotEncoder(handle_unknown="ignore"), ["weather", "season_code"]),
        ]
    )
    return Pipeline(
        [("columns", columns), ("forest", RandomForestClassifier(20, min_samples_leaf=3, random_state=5))]
    )


def test_steps_and_params_become_code_with_what_is_no_default(home):
    found, code = taken(forest(), "busy")
    assert found.inputs == ("temp", "wind_m_s", "weather", "season_code")
    assert code.params == {"n_estimators": 20, "min_samples_leaf": 3}
    assert code.expression == (
        "Pipeline([('columns', ColumnTransformer([('number', Pipeline([('simpleimputer', "
        "SimpleImputer(strategy='median')), ('standardscaler', StandardScaler())]), ['temp', 'wind_m_s']), "
        "('category', OneHotEncoder(handle_unknown='ignore'), ['weather', 'season_code'])])), ('forest', "
        "RandomForestClassifier(n_estimators=params.n_estimators, min_samples_leaf=params.min_samples_leaf, "
        "random_state=seed))])"
    )
    assert "from sklearn.ensemble import RandomForestClassifier" in code.imports
    assert set(code.trusted) == {"numpy.dtype", "sklearn.tree._tree.Tree"}


def test_the_code_builds_the_same_pipeline(home):
    model = forest()
    built = rebuilt(taken(model, "busy")[1])
    named = {"temp": "temp", "wind (m/s)": "wind_m_s", "weather": "weather", "season_code": "season_code"}
    frame = rows()
    model.set_params(forest__random_state=7).fit(frame, frame["busy"])
    built.fit(frame.rename(columns=named), frame["busy"])
    again = built.predict_proba(frame.rename(columns=named))
    assert np.array_equal(model.predict_proba(frame), again)


def test_a_file_of_skops_gives_what_the_pipeline_gives(home):
    frame = rows()
    model = forest().fit(frame.drop(columns="busy"), frame["busy"])
    assert taken(stored(model), "busy")[1] == taken(model, "busy")[1]


def test_a_column_is_read_as_the_notebook_read_it(home):
    found, _ = taken(forest(), "busy")
    assert found.columns["season_code"].kind == "whole"
    columns = ColumnTransformer([("holiday", OneHotEncoder(categories=[["no", "yes"]]), ["holiday"])])
    found, _ = taken(Pipeline([("columns", columns), ("line", Ridge())]))
    assert found.columns["holiday"].kind == "text"


def test_columns_that_a_fit_found_are_named(home):
    picked = ColumnTransformer(
        [
            ("number", StandardScaler(), make_column_selector(dtype_include="number")),
            ("place", "passthrough", [0]),
        ],
        remainder=OneHotEncoder(),
    )
    frame = rows()[["season_code", "temp", "weather"]]
    model = Pipeline([("columns", picked), ("line", Ridge())])
    with pytest.raises(LoopError, match="are no names"):
        taken(model)
    found, code = taken(model.fit(frame, rows()["rides"]))
    assert found.inputs == ("season_code", "temp", "weather")
    assert "('number', StandardScaler(), ['season_code', 'temp'])" in code.expression
    assert "('rest', OneHotEncoder(), ['weather'])" in code.expression


def test_a_pipeline_without_named_columns_gets_a_first_step_that_picks_them(home):
    model = make_pipeline(StandardScaler(), Ridge(alpha=2.0))
    with pytest.raises(LoopError, match="which columns the pipeline reads is not known"):
        taken(model)
    _, code = taken(model.fit(rows()[["temp", "wind (m/s)"]], rows()["rides"]))
    assert "('input', 'passthrough', ['temp', 'wind_m_s'])" in code.expression
    assert code.params == {"alpha": 2.0}


@pytest.mark.parametrize(
    "last",
    [
        CalibratedClassifierCV(LinearSVC(C=0.5), cv=3),
        VotingClassifier(
            [("line", LogisticRegression()), ("trees", RandomForestClassifier(5))], voting="soft"
        ),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=KFold(3, shuffle=True, random_state=1)),
    ],
    ids=lambda last: type(last).__name__,
)
def test_estimators_of_estimators_become_code(home, last):
    frame = rows()
    columns = ColumnTransformer([("number", "passthrough", ["temp"])])
    model = Pipeline([("columns", columns), ("last", last)])
    built = rebuilt(taken(model, "busy")[1])
    assert repr(built) == repr(rebuilt(taken(built, "busy")[1]))
    assert len(built.fit(frame, frame["busy"]).predict_proba(frame)) == ROWS


def test_values_of_every_kind_become_code(home):
    union = FeatureUnion(
        [
            ("log", FunctionTransformer(np.log1p)),
            ("clip", FunctionTransformer(partial(np.clip, a_min=0, a_max=np.inf))),
            ("missing", SimpleImputer(missing_values=np.nan, fill_value=-1.5, strategy="constant")),
        ]
    )
    columns = ColumnTransformer([("both", union, ["temp"])]).set_output(transform="default")
    _, code = taken(Pipeline([("columns", columns), ("line", Ridge())]))
    assert "FunctionTransformer(func=np.log1p)" in code.expression
    assert "partial(np.clip, a_min=0, a_max=np.inf)" in code.expression
    assert "fill_value=-1.5" in code.expression


def test_the_time_of_decision_is_read_under_its_name_in_the_problem(home):
    Path("clocks.py").write_text(
        "from sklearn.compose import ColumnTransformer\n"
        "from sklearn.linear_model import Ridge\nfrom sklearn.pipeline import Pipeline\n"
        "from sklearn.preprocessing import FunctionTransformer\n\n\n"
        "def hours(x):\n    return x.apply(lambda at: at.dt.hour)\n\n\n"
        "columns = ColumnTransformer([('hour', FunctionTransformer(hours), ['at'])])\n"
        "model = Pipeline([('columns', columns), ('line', Ridge())])\n"
    )
    found, code = taken(given_model.load("clocks:model"))
    assert found.inputs == ()
    assert "('hour', FunctionTransformer(func=hours), ['decided_at'])" in code.expression


MODULE = '''"""A notebook as a script."""
import csv
import json

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

frame = pd.read_csv("rides.csv")
SCALE, UNUSED = 2.0, 1


def doubled(x):
    return x * SCALE


def unused(x):
    return json.dumps(x)


class Scaled(TransformerMixin, BaseEstimator):
    """Twice the number."""

    def __init__(self, plus=0):
        self.plus = plus

    def fit(self, x, y=None):
        return self

    def transform(self, x):
        return np.asarray(doubled(x)) + self.plus


columns = ColumnTransformer([("scaled", Scaled(plus=1), ["temp"])])
model = Pipeline([("columns", columns), ("line", Ridge(alpha=0.5))])
model.fit(frame, frame["rides"])
'''


def test_classes_of_a_module_come_along_with_what_they_name_and_nothing_else(home):
    Path("mine.py").write_text(MODULE)
    _, code = taken(given_model.load("mine:model"))
    assert "Scaled(plus=1)" in code.expression
    assert "from problem.steps import Scaled" in code.imports
    assert code.trusted == ("problem.steps.Scaled",)
    assert "def doubled" in code.steps
    assert "SCALE, UNUSED = 2.0, 1" in code.steps
    for gone in ("read_csv", "unused", "csv", "json", "model.fit"):
        assert gone not in code.steps
    assert "problem.steps" not in sys.modules


def test_a_module_may_be_given_by_its_path(home):
    (home / "my notebooks").mkdir()
    Path("my notebooks/mine.py").write_text(MODULE)
    assert taken(given_model.load("my notebooks/mine.py:model"))[1].params == {"alpha": 0.5}


def test_a_class_that_needs_another_file_is_refused(home):
    Path("beside.py").write_text("SCALE, UNUSED = 2.0, 1\n")
    Path("needs.py").write_text(MODULE.replace("SCALE, UNUSED = 2.0, 1", "from beside import SCALE"))
    with pytest.raises(LoopError, match=r"needs\.py takes a part of beside"):
        taken(given_model.load("needs:model"))


def test_what_a_pipeline_warns_of_is_said(home):
    Path("old.py").write_text(
        MODULE.replace("return np.", "import warnings; warnings.warn('it is old'); return np.")
    )
    with pytest.warns(UserWarning, match="it is old"):
        model = given_model.load("old:model")
    found, _ = taken(model)
    assert [one for one in found.suspected if "UserWarning: it is old" in one]


def line(*columns: str, last: object = None, step: object = "passthrough") -> Pipeline:
    return Pipeline(
        [("columns", ColumnTransformer([("all", step, list(columns))])), ("line", last or Ridge())]
    )


@pytest.mark.parametrize(
    ("model", "label", "said"),
    [
        (line("temp", "depth"), "rides", "reads 'depth', which is no column of the data"),
        (line("temp", "rides"), "rides", "reads 'rides', which is the label"),
        (line("temp", "half"), "rides", "reads half: it gives rides away"),
        (line("temp"), "busy", "ends in Ridge, and the task is binary"),
        (
            line("temp", last=LogisticRegression()),
            "rides",
            "ends in LogisticRegression, and rides is a number",
        ),
        (line("temp", last=LinearSVC()), "busy", "LinearSVC has no predict_proba"),
        (line("weather"), "rides", "does not fit the data: ValueError"),
        (line("temp", step=FunctionTransformer(lambda x: x)), "rides", "<lambda> is a lambda"),
    ],
)
def test_what_cannot_be_taken_over_is_refused_with_the_reason(home, model, label, said):
    with pytest.raises(LoopError, match=said):
        taken(model, label)


class Foreign(HistGradientBoostingRegressor):
    """A class of no library."""


def test_a_file_with_types_of_nobody_is_not_loaded(home, monkeypatch):
    frame = rows()
    skops.io.dump(line("temp", last=Foreign(max_iter=2)).fit(frame, frame["rides"]), "model.skops")
    monkeypatch.setattr(skops.io, "load", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(LoopError, match=r"holds types that are not scikit-learn's: .*Foreign"):
        given_model.load("model.skops")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("model.pkl", "a pickle runs whatever it holds"),
        ("none.skops", "there is no such file"),
        ("broken.skops", "cannot be read"),
        ("nowhere:model", "nowhere cannot be imported: ModuleNotFoundError"),
        ("mine:other", "has no `other`"),
        ("mine:SCALE", "is a float"),
        ("falls:model", "falls cannot be imported: KeyError"),
    ],
)
def test_a_model_that_is_not_there_is_said_so(home, given, said):
    Path("broken.skops").write_bytes(b"PK half of an archive")
    Path("mine.py").write_text(MODULE)
    Path("falls.py").write_text("{}['a']\n")
    with pytest.raises(LoopError, match=said):
        given_model.load(given)


def test_a_search_says_that_its_best_is_a_pipeline(home):
    frame = rows()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = GridSearchCV(line("temp"), {"line__alpha": [1.0]}, cv=2).fit(frame, frame["rides"])
    skops.io.dump(search, "model.skops")
    with pytest.raises(LoopError, match="best_estimator_"):
        given_model.load("model.skops")


def test_a_model_is_named_by_a_file_or_a_module():
    with pytest.raises(UsageError):
        given_model.load("model")
