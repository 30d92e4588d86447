"""Each training is a run in MLflow that says what it was made of, how long it took and how good it is."""

import json
import os
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from loop.base.errors import LoopError
from loop.model import tracking


def runs(repo):
    client = MlflowClient(f"sqlite:///{repo.path}/mlflow.db")
    experiment = client.get_experiment_by_name("loop")
    return client, client.search_runs([experiment.experiment_id])


def test_a_run_carries_params_hashes_commit_and_figures(finished):
    _, found = runs(finished)
    assert len(found) == 1
    run, made = found[0], json.loads(finished.text("models/lineage.json"))
    assert run.info.status == "FINISHED"
    assert run.data.params["train.seed"] == str(made["params"]["train"]["seed"])
    assert run.data.params["windows.train.until"] == made["params"]["windows.train"]["until"]
    tags = run.data.tags
    assert tags["model_sha256"] == made["model"]["sha256"]
    assert tags["uv_lock_sha256"] == made["environment"]["uv.lock"]
    assert {f"data {name}": md5 for name, md5 in made["data"].items()}.items() <= tags.items()
    head = finished.run("git", "rev-parse", "HEAD").stdout.strip()
    assert (tags["git_commit"], tags["git_dirty"]) == (head, "false")
    metrics = json.loads(finished.text("reports/metrics.json"))
    for name in set(metrics) - {"rows", "clusters"}:
        assert run.data.metrics[name] == pytest.approx(metrics[name]["value"], abs=1e-6)
    assert 0 < run.data.metrics["train_seconds"] < 300
    assert 50 < run.data.metrics["peak_memory_mb"] < 2048


def test_a_run_holds_the_model_its_lineage_the_report_and_the_figures(finished):
    _, found = runs(finished)
    folder = finished.path / "mlruns" / found[0].info.experiment_id / found[0].info.run_id / "artifacts"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names >= {
        "model/model.skops",
        "model/lineage.json",
        "report/evaluation.html",
        "report/card.md",
        "figures/calibration.svg",
    }
    assert (folder / "model/model.skops").read_bytes() == (finished.path / "models/model.skops").read_bytes()


def test_a_changed_input_makes_the_tree_dirty_and_an_output_does_not(bare_copy, monkeypatch):
    monkeypatch.chdir(bare_copy.path)
    (bare_copy.path / "reports/metrics.json").write_text("{}")
    assert tracking.git_state()["git_dirty"] == "false"
    bare_copy.set_param("train.seed", 1)
    assert tracking.git_state()["git_dirty"] == "true"


def test_outside_git_the_commit_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert tracking.git_state() == {"git_commit": "none", "git_dirty": "true"}


def test_a_server_that_does_not_answer_is_reported_before_the_training(working_copy):
    done = working_copy.run("loop", "train", check=False, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "MLflow at http://127.0.0.1:9 does not answer" in done.stderr
    assert "unset MLFLOW_TRACKING_URI" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_file_of_runs_is_reported_before_the_training(working_copy):
    (working_copy.path / "mlflow.db").write_text("this is no database")
    done = working_copy.run("loop", "train", check=False)
    assert done.returncode == 1
    assert "to do:    move a broken file away" in done.stderr
    assert "Traceback" not in done.stderr


def test_params_become_dotted_keys():
    assert tracking.flat({"a": {"b": {"c": 1}}, "d": [2]}) == {"a.b.c": 1, "d": [2]}


def test_the_default_is_a_file_in_the_repository():
    assert Path(os.environ["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///")).name == "mlflow.db"


def test_a_tracker_that_fails_after_the_training_is_a_warning(monkeypatch, capsys):
    def refuse(*_, **__):
        raise MlflowException("QueuePool limit reached")

    monkeypatch.setattr(tracking, "connect", refuse)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    tracking.try_to_record("ab" * 32, start=True)
    assert "warning: MLflow has no record of model abababababab, which is whole" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "todo"),
    [
        ("mssql+nodriver://me:s3cret@host/runs", "start the server"),
        ("mysql+oursql://me:s3cret@host/runs", "start the server"),
        ("mysql://me:s3cret@host/runs", "`uv add` the package that has MySQLdb"),
        ("http://me:s3cret@[::1", "start the server"),
        ("sqlite:////proc/none?password=s3cret", "move a broken file away, name a place that can be written"),
        ("sqlite:////proc/none/runs.db?password=s3cret", "move a broken file away, name a place"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_message_without_its_password(monkeypatch, address, todo):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert tracking.training_seconds("ab" * 32) is None
    with pytest.raises(LoopError) as refused:
        tracking.connect()
    assert refused.value.todo.startswith(todo)
    assert "s3cret" not in str(refused.value)


def test_a_database_that_another_run_holds_is_waited_for_and_not_moved_away(monkeypatch):
    def locked(*_):
        raise MlflowException("(sqlite3.OperationalError) database is locked")

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", locked)
    with pytest.raises(LoopError) as caught:
        tracking.connect()
    assert caught.value.todo.startswith("wait until the other run")
