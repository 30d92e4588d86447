"""A tracker that dies is one warning; the search goes on, and asks no more."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from loop.model import tracking
from loop.search.runs import Runs
from loop.search.study import Trial
from loop.settings.search_settings import Settings

SETTINGS = Settings.model_validate(
    {
        "seed": 1,
        "trials": 2,
        "minutes": 1.0,
        "trial_minutes": 1.0,
        "folds": 2,
        "prune": True,
        "space": {"alpha": {"low": 1, "high": 2}},
    }
)


def trial(number: int, state: str = "complete") -> Trial:
    return Trial(number, {"alpha": 1 + number % 2}, state, 0.5, 1.0, "")


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tracking.connect()


def named(mlflow) -> dict[str, object]:
    client, experiment = mlflow
    return {run.info.run_name: run for run in client.search_runs([experiment])}


def test_trials_are_runs_below_one_and_a_search_taken_up_logs_none_twice(mlflow):
    for upto in (2, 3):
        runs = Runs("abc", SETTINGS)
        for number in range(upto):
            runs.log(trial(number, "failed" if number == 1 else "complete"))
        runs.end(0.01, "<html>")
    found = named(mlflow)
    assert set(found) == {"search abc", "trial 0", "trial 1", "trial 2"}
    parent = found["search abc"]
    assert {run.data.tags["mlflow.parentRunId"] for name, run in found.items() if name != "search abc"} == {
        parent.info.run_id
    }
    assert parent.data.metrics == {"best_gain": 0.01}
    assert parent.data.params["trials"] == "2"
    assert found["trial 1"].info.status == "FAILED"
    assert found["trial 0"].data.params == {"alpha": "1"}


def test_one_that_dies_is_said_once(mlflow, monkeypatch, capsys):
    runs = Runs("abc", SETTINGS)
    runs.log(trial(0))

    def gone(*_args, **_kwargs):
        raise OSError("connection refused")

    monkeypatch.setattr(type(mlflow[0]), "create_run", gone)
    for number in (1, 2, 3):
        runs.log(trial(number))
    runs.end(0.01, "<html>")
    assert capsys.readouterr().out.count("MLflow takes no more of this search") == 1
    assert set(named(mlflow)) == {"search abc", "trial 0"}


class Refuses(BaseHTTPRequestHandler):
    """Answers each question with a status of its server's."""

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"You are not authenticated" if self.server.status == 401 else b"Not Found")

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("status", "todo"), [(401, "set MLFLOW_TRACKING_USERNAME and"), (404, "start the server")]
)
def test_one_that_wants_a_login_or_knows_no_such_question_is_said_once_with_what_to_do(
    monkeypatch, capsys, status, todo
):
    server = HTTPServer(("127.0.0.1", 0), Refuses)
    server.status = status
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        runs = Runs("abc", SETTINGS)
        runs.log(trial(0))
        runs.end(None, "<html>")
    finally:
        server.shutdown()
        server.server_close()
    said = capsys.readouterr().out
    assert said.count("MLflow takes no more of this search, which goes on") == 1
    assert todo in said


def test_one_that_never_answers_is_said_once(monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")
    runs = Runs("abc", SETTINGS)
    runs.log(trial(0))
    runs.end(None, "<html>")
    assert capsys.readouterr().out.count("warning") == 1
