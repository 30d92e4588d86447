"""A tracker of MLflow without runs, and a process in which no problem's code was loaded yet."""

import shutil
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def empty_runs(tmp_path_factory) -> Path:
    """A database with its tables, which take longer to make than all that a test asks; nobody changes it."""
    from mlflow import MlflowClient  # which every start of pytest would wait for

    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def tracker(empty_runs, tmp_path, monkeypatch):
    """A tracker of this test's own, named by MLFLOW_TRACKING_URI; files of its runs lie beside it."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{shutil.copy(empty_runs, tmp_path / 'runs.db')}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "loop")
    monkeypatch.chdir(tmp_path)
    return MlflowClient(uri)


@pytest.fixture
def own_code(monkeypatch):
    """A process that has loaded no problem, and forgets the one it loads."""
    for name in [name for name in sys.modules if name == "problem" or name.startswith("problem.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "loop_mlflow_model", raising=False)
    yield
    for name in [name for name in sys.modules if name.startswith(("problem", "loop_mlflow_model"))]:
        del sys.modules[name]
