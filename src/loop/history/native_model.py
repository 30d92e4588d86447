"""The model of a registered version as MLflow's own: put into the run that the version points to."""

import json
import tempfile
from pathlib import Path
from typing import Any

from loop.base import files
from loop.model.artifacts import Stored
from loop.production.state import Version
from loop.repo.commit import Commit
from loop.settings.paths import ENVIRONMENT_LOCK, MODEL, REFERENCE

TAG, FOLDER = "model_file", "model"
THERE = f"{FOLDER}/{MODEL.name}, for mlflow.pyfunc and mlflow.sklearn"
LACKS = "not at hand: `dvc pull` at the commit, then `loop registry sync`"


def put(client: Any, run: str, version: Version) -> bool:
    """Add the version's model to a run as MLflow loads it; False where it is there, or where no cache has it.

    The run's tag `model_file` says which.
    """
    told = client.get_run(run).data.tags.get(TAG)
    if told == THERE:
        return False
    with tempfile.TemporaryDirectory(prefix="loop-model-") as home:
        stored = Stored(version.commit, Path(home))
        model = Path(home) / MODEL
        here = stored.bring(MODEL) and files.digest(model, "sha256") == version.model
        if here:
            folder = Path(home) / FOLDER
            _write(folder, model, Path(home) / REFERENCE if stored.bring(REFERENCE) else None, version)
            client.log_artifacts(run, str(folder), FOLDER)
    if told != (THERE if here else LACKS):
        client.set_tag(run, TAG, THERE if here else LACKS)
    return here


def _write(folder: Path, model: Path, reference: Path | None, version: Version) -> None:
    from loop.model import mlflow_model  # with scikit-learn, whole: whoever only moves weights waits for it

    commit = Commit(version.commit)
    parts = mlflow_model.Parts(
        model,
        json.loads(reference.read_text(encoding="utf-8")) if reference else {},
        commit.texts("src"),
        commit.file,
        commit.words(ENVIRONMENT_LOCK) or "",
    )
    mlflow_model.write(folder, parts)
