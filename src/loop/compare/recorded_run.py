"""Runs of MLflow, found by a name that a person has: only read, nothing is made for the question."""

import os
from pathlib import Path
from typing import Any

from loop.base.errors import LoopError, first_line
from loop.base.secret import hidden
from loop.model import tracking

_FILE = "sqlite:///"


def named(name: str) -> Any:
    """The run of an id, the start of one (4 signs or more), or a name; None where there is none.

    Raises LoopError for what several runs are called, and for a server that does not answer.
    """
    try:
        found = _found(name)
    except tracking.troubles() as error:
        uri, why = hidden(os.environ["MLFLOW_TRACKING_URI"]), first_line(error, 120)
        raise LoopError(
            f"git knows no `{name}`, and MLflow at {uri} does not answer: {why}",
            "a name of git, or runs that can be read",
            "start the server, or unset MLFLOW_TRACKING_URI",
        ) from None
    if len(found) > 1:
        ids = ", ".join(run.info.run_id[:12] for run in found[:5])
        raise LoopError(
            f"`{name}` is what {len(found)} runs of MLflow are called: {ids}", "one run", "name its id"
        )
    return found[0] if found else None


def _found(name: str) -> list[Any]:
    uri = os.environ["MLFLOW_TRACKING_URI"]
    if uri.startswith(_FILE) and not Path(uri.removeprefix(_FILE)).is_file():
        return []
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name(os.environ["MLFLOW_EXPERIMENT_NAME"])
    found: list[Any] = []
    token = None if experiment else ""
    while token != "":
        page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
        found += [run for run in page if _is_called(run.info, name)]
        token = page.token or ""
    return found


def _is_called(info: Any, name: str) -> bool:
    return name in (info.run_id, info.run_name) or (len(name) >= 4 and info.run_id.startswith(name))
