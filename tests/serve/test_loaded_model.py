"""The model that answers is the one of the lineage, shown to be right, and as fast as that allows."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from loop.base import files
from loop.base.errors import LoopError
from loop.data import columns, personal
from loop.kit import clock, models
from loop.model import lineage, model_file, reference_rows
from loop.serve import compiled, loaded_model, native
from problem import model as problem_model


@pytest.fixture
def at_finished(finished, libraries, model, monkeypatch, tmp_path):
    """A copy of what a server reads, to change at will, with the machine code of its model."""
    shutil.copytree(finished.path / "models", tmp_path / "models")
    shutil.copytree(libraries, tmp_path / "cache/loop/compiled")
    (tmp_path / "cache/loop/compiled").chmod(0o700)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_compiler(monkeypatch) -> None:
    monkeypatch.setattr(native.shutil, "which", lambda _: None)


def test_it_runs_as_machine_code_and_agrees_on_every_row_that_trained_it(model, finished):
    rows = files.read_table(finished.path / "data/examples/train.parquet")
    scored = files.read_table(finished.path / "data/predictions.parquet")
    holdout = files.read_table(finished.path / "data/examples/holdout.parquet")
    assert model.engine == ("machine code" if shutil.which("gcc") or shutil.which("clang") else "treelite")
    assert len(rows) > 100_000
    plain = compiled_off(model, finished)
    assert np.abs(model.scores(columns.of_frame(rows)) - plain.scores(columns.of_frame(rows))).max() <= 1e-6
    assert np.abs(model.scores(columns.of_frame(holdout)) - scored["score"]).max() <= 1e-12


def compiled_off(model, finished) -> loaded_model.Model:
    sha256 = lineage.load(finished.path / "models/lineage.json")["model"]["sha256"]
    pipeline = model_file.read(finished.path / "models/model.skops", sha256, problem_model.TRUSTED)
    return loaded_model.Model(pipeline, "scikit-learn", "", [], {}, model.reference)


def test_without_a_compiler_treelite_runs_the_same_trees(at_finished, model, monkeypatch, caplog):
    shutil.rmtree(at_finished / "cache")
    without_compiler(monkeypatch)
    slower = loaded_model.load()
    assert slower.engine == "treelite"
    assert "no C compiler" in caplog.text
    rows = model.reference.columns
    assert np.abs(slower.scores(rows) - model.scores(rows)).max() <= 1e-12


def test_the_machine_code_is_built_once(at_finished, model, monkeypatch):
    monkeypatch.setattr(native, "_build", lambda *_: pytest.fail("built again"))
    assert loaded_model.load().engine == model.engine


@pytest.fixture
def evil(tmp_path):
    """A library that leaves a mark as it is loaded; the mark."""
    if not (shutil.which("gcc") or shutil.which("clang")):
        pytest.skip("no C compiler")
    source, mark = tmp_path / "evil.c", tmp_path / "planted"
    source.write_text(
        f'#include <stdio.h>\n__attribute__((constructor)) void run(void) {{ fopen("{mark}", "w"); }}\n'
    )
    compiler = shutil.which("gcc") or shutil.which("clang")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", tmp_path / "evil.so", source], check=True)
    return mark


def test_machine_code_that_was_changed_is_built_again_and_none_of_it_runs(at_finished, model, caplog, evil):
    (library,) = (at_finished / "cache/loop/compiled").iterdir()
    shutil.copyfile(at_finished / "evil.so", library)
    assert loaded_model.load().engine == model.engine
    assert "was changed" in caplog.text
    assert not evil.exists()
    (again,) = (at_finished / "cache/loop/compiled").iterdir()
    assert again.stem.endswith(files.digest(again, "sha256"))


def test_machine_code_that_came_with_a_checkout_is_not_looked_at(at_finished, model, evil):
    """Whatever git, DVC or an archive brings names itself by its own hash."""
    (library,) = (at_finished / "cache/loop/compiled").iterdir()
    planted = at_finished / "evil.so"
    name = f"{library.stem.partition('-')[0]}-{files.digest(planted, 'sha256')}.so"
    for folder in ("models/compiled", "loop/compiled", ".cache/loop/compiled"):
        (at_finished / folder).mkdir(parents=True)
        shutil.copyfile(planted, at_finished / folder / name)
    assert loaded_model.load().engine == model.engine
    assert not evil.exists()


@pytest.mark.parametrize("how", ["others may write", "it is a link"])
def test_machine_code_in_a_folder_of_others_is_not_run(at_finished, monkeypatch, caplog, how):
    folder = at_finished / "cache/loop/compiled"
    if how == "it is a link":
        folder.symlink_to(folder.rename(at_finished / "elsewhere"))
    else:
        folder.chmod(0o777)
    monkeypatch.setattr(native.ctypes, "CDLL", lambda _: pytest.fail("it was loaded"))
    assert loaded_model.load().engine == "treelite"
    assert "is not this user's alone" in caplog.text


def test_of_many_libraries_the_newest_stay(at_finished, model, monkeypatch):
    monkeypatch.setattr(native, "KEPT", 2)
    folder = at_finished / "cache/loop/compiled"
    (library,) = folder.iterdir()
    for name in ("a", "b", "c"):
        library.rename(folder / f"{name}{library.suffix}") if library.exists() else (
            folder / f"{name}{library.suffix}"
        ).write_bytes(b"")
    if loaded_model.load().engine == "machine code":
        assert len(list(folder.iterdir())) == 2


def test_a_compiled_model_that_scores_otherwise_is_not_served(at_finished, monkeypatch, caplog):
    honest = compiled.Compiled.predict_proba
    monkeypatch.setattr(compiled.Compiled, "predict_proba", lambda *given: honest(*given) * 0.999)
    found = loaded_model.load()
    assert found.engine == "scikit-learn"
    assert "its scores move by" in caplog.text
    assert np.abs(found.scores(found.reference.columns) - found.reference.scores).max() <= 1e-9


def test_a_model_that_is_not_the_lineages_is_not_loaded(at_finished):
    model = at_finished / "models/model.skops"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with pytest.raises(LoopError, match="sha256"):
        loaded_model.load()


def test_an_environment_that_scores_otherwise_does_not_serve(at_finished):
    path = at_finished / "models/reference.json"
    found = json.loads(path.read_text())
    found["scores"][0] += 0.01
    path.write_text(json.dumps(found))
    with pytest.raises(LoopError, match="other scores here"):
        loaded_model.load()


def test_a_card_with_both_sides_of_a_merge_is_named(at_finished, model):
    (at_finished / "models/card.json").write_text("<<<<<<< HEAD\n{}")
    with pytest.raises(LoopError, match=r"card\.json cannot be used"):
        loaded_model.about(model, None)


@pytest.mark.parametrize(
    "text", [None, "", "{}", '{"golden": 1, "columns": {"z": [1]}, "scores": [1]}'], ids=str
)
def test_without_reference_rows_nothing_is_served(at_finished, text):
    path = at_finished / "models/reference.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(LoopError, match=r"reference\.json"):
        loaded_model.load()


@pytest.mark.parametrize("needed", [False, True])
def test_columns_that_the_contract_calls_personal_are_nobodys_record(finished, monkeypatch, needed):
    rows = files.read_table(finished.path / "data/examples/train.parquet").head(2000)
    name, other = rows.columns[2], rows.columns[3]
    monkeypatch.setattr(personal, "marks", lambda: {name: "hash"})

    class Model:
        def predict_proba(self, frame):
            return np.column_stack([frame[name].astype(float)] * 2) if needed else np.zeros((len(frame), 2))

    found = reference_rows.of(Model(), rows.head(0), rows, 1)["columns"]
    chosen = rows.iloc[
        np.sort(np.random.default_rng(1).choice(len(rows), reference_rows.SAMPLE, replace=False))
    ]
    assert found[other] == chosen[other].tolist()
    if needed:
        assert sorted(found[name]) == sorted(chosen[name])
        assert found[name] != chosen[name].tolist()
    else:
        assert set(found[name]) == {None}


# Pipelines of other shapes

RNG = np.random.default_rng(3)
X = {
    "kind": RNG.choice(np.array(["a", "b", "c"], object), 500),
    "size": np.where(RNG.random(500) < 0.2, np.nan, RNG.normal(size=500)),
}
Y = (np.nan_to_num(X["size"]) + (X["kind"] == "a") + RNG.normal(size=500) > 0.5).astype(int)
BOOSTER = HistGradientBoostingClassifier(max_iter=5)
ASKED = {
    "kind": np.array(["a", "b", "never seen", None], object),
    "size": np.array([0.5, np.nan, -3.0, 1e9]),
}


def doubled(rows):
    return np.column_stack([np.asarray(rows["size"]) * 2])


def table(*more, unknown=np.nan) -> ColumnTransformer:
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=unknown, encoded_missing_value=np.nan
    )
    return ColumnTransformer([("kind", encoder, ["kind"]), ("size", "passthrough", ["size"]), *more])


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(table(), HistGradientBoostingClassifier(categorical_features=[0], max_iter=20)),
        make_pipeline(table(), HistGradientBoostingRegressor(max_iter=20)),
        make_pipeline(
            table(("double", FunctionTransformer(doubled), ["size"])),
            HistGradientBoostingClassifier(max_iter=9),
        ),
        make_pipeline(table(unknown=-1), HistGradientBoostingClassifier(max_iter=9)),
    ],
    ids=["native categories", "a regression", "a function of columns", "unknown is a number"],
)
def test_a_pipeline_of_trees_is_compiled_exactly(pipeline, tmp_path):
    pipeline.fit(columns.to_frame(X), Y)
    made = compiled.build(pipeline, "a" * 64, folder=tmp_path)
    how = "predict_proba" if hasattr(pipeline, "predict_proba") else "predict"
    expected = getattr(pipeline, how)(columns.to_frame(ASKED))
    assert np.abs(getattr(made, how)(ASKED) - expected).max() <= 1e-12


MIXED = {
    "kind": np.where(RNG.random(500) < 0.1, None, X["kind"]),
    "many": RNG.choice([f"p{at}" for at in range(400)], 500).astype(object),
    "paid": RNG.random(500) < 0.5,
    "size": X["size"],
    "at": np.datetime64("2024-05-01", "us") + RNG.integers(0, 10**13, 500).astype("timedelta64[us]"),
}
NEVER_SEEN = [{"kind": "z"}, {"kind": None}, {"many": "z"}, {"many": None}, {"size": np.nan}]


def odd_rows():
    """Rows of training, the first with values that it never saw."""
    asked = {name: values[:100].copy() for name, values in MIXED.items()}
    for row, odd in enumerate(NEVER_SEEN):
        for name, value in odd.items():
            asked[name][row] = value
    return asked


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("many", [True, False])
def test_trees_of_the_kit_are_compiled_exactly_whatever_columns_they_read(task, many, tmp_path):
    """Categories, also missing and rare ones, flags, times and numbers: each problem has some of these."""
    pipeline = models.boosted(
        task,
        models.Boosted(learning_rate=0.1, trees=9, leaves=9, rows_per_leaf=9, l2=1.0, features_per_split=1.0),
        seed=1,
        categories=["kind", "many"] if many else ["kind"],
        flags=["paid"],
        numbers=["size"],
        steps=[("clock", clock.transformer("Europe/Berlin", ["hour", "weekday"]), ["at"])],
        many=many,
    )
    label = Y + (MIXED["paid"] if task == "multiclass" else 0) + (MIXED["kind"] == "a")
    pipeline.fit(columns.to_frame(MIXED), label if task != "binary" else label > 0)
    made = compiled.build(pipeline, "d" * 64, folder=tmp_path)
    asked = odd_rows()
    how = "predict" if task == "regression" else "predict_proba"
    expected = getattr(pipeline, how)(columns.to_frame(asked))
    assert np.abs(getattr(made, how)(asked) - expected).max() <= 1e-12


def test_what_the_encoder_refuses_is_refused(tmp_path):
    encoder = ColumnTransformer([("kind", OrdinalEncoder(), ["kind"]), ("size", "passthrough", ["size"])])
    pipeline = make_pipeline(encoder, HistGradientBoostingClassifier(max_iter=5)).fit(columns.to_frame(X), Y)
    made = compiled.build(pipeline, "e" * 64, folder=tmp_path)
    for model, rows in ((pipeline, columns.to_frame(ASKED)), (made, ASKED)):
        with pytest.raises(ValueError, match=r"unknown categories|encoder refuses"):
            model.predict_proba(rows)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_lines_of_the_kit_need_no_frame_and_score_as_the_pipeline_does(task, tmp_path):
    pipeline = models.linear(
        task,
        models.Linear(alpha=1.0),
        seed=1,
        categories=["kind", "many"],
        flags=["paid"],
        numbers=["size"],
        steps=[("clock", clock.transformer("Europe/Berlin", ["hour", "weekday"]), ["at"])],
    )
    label = Y + (MIXED["paid"] if task == "multiclass" else 0) + (MIXED["kind"] == "a")
    pipeline.fit(columns.to_frame(MIXED), label if task != "binary" else label > 0)
    made = compiled.build(pipeline, "f" * 64, folder=tmp_path)
    assert made.engine == "scikit-learn on arrays"
    score = models.expected if task == "regression" else models.probability
    expected = score(pipeline, columns.to_frame(odd_rows()))
    assert np.array_equal(score(made, odd_rows()), expected)  # lines are rounded in either way


@pytest.mark.parametrize("unknown", ["ignore", "infrequent_if_exist"])
@pytest.mark.parametrize("rare", [None, 150])
def test_what_works_on_numbers_alone_needs_no_frame(unknown, rare, tmp_path):
    encoder = OneHotEncoder(handle_unknown=unknown, min_frequency=rare, sparse_output=False)
    first = ColumnTransformer([("kind", encoder, ["kind"]), ("size", "passthrough", ["size"])])
    pipeline = make_pipeline(first, SimpleImputer(add_indicator=True), MLPClassifier([4], max_iter=20))
    pipeline.fit(columns.to_frame(MIXED), Y)
    made = compiled.build(pipeline, "f" * 64, folder=tmp_path)
    rows = {name: odd_rows()[name] for name in ("kind", "size")}
    expected = pipeline.predict_proba(columns.to_frame(rows))
    assert np.abs(made.predict_proba(rows) - expected).max() <= 1e-12


def test_a_value_that_a_one_hot_encoder_refuses_is_refused(tmp_path):
    encoder = OneHotEncoder(sparse_output=False)
    first = ColumnTransformer([("kind", encoder, ["kind"]), ("size", "passthrough", ["size"])])
    pipeline = make_pipeline(first, SimpleImputer(), LogisticRegression()).fit(columns.to_frame(X), Y)
    made = compiled.build(pipeline, "e" * 64, folder=tmp_path)
    for model, rows in ((pipeline, columns.to_frame(ASKED)), (made, ASKED)):
        with pytest.raises(ValueError, match=r"unknown categories|encoder refuses"):
            model.predict_proba(rows)


def test_trees_that_treelite_would_read_otherwise_are_those_of_scikit_learn(tmp_path, caplog):
    mixed = ColumnTransformer([("size", "passthrough", ["size"]), *table().transformers[:1]])
    booster = HistGradientBoostingClassifier(categorical_features=[1], max_iter=9)
    pipeline = make_pipeline(mixed, booster).fit(columns.to_frame(X), Y)
    made = compiled.build(pipeline, "a" * 64, folder=tmp_path)
    assert made.engine == "scikit-learn on arrays"
    assert "are not its first ones" in caplog.text
    assert np.array_equal(made.predict_proba(ASKED), pipeline.predict_proba(columns.to_frame(ASKED)))


@pytest.mark.parametrize(
    ("pipeline", "why"),
    [
        (make_pipeline(StandardScaler(), BOOSTER), "no ColumnTransformer"),
        (BOOSTER, "not a Pipeline of two steps"),
        (
            make_pipeline(ColumnTransformer([("size", StandardScaler(), ["size"])]), BOOSTER),
            "StandardScaler",
        ),
        (
            make_pipeline(
                ColumnTransformer([("kind", OneHotEncoder(), ["kind"])], sparse_threshold=1.0),
                LogisticRegression(),
            ),
            "a sparse matrix",
        ),
        (
            make_pipeline(
                ColumnTransformer([("kind", OneHotEncoder(drop="first", sparse_output=False), ["kind"])]),
                LogisticRegression(),
            ),
            "drops values",
        ),
        (make_pipeline(table().set_output(transform="pandas"), BOOSTER), "or a frame"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_compiled_is_reported(pipeline, why, tmp_path):
    rows = columns.to_frame(X).assign(size=np.nan_to_num(X["size"]))
    rows = rows[["size"]] if "no Column" in why or pipeline is BOOSTER else rows
    with pytest.raises(compiled.CannotCompileError, match=why):
        compiled.build(pipeline.fit(rows, Y), "b" * 64, folder=tmp_path)


@pytest.mark.parametrize("value", [1 - 2**-53, -0.0, 5e-324, -1.7976931348623157e308])
def test_no_number_is_taken_for_a_missing_one(value, tmp_path):
    """tl2cgen takes a number for missing whose lower 32 bits are ones, such as the last before 1."""
    size = np.where(RNG.random(500) < 0.5, np.nan, RNG.normal(size=500))
    rows = {"kind": np.array(["a"] * 500, object), "size": size}
    pipeline = make_pipeline(table(), HistGradientBoostingRegressor(max_iter=20))
    pipeline.fit(columns.to_frame(rows), np.where(np.isnan(rows["size"]), 9.0, rows["size"]))
    made = compiled.build(pipeline, "c" * 64, folder=tmp_path)
    asked = {"kind": np.array(["a"], object), "size": np.array([value])}
    assert made.predict(asked) == pytest.approx(pipeline.predict(columns.to_frame(asked)), abs=1e-12)
