"""The tree held to what dvc.lock and .dvc files name, at the moment of reading."""

from pathlib import Path

import pytest
import yaml

from loop.base import files
from loop.base.errors import LoopError
from loop.pipeline import run
from loop.repo import dvc_lock


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """Raw data that `dvc add` has named, which no stage makes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/a.csv").write_text("1\n")
    added(tmp_path)
    return tmp_path


def added(home, **other):
    """What `dvc add data/raw` writes, or another says."""
    out = {"md5": files.md5(home / "data/raw"), "hash": "md5", "path": "raw"} | other
    text = yaml.safe_dump({"outs": [{key: value for key, value in out.items() if value is not None}]})
    (home / "data/raw.dvc").write_text(text)


def lock(md5):
    return {"stages": {"validate": {"cmd": "true", "deps": [{"path": "data/raw", "md5": md5}]}}}


@pytest.mark.parametrize("read", ["data/raw", "data/raw/a.csv"])
def test_data_that_a_dvc_file_names_are_read_as_it_names_them(raw, read):
    dvc_lock.hold_inputs([read])
    (raw / "data/raw/b.csv").write_text("2\n")
    with pytest.raises(LoopError, match=r"data/raw has the hash .* data/raw.dvc names"):
        dvc_lock.hold_inputs([read])


@pytest.mark.parametrize("other", [{"md5": None}, {"path": "other"}, {"md5": 7}])
def test_a_dvc_file_that_holds_nothing_is_refused(raw, other):
    added(raw, **other)
    with pytest.raises(LoopError, match=r"data/raw\.dvc does not name data/raw by its hash"):
        dvc_lock.hold_inputs(["data/raw"])


@pytest.mark.parametrize(
    "text", ["{}", "outs: []", "outs: 3", "outs: [{path: raw, md5: a}, {path: b, md5: b}]"]
)
def test_what_is_no_dvc_file_is_refused_too(raw, text):
    (raw / "data/raw.dvc").write_text(text)
    with pytest.raises(LoopError, match=r"data/raw\.dvc does not name"):
        dvc_lock.hold_inputs(["data/raw"])


def test_a_run_follows_data_that_were_added_anew_and_a_review_asks_for_that_run(raw):
    before = lock(files.md5(raw / "data/raw"))
    dvc_lock.hold_added(before)
    (raw / "data/raw/b.csv").write_text("2\n")
    added(raw)
    dvc_lock.hold_inputs(["data/raw"])
    with pytest.raises(LoopError, match=r"data/raw.dvc names .*, and dvc.lock was made of"):
        dvc_lock.hold_added(before)
    dvc_lock.hold_added(lock(files.md5(raw / "data/raw")))


@pytest.mark.parametrize(
    "text",
    [
        "stages: {}",
        "schema: '1.0'\nstages: {}",
        "schema: '2.0'\nstages: []",
        "schema: '2.0'\nstages: {a: }",
        "schema: '2.0'\nstages: {a: {cmd: x, outs: {b: c}}}",
        "schema: '2.0'\nstages: {a: {cmd: x, deps: [{md5: b}]}}",
        "schema: '2.0'\nstages: {a: {cmd: x, params: [b]}}",
        "schema: '2.0'\nstages: {a: {cmd: x, params: {params.yaml: }}}",
    ],
)
def test_a_lock_of_another_shape_is_refused_before_anything_runs(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    Path("dvc.lock").write_text(text)
    with pytest.raises(LoopError, match="no lock that DVC wrote") as refused:
        run.run([])
    assert "git checkout dvc.lock" in refused.value.todo


def test_without_a_lock_nothing_is_named_and_ours_is_read(tmp_path, monkeypatch):
    assert dvc_lock.of_tree()["stages"]["train"]
    monkeypatch.chdir(tmp_path)
    assert dvc_lock.of_tree() == {}


@pytest.mark.parametrize(
    "instead", [lambda path: path.symlink_to("nowhere"), Path.mkdir], ids=["link", "folder"]
)
@pytest.mark.parametrize("name", ["dvc.lock", "dvc.yaml"])
def test_what_lies_in_the_place_of_dvcs_files_is_named_before_dvc_stumbles_on_it(raw, name, instead):
    instead(raw / name)
    with pytest.raises((LoopError, IsADirectoryError), match=name):
        run.run([])
