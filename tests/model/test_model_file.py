"""A model file: the same bytes for the same model, and nothing loaded that nobody vouched for."""

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from loop.base.errors import LoopError
from loop.base.files import digest
from loop.model import model_file

TREES = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
X = np.random.default_rng(0).normal(size=(200, 3))
Y = X[:, 0] > 0


def fitted(seed=0):
    return HistGradientBoostingClassifier(max_iter=5, random_state=seed).fit(X, Y)


def test_a_model_comes_back_exactly(tmp_path):
    model_file.write(fitted(), tmp_path / "m.skops")
    again = model_file.read(tmp_path / "m.skops", digest(tmp_path / "m.skops", "sha256"), TREES)
    assert (again.predict_proba(X) == fitted().predict_proba(X)).all()


def test_equal_models_give_equal_bytes_in_another_process_too(tmp_path):
    model_file.write(fitted(), tmp_path / "a.skops")
    code = (
        "import sys; sys.path.insert(0, 'tests/model'); from pathlib import Path\n"
        "import test_model_file as t; t.model_file.write(t.fitted(), Path(sys.argv[1]))"
    )
    other = tmp_path / "b.skops"
    subprocess.run([sys.executable, "-c", code, str(other)], check=True)
    assert digest(tmp_path / "a.skops") == digest(other)


def test_another_model_gives_other_bytes(tmp_path):
    model_file.write(make_pipeline(fitted()), tmp_path / "a.skops")
    model_file.write(fitted(), tmp_path / "b.skops")
    assert digest(tmp_path / "a.skops") != digest(tmp_path / "b.skops")


def test_parts_that_a_model_shares_stay_shared(tmp_path):
    inner = LogisticRegression().fit(X, Y)
    model_file.write(make_pipeline(inner, inner), tmp_path / "m.skops")
    again = model_file.read(tmp_path / "m.skops", digest(tmp_path / "m.skops", "sha256"), [])
    assert again[0] is again[1]


def test_a_changed_file_is_refused_before_it_is_opened(tmp_path, monkeypatch):
    path = tmp_path / "m.skops"
    model_file.write(fitted(), path)
    sha256 = digest(path, "sha256")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(model_file.skops.io, "load", lambda *a, **k: pytest.fail("loaded"))
    monkeypatch.setattr(model_file.skops.io, "get_untrusted_types", lambda **k: pytest.fail("opened"))
    with pytest.raises(LoopError, match=r"which models/lineage\.json names"):
        model_file.read(path, sha256, TREES)


def test_a_type_that_nobody_vouched_for_is_refused_by_name(tmp_path):
    path = tmp_path / "m.skops"
    model_file.write(make_pipeline(FunctionTransformer(np.asarray), fitted()), path)
    with pytest.raises(LoopError, match=r"numpy\.asarray") as error:
        model_file.read(path, digest(path, "sha256"), TREES)
    assert "TRUSTED of src/problem/model.py" in str(error.value)


def archive(schema):
    """A zip whose one member is no schema of skops."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr("schema.json", schema)
    return content.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK no archive", archive("["), archive("[1]"), archive("{}")])
def test_bytes_of_the_right_hash_that_are_no_model_are_named(tmp_path, content):
    path = tmp_path / "m.skops"
    path.write_bytes(content)
    with pytest.raises(LoopError, match="is no model that skops can read: ") as error:
        model_file.read(path, digest(path, "sha256"), TREES)
    assert "make setup" in error.value.todo


def test_a_missing_model_says_how_to_bring_it(tmp_path):
    with pytest.raises(LoopError, match="dvc checkout"):
        model_file.read(tmp_path / "m.skops", "0" * 64, TREES)
