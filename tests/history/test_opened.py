"""`loop.open()` gives a notebook what a commit made, as dvc.lock names it, and trains nothing."""

import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

import loop
from loop.base import files
from loop.base.errors import LoopError
from loop.model import model_file
from loop.settings.paths import HOLDOUT, LINEAGE, METRICS, MODEL, PARAMS, PIPELINE, PREDICTIONS, TRAIN, VALID


def git(*arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], check=True, capture_output=True
    )


def dvc(*arguments: str) -> None:
    subprocess.run([Path(sys.executable).with_name("dvc"), *arguments], check=True, capture_output=True)


def made(slope: float) -> None:
    """What a pipeline leaves, whose every value is `slope`, recorded by DVC and committed."""
    rows = pd.DataFrame({"x": [1.0, 2.0, 3.0], "label": [slope, 2 * slope, 3 * slope]})
    for path in (VALID / "rides.parquet", VALID / "weather.parquet", TRAIN, HOLDOUT, PREDICTIONS):
        files.write_table(path, rows)
    model_file.write(Pipeline([("line", LinearRegression().fit(rows[["x"]], rows["label"]))]), MODEL)
    files.write_json(LINEAGE, {"model": {"sha256": files.digest(MODEL, "sha256")}})
    files.write_json(METRICS, {"mae": {"value": slope}})
    PARAMS.write_text(f"train: {{slope: {slope}}}\n")
    dvc("commit", "--quiet", "--force")
    git("add", "--all")
    git("commit", "--quiet", "-m", f"slope {slope}")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose `main` was made with a slope of 3, after a tag `v1` with a slope of 2."""
    path = tmp_path_factory.mktemp("opened") / "home"
    path.mkdir()
    with chdir(path):
        git("init", "--quiet", "--initial-branch=main")
        dvc("init", "--quiet")
        kept, plain = (VALID, TRAIN, HOLDOUT, PREDICTIONS, MODEL), (LINEAGE, METRICS)
        outs = [*map(str, kept), *({str(one): {"cache": False}} for one in plain)]
        stage = {"cmd": "true", "deps": [str(PARAMS)], "outs": outs}
        files.write_text(PIPELINE, yaml.safe_dump({"stages": {"all": stage}}))
        made(2)
        git("tag", "v1")
        made(3)
    return path


@pytest.fixture
def home(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to change at will, which is the working directory."""
    shutil.copytree(repository, tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def test_the_working_tree_gives_every_part(home):
    found = loop.open()
    assert list(found.tables) == ["rides", "weather"]
    assert list(found.examples) == ["train", "holdout"]
    assert found.examples["train"]["label"].tolist() == [3, 6, 9]
    assert found.predictions["label"].tolist() == [3, 6, 9]
    assert found.metrics == {"mae": {"value": 3}}
    assert found.params == {"train": {"slope": 3}}
    assert found.model.predict(pd.DataFrame({"x": [1.0]})) == pytest.approx([3])
    assert "the working tree" in repr(found)


def test_a_tag_or_a_hash_gives_what_it_made_and_leaves_the_working_tree_alone(home):
    commit = subprocess.check_output(["git", "rev-parse", "v1"], text=True).strip()
    for name in ("v1", commit[:10]):
        found = loop.open(name)
        assert {table: rows["label"].tolist() for table, rows in found.tables.items()} == {
            "rides": [2, 4, 6],
            "weather": [2, 4, 6],
        }
        assert found.examples["holdout"]["label"].tolist() == [2, 4, 6]
        assert found.predictions["label"].tolist() == [2, 4, 6]
        assert found.metrics == {"mae": {"value": 2}}
        assert found.params == {"train": {"slope": 2}}
        assert found.model.predict(pd.DataFrame({"x": [1.0]})) == pytest.approx([2])
        assert commit[:12] in repr(found)
    assert not subprocess.check_output(["git", "status", "--porcelain"])


def test_it_opens_from_a_folder_below_the_root(home, monkeypatch):
    (home / "notebooks").mkdir()
    monkeypatch.chdir(home / "notebooks")
    assert loop.open().predictions["label"].tolist() == [3, 6, 9]
    assert loop.open("v1").tables["rides"]["label"].tolist() == [2, 4, 6]


def test_a_part_that_is_not_there_says_how_to_make_it(home):
    PREDICTIONS.unlink()
    with pytest.raises(LoopError, match="is missing") as missing:
        _ = loop.open().predictions
    assert "`loop run`" in str(missing.value)
    assert "`dvc pull`" in str(missing.value)


def test_a_part_that_was_changed_by_hand_is_not_what_dvc_lock_names(home):
    PREDICTIONS.chmod(0o644)
    files.write_table(PREDICTIONS, pd.DataFrame({"label": [9]}))
    with pytest.raises(LoopError, match="is not what"):
        _ = loop.open().predictions
    assert loop.open("main").predictions["label"].tolist() == [3, 6, 9]


def test_a_part_of_a_commit_that_no_cache_holds_says_how_to_have_it(home):
    subprocess.run(["rm", "-rf", ".dvc/cache"], check=True)
    with pytest.raises(LoopError, match="in no cache or remote") as lost:
        _ = loop.open("v1").tables
    assert "make run" in str(lost.value)
    assert loop.open("v1").metrics == {"mae": {"value": 2}}


def test_a_model_with_another_hash_is_not_loaded(home, monkeypatch):
    LINEAGE.chmod(0o644)
    files.write_json(LINEAGE, {"model": {"sha256": "0" * 64}})
    dvc("commit", "--quiet", "--force")
    monkeypatch.setattr(model_file, "_loaded", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(LoopError, match="has sha256"):
        _ = loop.open().model


def test_a_model_that_other_code_made_is_loaded_with_a_warning(home):
    path = home / "src/problem/model.py"
    path.parent.mkdir(parents=True)
    path.write_text("another = 1\n")
    git("add", "--all")
    git("commit", "--quiet", "-m", "another model")
    with pytest.warns(UserWarning, match="src/problem") as warned:
        _ = loop.open("v1").model
    assert warned[0].filename == __file__


def test_a_name_that_git_does_not_know_is_refused(home):
    with pytest.raises(LoopError, match="'v9' is no commit, branch or tag"):
        loop.open("v9")


def test_import_of_loop_brings_nothing_heavy():
    heavy = "import sys, loop; assert not {'pandas', 'sklearn', 'dvc'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", heavy], check=True)
