"""A real MLflow server takes the run when MLFLOW_TRACKING_URI names it: nothing else is set."""

import json
import os
import signal
import subprocess
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from mlflow import MlflowClient

from conftest import BIN
from loop.model.lineage import load as lineage_of
from loop.production import branch, transitions
from support.states import NOW, STAGED, version
from support.storage_servers import S3, free, postgres, s3

# Elsewhere than in the repository: the problem's code comes with the model.
LOADED = """
import os, sys
home = os.getcwd()
os.chdir("/")
sys.path = [one for one in sys.path if one not in ("", home, home + "/src")]
import mlflow, numpy, pandas
rows = pandas.read_parquet(home + "/data/examples/holdout.parquet")
scores = pandas.read_parquet(home + "/data/predictions.parquet")["score"].to_numpy()
champion = "models:/loop@champion"
model = mlflow.pyfunc.load_model(champion)
found = model.predict(rows)
plain = mlflow.sklearn.load_model(champion).predict(rows)
judged = mlflow.models.evaluate(
    champion, rows.drop(columns="label_known_at"), targets="label", model_type="regressor",
    evaluator_config={"log_explainer": False, "log_model_explainability": False},
)
error = numpy.abs(scores - rows["label"]).mean()
print(numpy.array_equal(found, scores), numpy.abs(plain - scores).max() <= 5e-7,
      abs(judged.metrics["mean_absolute_error"] - error) < 1e-9)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """As teams have it: runs in PostgreSQL, models on S3. Its clients know of neither."""
    folder = tmp_path_factory.mktemp("server")
    with postgres(tmp_path_factory.mktemp("sql")) as database, s3(tmp_path_factory.mktemp("s3")) as bucket:
        yield from _server(folder, database, bucket)


def _server(folder, database: str, bucket: S3):
    port = free()
    process = subprocess.Popen(
        [
            str(BIN / "mlflow"),
            "server",
            *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", database),
            *("--artifacts-destination", f"s3://{bucket.bucket}/mlflow"),
        ],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        | bucket.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    uri = f"http://127.0.0.1:{port}"
    try:
        _wait(uri)
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=600)


def _wait(uri: str) -> None:
    for _ in range(2400):
        try:
            with urlopen(f"{uri}/health", timeout=1):  # noqa: S310 - our own loopback server
                return
        except (URLError, OSError):
            time.sleep(0.25)
    pytest.fail("the MLflow server did not start within ten minutes")


def test_a_server_takes_params_metrics_and_model_of_a_training(small_copy, server):
    (small_copy.path / "mlflow.db").unlink()
    secret = server.replace("//", "//user:s3cret@")
    for stage in ("train", "evaluate"):
        done = small_copy.run("loop", stage, MLFLOW_TRACKING_URI=secret)
        assert "s3cret" not in done.stdout + done.stderr
    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("loop")
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 1, "evaluate finds the run of train by the model's hash"
    made = json.loads(small_copy.text("models/lineage.json"))
    assert runs[0].data.tags["model_sha256"] == made["model"]["sha256"]
    assert runs[0].data.metrics
    names = {item.path for item in client.list_artifacts(runs[0].info.run_id, "model")}
    assert names == {"model/model.skops", "model/lineage.json"}
    assert not (small_copy.path / "mlflow.db").exists()


def test_its_registry_is_drawn_from_git_with_the_model_that_dvc_has(small_copy, server, monkeypatch):
    monkeypatch.chdir(small_copy.path)
    one = version(1, commit=small_copy.commit(), model=lineage_of()["model"]["sha256"])
    branch.change(
        lambda now: (transitions.enter(now.state, one, STAGED, NOW), "Release 1", one), lambda _: {}
    )
    for output in ("1 made, 0 tagged anew, champion is 1", "nothing to do"):
        ours = {"MLFLOW_TRACKING_URI": server, "MLFLOW_EXPERIMENT_NAME": "of the registry"}
        done = small_copy.run("loop", "registry", "sync", **ours)
        assert output in done.stdout
    client = MlflowClient(server)
    found = client.get_model_version_by_alias("loop", "champion")
    assert (int(found.version), found.tags["commit"]) == (1, one.commit)
    run = client.get_run(found.run_id)
    assert run.data.tags["made_from"] == "git"
    assert found.source == f"runs:/{found.run_id}/model"
    names = {item.path for item in client.list_artifacts(found.run_id, "model")}
    assert names >= {"model/MLmodel", "model/model.skops", "model/lineage.json", "model/requirements.txt"}
    done = small_copy.run("python", "-c", LOADED, MLFLOW_TRACKING_URI=server, PYTHONPATH="")
    assert done.stdout.split()[-3:] == ["True", "True", "True"], done.stdout
