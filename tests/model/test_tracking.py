"""Each training is a run in MLflow that says what it was made of, how long it took and how good it is."""

import json
import os
import sqlite3
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from google.protobuf.json_format import ParseError
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ENDPOINT_NOT_FOUND

from loop.base.errors import LoopError
from loop.model import tracking
from loop.model.run_entries import Entries, Input, by_slice


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
    for row in json.loads(finished.text("reports/slices.json")):
        name = f"slice/{row['cut']}/{row['slice']}/{row['metric']}"
        assert run.data.metrics.get(name) == row["value"], name
    assert 0 < run.data.metrics["train_seconds"] < 300
    assert 50 < run.data.metrics["peak_memory_mb"] < 2048


def test_a_run_names_each_table_that_it_read_by_dvc_s_hash_and_its_load_over_time(finished):
    client, found = runs(finished)
    tables = {
        one.dataset.name: (one.dataset, {tag.key: tag.value for tag in one.tags})
        for one in found[0].inputs.dataset_inputs
    }
    made = json.loads(finished.text("models/lineage.json"))
    data, tags = tables["train"]
    assert (data.digest, json.loads(data.source)) == (
        made["data"]["data/examples/train.parquet"],
        {"uri": "data/examples/train.parquet"},
    )
    assert tags == {"mlflow.data.context": "training", "dvc_md5": data.digest}
    assert tables["holdout"][1]["mlflow.data.context"] == "evaluation"
    raw = {path.stem for path in (finished.path / "data/raw").iterdir()}
    assert {name for name, (_, tags) in tables.items() if tags["mlflow.data.context"] == "raw"} == raw
    for name in ("process_cpu_percent", "process_memory_megabytes"):
        points = client.get_metric_history(found[0].info.run_id, f"system/{name}")
        assert points
        assert all(one.value >= 0 for one in points)


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
    tracking.try_to_record("ab" * 32, Entries(), start=True)
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


def test_runs_are_kept_in_the_folder_itself_whatever_its_name_means_in_sql_and_in_a_uri(
    tmp_path, monkeypatch
):
    (home := tmp_path / "o'brien feature%2Fx #1?y").mkdir()
    monkeypatch.chdir(home)
    Path("card.json").write_text("{}")
    client, experiment = tracking.connect("sqlite:///own.db")  # MLflow keeps what it opened, by its address
    run = client.create_run(experiment).info.run_id
    client.log_artifact(run, "card.json", "model")
    assert [path.parts[0] for path in home.rglob("card.json") if path.parent != home]
    assert list(tmp_path.iterdir()) == [home]
    assert [one.path for one in client.list_artifacts(run, "model")] == ["model/card.json"]


def test_a_database_that_another_run_holds_is_waited_for_and_not_moved_away(monkeypatch):
    def locked(*_):
        raise MlflowException("(sqlite3.OperationalError) database is locked")

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", locked)
    with pytest.raises(LoopError) as caught:
        tracking.connect()
    assert caught.value.todo.startswith("wait until the other run")


def test_more_than_a_server_takes_at_once_goes_in_several_calls(tracker):
    entries = Entries(
        params={f"p{n}": "x" * 9000 for n in range(101)}, metrics={f"m{n}": n for n in range(1001)}
    )
    run = tracker.get_run(tracking.record("ab" * 32, entries, start=True))
    assert (len(run.data.params), len(run.data.metrics)) == (101, 1001)
    assert len(run.data.params["p0"]) == 6000


def test_a_slice_of_any_name_is_a_metric_that_mlflow_takes(tracker):
    names = ["a/b", "..", "", "50 %", "straße: 1.5", "x" * 300]
    found = by_slice({"cut": "c", "slice": name, "metric": "m", "value": 1.0} for name in names)
    assert list(found) == [f"slice/c/{part}/m" for part in ("a_b", "_", "50 _", "straße: 1.5", "x" * 80)]
    assert by_slice([{"cut": "c", "slice": "s", "metric": "m", "value": None}]) == {}
    tracking.record("ab" * 32, Entries(metrics=found), start=True)


TABLE = Input("train", "training", "data/train.parquet", "0" * 32, 9)


def test_a_server_without_datasets_gets_all_else_with_a_warning(tracker, monkeypatch, capsys):
    def refuse(*_, **__):
        raise MlflowException("no such endpoint", error_code=ENDPOINT_NOT_FOUND)

    monkeypatch.setattr(MlflowClient, "log_inputs", refuse)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    run = tracking.record(
        "ab" * 32, Entries(metrics={"m": 1.0}, inputs=[TABLE], texts={"a.txt": "b"}), start=True
    )
    assert "warning: this MLflow server is too old for datasets" in capsys.readouterr().out
    assert tracker.get_run(run).info.status == "FINISHED"
    assert [one.path for one in tracker.list_artifacts(run)] == ["a.txt"]


def test_a_server_that_dies_in_the_middle_is_a_warning_and_the_next_stage_goes_on(
    tracker, monkeypatch, capsys
):
    with monkeypatch.context() as dying:
        dying.setattr(
            MlflowClient, "log_inputs", lambda *_, **__: (_ for _ in ()).throw(ConnectionError("gone"))
        )
        dying.delenv("GITHUB_ACTIONS", raising=False)
        tracking.try_to_record("ab" * 32, Entries(metrics={"m": 1.0}, inputs=[TABLE]), start=True)
    assert "which is whole: gone" in capsys.readouterr().out
    run = tracking.record("ab" * 32, Entries(metrics={"n": 2.0}))
    assert tracker.get_run(run).data.metrics == {"m": 1.0, "n": 2.0}


def test_a_server_that_wants_a_login_says_which_variables_name_it(monkeypatch):
    def unknown(*_):
        raise MlflowException(
            "API request failed with error code 401 != 200. Response body: 'You are not authenticated'"
        )

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", unknown)
    with pytest.raises(LoopError) as caught:
        tracking.connect()
    assert caught.value.todo.startswith("set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")


@pytest.mark.parametrize(
    ("login", "sent"),
    [(("", "", "t0ken"), "Bearer t0ken"), (("ann", "s3cret", ""), "Basic YW5uOnMzY3JldA==")],
)
def test_a_login_by_name_or_by_token_is_sent_beside_secrets_that_nobody_set(monkeypatch, login, sent):
    """A workflow gives a secret that is not there as an empty variable."""
    heard = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers["Authorization"])
            self.send_error(401)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    for name, value in zip(("USERNAME", "PASSWORD", "TOKEN"), login, strict=True):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    server = HTTPServer(("127.0.0.1", 0), Server)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(LoopError, match="does not answer"):
            tracking.connect(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
    assert set(heard) == {sent}


CUT = "API request to http://h/a failed with exception HTTPConnectionPool(host='h', port=80): Max retries "


@pytest.mark.parametrize(
    ("text", "found", "todo"),
    [
        (
            f"{CUT}exceeded with url: /a (Caused by ResponseError('too many 500 error responses'))",
            "too many 500 error responses",
            "look at what answers there",
        ),
        (
            f'{CUT}exceeded with url: /a (Caused by NewConnectionError("<urllib3.connection.HTTPConnection '
            'object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused"))',
            "Failed to establish a new connection: [Errno 111] Connection refused",
            "start the server",
        ),
        (
            "API request was successful but the response body was not in a valid JSON format.",
            "API request was successful but the response body was not in a valid JSON format.",
            "look at what answers there",
        ),
        (
            "Detected out-of-date database schema (found version f, but expected version d).",
            "Detected out-of-date database schema (found version f, but expected version d).",
            "`.venv/bin/mlflow db upgrade http://127.0.0.1:9`",
        ),
        (ParseError("Failed to parse experiment"), "Failed to parse experiment", "start the server"),
    ],
    ids=["500", "nobody", "a page", "another schema", "other JSON"],
)
def test_what_a_tracker_fails_by_is_said_to_its_end_with_what_to_do(monkeypatch, text, found, todo):
    def fail(*_):
        raise text if isinstance(text, Exception) else MlflowException(text)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", fail)
    assert tracking.training_seconds("ab" * 32) is None
    with pytest.raises(LoopError) as caught:
        tracking.connect()
    assert caught.value.found == f"MLflow at http://127.0.0.1:9 does not answer: {found}"
    assert caught.value.todo.startswith(todo)


def test_a_database_that_lost_a_table_is_one_line_without_a_traceback_of_mlflow_s(
    tracker, capsys, monkeypatch
):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    tracking.record("cd" * 32, Entries(metrics={"m": 1.0}), start=True)
    with closing(sqlite3.connect(os.environ["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///"))) as database:
        database.execute("ALTER TABLE metrics RENAME TO lost")
    tracking.try_to_record("cd" * 32, Entries(metrics={"n": 1.0}))
    told = capsys.readouterr()
    assert "no such table: metrics" in told.out
    assert "Traceback" not in told.out + told.err
