"""The lineage: what made a model, by the hashes that DVC records, and the commit that holds it."""

import json

import pytest
import yaml

from loop.base.errors import LoopError
from loop.model import lineage


@pytest.mark.parametrize("text", ["", "[]", '{"model": 1}', "[" * 100_000], ids=len)
def test_a_file_that_is_no_lineage_is_named(tmp_path, text):
    path = tmp_path / "lineage.json"
    path.write_text(text)
    with pytest.raises(LoopError, match=r"lineage\.json cannot be used"):
        lineage.load(path)


def test_a_pipeline_without_the_stage_is_one_message(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {ingest: {cmd: x}}\n")
    monkeypatch.setattr(lineage.environment, "foreign", lambda: None)
    with pytest.raises(LoopError, match=r"dvc\.yaml has no stage train"):
        lineage.links("train", {})


def test_it_names_what_training_read_by_the_hashes_of_the_pipelines_lock(finished):
    stage = yaml.safe_load(finished.text("dvc.lock"))["stages"]["train"]
    made = json.loads(finished.text("models/lineage.json"))
    read = {dep["path"]: dep["md5"] for dep in stage["deps"]}
    assert made["data"] | made["code"] == {path: md5 for path, md5 in read.items() if path != "uv.lock"}
    assert set(made["environment"]) == {"uv.lock"}
    assert made["params"] == stage["params"]["params.yaml"]
    assert set(made["params"]) == {"train", "windows.train"}
    outs = {out["path"]: out["md5"] for out in stage["outs"]}
    assert made["model"]["md5"] == outs["models/model.skops"]


def test_a_model_file_alone_leads_to_the_commit_that_made_it(working_copy):
    working_copy.run("git", "add", "--all")
    author = ("-c", "user.name=Ada", "-c", "user.email=a@a")
    working_copy.run("git", *author, "commit", "--quiet", "--allow-empty", "-m", "train it")
    made = json.loads(working_copy.text("models/lineage.json"))
    working_copy.run("git", *author, "commit", "--quiet", "--allow-empty", "-m", "something else")
    output = working_copy.run("loop", "lineage", "models/model.skops").stdout
    holder = working_copy.run(
        "git", "log", "--reverse", "--format=%H", f"-S{made['model']['sha256']}", "--", "models/lineage.json"
    ).stdout.split()[0]
    assert f"commit  {holder}" in output
    lock = yaml.safe_load(working_copy.text("dvc.lock"))["stages"]
    for stage in ("ingest", "validate", "examples"):
        assert lock[stage]["outs"][0]["md5"] in output
    assert f"seed: {made['params']['train']['seed']}" in output
    (working_copy.path / "models/lineage.json").unlink()
    assert f"commit  {holder}" in working_copy.run("loop", "lineage", "models/model.skops").stdout


def test_a_model_of_another_repository_is_not_claimed(working_copy):
    (working_copy.path / "models/model.skops").write_bytes(b"another")
    done = working_copy.run("loop", "lineage", check=False)
    assert done.returncode == 1
    assert "a model that this repository made" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"model": 3}', "<<<<<<< HEAD\n{}"])
def test_a_lineage_that_is_none_says_how_to_get_it_back(tmp_path, text):
    path = tmp_path / "lineage.json"
    path.write_text(text)
    with pytest.raises(LoopError, match="git checkout"):
        lineage.load(path)
