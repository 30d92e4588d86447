"""MLflow loads, serves and describes the model of any problem, without pickle, with its own scores."""

import json
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server import init
from starlette.testclient import TestClient

from conftest import ROOT
from loop.kit import models
from loop.model import mlflow_model, model_file

CLASSES = ("a", "b", "c")
TASKS = {
    "binary": ("probability", models.probability, 2),
    "multiclass": (f"probabilities({CLASSES!r})", models.probabilities(CLASSES), 3),
    "regression": ("expected", models.expected, 50),
}
TYPES = {"at": "datetime", "shop": "str", "open": "bool", "price": "float", "number": "int"}
LOCK = (ROOT / "uv.lock").read_text()


def rows() -> pd.DataFrame:
    place = np.arange(90)
    return pd.DataFrame(
        {
            "at": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(place * 37, unit="min"),
            "shop": pd.Series([("north", "south", None)[one % 3] for one in place], dtype="str"),
            "open": place % 2 == 0,
            "price": np.where(place % 7 == 0, np.nan, place / 3),
            "number": place % 5,
        }
    )


def plainly(frame: pd.DataFrame) -> dict:
    """The columns as reference rows hold them."""
    texts = {name: [None if pd.isna(one) else one for one in frame[name].tolist()] for name in frame}
    return texts | {"at": [one.tz_localize(None).isoformat() for one in frame["at"]]}


def folder(tmp_path: Path, task: str, reference: dict | None = None):
    """A model of that task as MLflow's folder; the Pipeline, its rows and scores."""
    name, score, values = TASKS[task]
    build = models.linear if task == "regression" else models.boosted
    settings = (
        models.Linear(alpha=1.0)
        if task == "regression"
        else models.Boosted(
            learning_rate=0.1, trees=5, leaves=4, rows_per_leaf=5, l2=1.0, features_per_split=1
        )
    )
    frame = rows()
    model = build(task, settings, 1, categories=["shop"], flags=["open"], numbers=["price", "number"])
    model.fit(frame, np.arange(len(frame)) % values)
    found = score(model, frame)
    code = f"from loop.kit.models import {name.partition('(')[0]}\n\nscore = {name}\n"
    texts = {path: (ROOT / path).read_text() for path in ("src/loop/__init__.py", "src/loop/kit/__init__.py")}
    texts |= {"src/loop/kit/models.py": (ROOT / "src/loop/kit/models.py").read_text(), "src/loop/cli.py": "x"}
    texts |= {"src/problem/__init__.py": "", "src/problem/model.py": code, "src/problem/names.csv": "a,b\n"}
    model_file.write(model, tmp_path / "given.skops")
    known = {"types": TYPES, "columns": plainly(frame), "scores": found.tolist()}
    known = known if reference is None else reference
    parts = mlflow_model.Parts(
        tmp_path / "given.skops", known, texts, lambda path: texts[path].encode(), LOCK
    )
    mlflow_model.write(tmp_path / "model", parts)
    return tmp_path / "model", model, frame, found


@pytest.mark.parametrize("task", TASKS)
def test_mlflow_gives_the_problem_s_own_scores_to_the_bit_and_serves_them(tmp_path, own_code, task):
    made, model, frame, found = folder(tmp_path, task)
    loaded = mlflow.pyfunc.load_model(str(made))
    assert np.array_equal(loaded.predict(frame.assign(label=1.0)), found), "what it does not need is left out"
    naive = frame.assign(at=frame["at"].dt.tz_localize(None))
    assert np.array_equal(loaded.predict(naive), found), "an instant without a zone is UTC"
    assert np.array_equal(loaded.predict(loaded.input_example), found[: mlflow_model.ROWS])
    plain = mlflow.sklearn.load_model(str(made))
    assert np.array_equal(plain.predict(frame), model.predict(frame))
    with TestClient(init(loaded)) as client:
        body = (made / "serving_input_example.json").read_text()
        asked = client.post("/invocations", content=body, headers={"Content-Type": "application/json"})
    assert asked.json()["predictions"] == found[: mlflow_model.ROWS].tolist()


@pytest.mark.parametrize("task", TASKS)
def test_mlflow_evaluates_a_model_of_each_task_as_the_docs_say(tmp_path, own_code, monkeypatch, task):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    made, _, frame, found = folder(tmp_path, task)
    labels = np.arange(len(frame)) % TASKS[task][2]
    champion = mlflow.pyfunc.load_model(str(made))
    several = task == "multiclass"
    judged = mlflow.models.evaluate(
        (lambda rows: champion.predict(rows).argmax(axis=1)) if several else str(made),
        frame.assign(label=labels),
        targets="label",
        model_type="classifier" if several else "regressor",
        evaluator_config={"log_explainer": False, "log_model_explainability": False},
    )
    if several:
        assert judged.metrics["accuracy_score"] == np.mean(found.argmax(axis=1) == labels)
    else:
        assert judged.metrics["mean_squared_error"] == pytest.approx(np.mean((found - labels) ** 2))


def test_the_folder_holds_the_file_to_the_byte_the_code_it_needs_and_no_pickle(tmp_path):
    made, *_ = folder(tmp_path, "binary")
    names = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert (made / "model.skops").read_bytes() == (tmp_path / "given.skops").read_bytes()
    assert {"code/problem/model.py", "code/problem/names.csv", "code/loop/kit/models.py"} <= names
    assert "code/loop/cli.py" not in names, "which the model does not reach"
    assert not [name for name in names if name.endswith((".pkl", ".pickle"))]
    about = mlflow.models.Model.load(str(made))
    assert about.flavors["sklearn"]["serialization_format"] == "skops"
    trusted = about.flavors["sklearn"]["skops_trusted_types"]
    assert "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor" in trusted
    kinds = {
        one.name: one.type.name for one in about.signature.inputs.inputs if one.name in ("shop", "price")
    }
    assert kinds == {"shop": "string", "price": "double"}


def test_requirements_are_what_the_code_imports_as_the_lock_has_it(tmp_path):
    made, *_ = folder(tmp_path, "regression")
    needed = dict(line.split("==") for line in (made / "requirements.txt").read_text().split())
    assert {
        "mlflow",
        "numpy",
        "pandas",
        "scikit-learn",
        "scipy",
        "skops",
        "pydantic",
        "joblib",
    } <= needed.keys()
    assert not {"dvc", "bentoml", "duckdb", "flask"} & needed.keys()
    assert needed["scikit-learn"] == __import__("sklearn").__version__


def test_without_the_types_of_its_columns_an_older_version_has_no_signature_and_still_scores(
    tmp_path, own_code
):
    made, _, frame, found = folder(tmp_path, "regression", reference={})
    loaded = mlflow.pyfunc.load_model(str(made))
    assert loaded.metadata.signature is None
    assert np.array_equal(loaded.predict(frame), found)


def test_a_process_that_runs_another_problem_s_code_is_told_so(tmp_path, own_code):
    made, *_ = folder(tmp_path, "binary")
    mlflow.pyfunc.load_model(str(made))
    other = shutil.copytree(made, tmp_path / "other")
    code = other / "code/problem/model.py"
    code.write_text(code.read_text() + "# of another version\n")
    with pytest.raises(ImportError, match=r"`problem.model` of .* is loaded.*process of its own"):
        mlflow.pyfunc.load_model(str(other))


def test_what_mlflow_knows_of_types_is_in_a_file_that_its_loader_reads(tmp_path):
    made, *_ = folder(tmp_path, "multiclass")
    assert json.loads((made / "loop.json").read_text())["types"] == TYPES
    assert mlflow.models.Model.load(str(made)).signature.outputs.inputs[0].shape == (-1, 3)
