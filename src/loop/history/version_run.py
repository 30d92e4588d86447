"""The run in MLflow behind a registered version: that of its training, or one made of what git has of it."""

import hashlib
import json
import os
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any

from loop.base.errors import LoopError, first_line
from loop.base.warning import warn
from loop.model import run_entries, run_file, tracking
from loop.model.artifacts import Stored
from loop.production.state import Version
from loop.repo.commit import Commit
from loop.settings import yaml_file
from loop.settings.paths import CARD, ENVIRONMENT_LOCK, EVALUATION, LINEAGE, METRICS, PARAMS, SLICES


def of(client: Any, version: Version) -> str:
    """The run that trained the version's model, or one made of what git has of it."""
    experiment = client.get_experiment_by_name(os.environ["MLFLOW_EXPERIMENT_NAME"]).experiment_id
    released = {"verdict": version.verdict, "pull_request": version.pull}
    known = {key: str(value) for key, value in released.items() if value is not None}
    if found := tracking.find(client, experiment, version.model):
        for key, value in known.items():
            client.set_tag(found.info.run_id, key, value)
        return str(found.info.run_id)
    commit = Commit(version.commit)
    named = {"report/card.md": CARD, "report/metrics.json": METRICS, "model/lineage.json": LINEAGE}
    named |= {"report/slices.json": SLICES}
    texts = {name: commit.words(path) for name, path in named.items()} | {
        f"report/{EVALUATION.name}": _page(version)
    }
    locks = {"dvc_lock_sha256": version.lock, "uv_lock_sha256": _sha256(commit.file(ENVIRONMENT_LOCK))}
    tags = {"git_commit": version.commit, "git_dirty": "false", "made_from": "git", **known, **locks}
    if reviewed := _of_review(client, experiment, version):
        tags["run_of_review"] = reviewed
    own = _measured(version.model)
    entries = run_entries.Entries(
        params=tracking.flat(yaml_file.parse(commit.words(PARAMS) or "{}")),
        metrics={**own.metrics, **run_entries.figures(json.loads(commit.words(METRICS) or "{}"))}
        | run_entries.by_slice(json.loads(commit.words(SLICES) or "[]")),
        tags=tags,
        texts={name: text for name, text in texts.items() if text},
        inputs=_inputs(commit, version),
        series=own.series,
        started=own.started,
    )
    return tracking.record(version.model, entries, start=True)


def _of_review(client: Any, experiment: str, version: Version) -> str | None:
    """The run of the review that let the model in, by what it claims: it says what the training took."""
    claimed = f"tags.{run_file.CLAIM} = '{version.model}' and tags.pull_request = '{version.pull}'"
    found = client.search_runs([experiment], claimed, max_results=1)
    return str(found[0].info.run_id) if found else None


def _page(version: Version) -> str | None:
    """The report of the evaluation, which holds the figures; None where no cache has it."""
    with TemporaryDirectory(prefix="loop-report-") as home:
        there = Stored(version.commit, Path(home)).bring(EVALUATION)
        return (Path(home) / EVALUATION).read_text(encoding="utf-8") if there else None


def _inputs(commit: Commit, version: Version) -> list[run_entries.Input]:
    """The table that trained, and every folder or file of data that the version's dvc.lock names."""
    try:
        trained = dict(commit.json(LINEAGE)["data"])
    except (LoopError, KeyError, TypeError, ValueError):
        trained = {}
    tables = [("training", trained), ("pipeline", version.data)]
    return [
        run_entries.Input(PurePath(path).stem, context, path, str(md5))
        for context, found in tables
        for path, md5 in found.items()
    ]


def _measured(model_sha256: str) -> run_entries.Entries:
    """What this checkout's own file of runs knows of a training, where runs go to another place."""
    if not tracking.server() or not Path(tracking.FILE).is_file():
        return run_entries.Entries()
    try:
        client, experiment = tracking.connect(tracking.LOCAL)
        found = tracking.find(client, experiment, model_sha256)
    except tracking.troubles() as error:
        warn(f"{tracking.FILE} does not say how long the training took: {first_line(error, 200)}")
        return run_entries.Entries()
    return tracking.measured(client, found) if found else run_entries.Entries()


def _sha256(content: bytes | None) -> str:
    return hashlib.sha256(content or b"").hexdigest()
