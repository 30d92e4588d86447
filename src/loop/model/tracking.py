"""Each training as an MLflow run: SQLite by default, any server by MLFLOW_TRACKING_URI.

The run carries what may not be in the outputs, because it differs each time: commit, whether
the tree was dirty, duration, peak memory. A run is found again by the model's hash.
"""

import logging
import os
import re
import resource
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from loop.base.errors import LoopError, first_line
from loop.base.warning import warn
from loop.model.run_entries import SYSTEM, Entries, add
from loop.repo.git import git

FILE_URI, FILE, EXPERIMENT = "sqlite:///", "mlflow.db", "loop"
LOCAL = f"{FILE_URI}{FILE}"  # where nothing else is set

os.environ.setdefault("MLFLOW_TRACKING_URI", LOCAL)
os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # it prints the password too

MODEL_TAG = "model_sha256"
INPUTS = ["src", "dvc.yaml", "params.yaml", "uv.lock"]  # what a dirty tree is about


def git_state() -> dict[str, str]:
    """The commit, and whether anything that a training reads differs from it."""
    try:
        dirty = bool(git("status", "--porcelain", "--", *INPUTS))
        return {"git_commit": git("rev-parse", "HEAD"), "git_dirty": str(dirty).lower()}
    except LoopError:
        return {"git_commit": "none", "git_dirty": "true"}


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def server() -> bool:
    """Whether runs go elsewhere than into this checkout's own file."""
    return os.environ["MLFLOW_TRACKING_URI"] not in ("", LOCAL)


def connect(uri: str = "", name: str = "") -> Any:
    """A client of the tracker and the id of the experiment, which is made if missing.

    By default those of MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME.

    Raises LoopError when the server does not answer.
    """
    from mlflow import MlflowClient

    for talker in ("alembic", "mlflow"):  # after the import, which sets them to talk
        logging.getLogger(talker).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # what it logs, it raises too
    name, uri = name or os.environ["MLFLOW_EXPERIMENT_NAME"], uri or os.environ["MLFLOW_TRACKING_URI"]
    try:
        _openable(uri)
        home = _home(uri)
        client = MlflowClient(uri)
        experiment = client.get_experiment_by_name(name)
        return client, experiment.experiment_id if experiment else client.create_experiment(name, home)
    except troubles() as error:
        why = gist(error)
        todo = "start the server, or unset MLFLOW_TRACKING_URI"
        if uri.startswith(FILE_URI):
            todo = "move a broken file away, name a place that can be written, or unset MLFLOW_TRACKING_URI"
        if re.search(r"\b50\d\b|valid JSON", str(error)):
            todo = "look at what answers there and at its log, or unset MLFLOW_TRACKING_URI"
        if re.search(r"\b40[13]\b|[Uu]nauthorized|not authenticated", str(error)):
            todo = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        if "database is locked" in str(error):
            todo = "wait until the other run or `make ui` has ended, then run it again"
        if "database schema" in str(error):
            todo = f"`.venv/bin/mlflow db upgrade {uri}` if an older MLflow made it, else move it away"
        if isinstance(error, ImportError):
            todo = f"`uv add` the package that has {error.name}, or unset MLFLOW_TRACKING_URI"
        expected = "a tracking server, or the default file mlflow.db"
        raise LoopError(f"MLflow at {uri} does not answer: {why}", expected, todo) from None


def _openable(uri: str) -> None:
    """Raise sqlite3.Error for a file of runs that cannot be opened: MLflow tries for minutes."""
    place = uri.removeprefix(FILE_URI).partition("?")[0]
    if uri.startswith(FILE_URI) and place:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(place)) as database:
            database.execute("PRAGMA schema_version")


def _home(uri: str) -> str | None:
    """Where a database keeps what its runs leave, if this folder's name is another one as a URI.

    MLflow puts the name into SQL and reads it as a URI: with a quote it makes no database, with %2F it would
    write into another folder.
    """
    from mlflow.store.db.db_types import DATABASE_ENGINES
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    root = Path("mlruns").absolute()
    if quote(str(root)) == str(root) or re.split("[+:]", uri)[0] not in DATABASE_ENGINES:
        return None
    SqlAlchemyStore(uri, root.as_uri())  # a new database is made
    return f"{root.as_uri()}/{quote(os.environ['MLFLOW_EXPERIMENT_NAME'])}"


def gist(error: Exception) -> str:
    """What a tracker failed by, in one line: of an error that wraps others, the innermost."""
    lines = str(error).splitlines()  # of a database that fails the second says why
    text = first_line(Exception("\n".join(lines[1:])) if "autoflush" in "".join(lines[:1]) else error, 2000)
    cause = re.search(r"Caused by \w+\((.*?)\)*$", text)
    return re.sub(r"<[\w.]+ object at \w+>:? ?", "", cause[1]).strip("\"' ") if cause else text[:200]


def troubles() -> tuple[type[Exception], ...]:
    """What a tracker, its driver or its address fails by."""
    from google.protobuf.json_format import (  # type: ignore[import-untyped]
        Error as NoAnswer,  # JSON, but none of MLflow's
    )
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    known = (LoopError, MlflowException, NoAnswer, SQLAlchemyError, sqlite3.Error)
    return (*known, ImportError, ValueError, OSError)


def reason(error: Exception) -> str:
    """Why a tracker failed, in a line, with what to do where that is known."""
    told = gist(error)
    return f"{told}; {error.todo}" if isinstance(error, LoopError) else told


def try_to_record(model_sha256: str, entries: Entries, *, start: bool = False) -> None:
    """Record as `record` does; a tracker that fails is a warning, since the model is whole without it."""
    try:
        record(model_sha256, entries, start=start)
    except troubles() as error:
        warn(f"MLflow has no record of model {model_sha256[:12]}, which is whole: {reason(error)}")


def find(client: Any, experiment: str, model_sha256: str) -> Any:
    """The newest run of an experiment that has the model with this hash; None without one."""
    found = client.search_runs([experiment], f"tags.{MODEL_TAG} = '{model_sha256}'", max_results=1)
    return found[0] if found else None


def record(model_sha256: str, entries: Entries, *, start: bool = False) -> str:
    """Add to the run of the model with this hash, and return the run's id.

    A new run is made when `start` is set, or when none has this hash (a model from a cache or
    from another machine).
    """
    client, experiment = connect()
    found = None if start else find(client, experiment, model_sha256)
    if found:
        run = str(found.info.run_id)
    else:
        run = new(client, experiment, entries, {MODEL_TAG: model_sha256, **git_state()})
    add(client, run, entries)
    return run


def new(client: Any, experiment: str, entries: Entries, tags: dict[str, str]) -> str:
    """The id of a run that is made."""
    return str(client.create_run(experiment, start_time=entries.started, tags=tags).info.run_id)


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree of params as dotted keys."""
    done: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            done |= flat(value, f"{prefix}{key}.")
        else:
            done[f"{prefix}{key}"] = value
    return done


def training_seconds(model_sha256: str) -> float | None:
    """How long the newest training of the model with this hash took; None if no run here knows.

    Only reads: no database and no experiment is made for the question.
    """
    uri = os.environ["MLFLOW_TRACKING_URI"]
    if uri.startswith(FILE_URI) and not Path(uri.removeprefix(FILE_URI)).is_file():
        return None
    from mlflow import MlflowClient

    try:
        client = MlflowClient()
        experiment = client.get_experiment_by_name(os.environ["MLFLOW_EXPERIMENT_NAME"])
        found = find(client, experiment.experiment_id, model_sha256) if experiment else None
    except troubles():
        return None
    return found.data.metrics.get("train_seconds") if found else None


def measured(client: Any, run: Any) -> Entries:
    """What a run says that no commit does: its start, seconds, memory, and load over time."""
    start, metrics = run.info.start_time, run.data.metrics
    series = {
        name.removeprefix(SYSTEM): [
            ((one.timestamp - start) / 1000, one.value)
            for one in sorted(client.get_metric_history(run.info.run_id, name), key=lambda one: one.step)
        ]
        for name in metrics
        if name.startswith(SYSTEM)
    }
    known = {name: metrics[name] for name in ("train_seconds", "peak_memory_mb") if name in metrics}
    return Entries(metrics=known, series=series, started=start)
