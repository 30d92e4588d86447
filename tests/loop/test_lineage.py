"""The lineage: what made a model, by the hashes that DVC records, and the commit that holds it."""

import json

import pytest
import yaml

from loop import lineage
from loop.errors import LoopError


def test_hashes_are_those_of_the_pipelines_lock(finished):
    lock = yaml.safe_load(finished.text("dvc.lock"))["stages"]
    known = {dep["path"]: dep["md5"] for stage in lock.values() for dep in stage["deps"]}
    made = json.loads(finished.text("models/lineage.json"))
    links = made["data"] | made["code"]
    assert len(links) > 10
    assert links == {path: known[path] for path in links}
    outs = {out["path"]: out["md5"] for out in lock["train"]["outs"]}
    assert made["model"]["md5"] == outs["models/model.skops"]


def test_it_names_the_inputs_of_all_stages_up_to_training_and_of_none_after(finished):
    made = json.loads(finished.text("models/lineage.json"))
    assert set(made["params"]) == {"windows", "validate", "examples", "train"}
    assert set(made["data"]) == {"data/raw", "data/valid", "data/examples/train.parquet"}
    assert "src/problem/source.py" in made["code"]
    assert "src/problem/metrics.py" not in made["code"]
    assert set(made["environment"]) == {"uv.lock"}


def test_a_model_file_alone_leads_to_the_commit_that_made_it(working_copy):
    working_copy.run("git", "add", "--all")
    author = ("-c", "user.name=Ada", "-c", "user.email=a@a")
    working_copy.run("git", *author, "commit", "--quiet", "--allow-empty", "-m", "train it")
    made = json.loads(working_copy.text("models/lineage.json"))
    working_copy.run("git", *author, "commit", "--quiet", "--allow-empty", "-m", "something else")
    said = working_copy.run("loop", "lineage", "models/model.skops").stdout
    holder = working_copy.run(
        "git", "log", "--reverse", "--format=%H", f"-S{made['model']['sha256']}", "--", "models/lineage.json"
    ).stdout.split()[0]
    assert f"commit  {holder}" in said
    assert made["data"]["data/raw"] in said
    assert "learning_rate" in said or "params" in said
    (working_copy.path / "models/lineage.json").unlink()
    assert f"commit  {holder}" in working_copy.run("loop", "lineage", "models/model.skops").stdout


def test_a_model_of_another_repository_is_not_claimed(working_copy):
    (working_copy.path / "models/model.skops").write_bytes(b"another")
    done = working_copy.run("loop", "lineage", check=False)
    assert done.returncode == 1
    assert "a model that this repository made" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"model": 3}'])
def test_a_lineage_that_is_none_says_how_to_get_it_back(tmp_path, text):
    path = tmp_path / "lineage.json"
    path.write_text(text)
    with pytest.raises(LoopError, match="git checkout"):
        lineage.load(path)


def test_upstream_follows_files_inside_folders():
    stages = {
        "a": {"deps": [], "outs": ["data/x"]},
        "b": {"deps": ["data/x/part.csv"], "outs": [{"y.json": {"cache": False}}]},
        "c": {"deps": ["y.json"], "outs": []},
        "d": {"deps": ["data/xx"], "outs": []},
    }
    assert set(lineage._upstream("c", stages)) == {"a", "b", "c"}
    assert lineage._upstream("d", stages) == ["d"]
