"""A tracker of MLflow without runs: its tables take longer to make than all that a test asks of them."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient


@pytest.fixture(scope="session")
def empty_runs(tmp_path_factory) -> Path:
    """A database with its tables, which nobody changes."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def tracker(empty_runs, tmp_path, monkeypatch) -> MlflowClient:
    """A tracker of this test's own, named by MLFLOW_TRACKING_URI; files of its runs lie beside it."""
    uri = f"sqlite:///{shutil.copy(empty_runs, tmp_path / 'runs.db')}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "loop")
    monkeypatch.chdir(tmp_path)
    return MlflowClient(uri)
