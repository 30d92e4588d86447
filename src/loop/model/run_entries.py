"""What is added to a run in MLflow: params, figures, tables that it read, load over time, files.

Written in calls as large as MLflow takes, under names that it takes.
"""

import json
import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from loop.base.warning import warn

SYSTEM = "system/"  # under which MLflow shows load over time
LONGEST, DIGEST = 6000, 36  # characters that MLflow takes of a param, and of a dataset's digest


@dataclass(frozen=True)
class Input:
    """A table that a run read: what for, where it lies, and its hash by DVC."""

    name: str
    context: str
    source: str
    md5: str
    rows: int | None = None


@dataclass(frozen=True)
class Entries:
    """What is added to a run. Of artifacts: file -> the folder it is logged under; of texts: name -> content.

    series: name -> (seconds since `started`, value), in the order of time. started is in milliseconds.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[Path, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    inputs: Sequence[Input] = ()
    series: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    started: int | None = None


def add(client: Any, run: str, entries: Entries) -> None:
    """Add to a run, in calls as large as MLflow takes, and end it."""
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    start = entries.started or now
    params = [Param(key, str(value)[:LONGEST]) for key, value in entries.params.items()]
    metrics = [Metric(key, value, now, 0) for key, value in entries.metrics.items()]
    for name, points in entries.series.items():
        metrics += [
            Metric(f"{SYSTEM}{name}", value, start + int(1000 * at), step)
            for step, (at, value) in enumerate(points)
        ]
    tags = [RunTag(key, value) for key, value in entries.tags.items()]
    for kind, values, most in (("params", params, 100), ("metrics", metrics, 1000), ("tags", tags, 100)):
        for part in batched(values, most):
            client.log_batch(run, **{kind: list(part)})
    _add_inputs(client, run, entries.inputs)
    for path, folder in entries.artifacts.items():
        client.log_artifact(run, str(path), folder)
    for name, text in entries.texts.items():
        client.log_text(run, text, name)
    client.set_terminated(run)


def _add_inputs(client: Any, run: str, inputs: Sequence[Input]) -> None:
    """The tables as MLflow's datasets; a server of before 2.4 has none, which is a warning."""
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.exceptions import MlflowException

    found = [
        DatasetInput(
            Dataset(
                name=one.name,
                digest=one.md5[:DIGEST],
                source_type="local",
                source=json.dumps({"uri": one.source}),
                profile=json.dumps({"num_rows": one.rows}),
            ),
            [InputTag("mlflow.data.context", one.context), InputTag("dvc_md5", one.md5)],
        )
        for one in inputs
    ]
    try:
        if found:
            client.log_inputs(run, datasets=found)
    except MlflowException as error:
        if error.error_code != "ENDPOINT_NOT_FOUND":
            raise
        warn("this MLflow server is too old for datasets, which 2.4 has: the run's tags alone name its data")


def by_slice(slices: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Metrics of slices as `slice/CUT/SLICE/METRIC`, in signs that MLflow takes, without undefined ones."""
    named = {}
    for one in slices:
        parts = [_part(str(one[key])) for key in ("cut", "slice", "metric")]
        named["/".join(["slice", *parts])] = one["value"]
    return {name: float(value) for name, value in named.items() if value is not None and math.isfinite(value)}


def _part(text: str) -> str:
    return re.sub(r"[^\w\-. :]|^\.+$", "_", text)[:80] or "_"


def figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The values of reports/metrics.json by name, without counts."""
    return {
        key: float(one["value"])
        for key, one in metrics.items()
        if isinstance(one, dict) and isinstance(one.get("value"), int | float)
    }


def batched(values: Iterable[Any], most: int) -> Iterator[list[Any]]:
    """Lists of up to `most` values."""
    rest = iter(values)
    while part := list(islice(rest, most)):
        yield part
