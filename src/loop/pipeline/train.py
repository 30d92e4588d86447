"""train: examples of the training window into a model file, and the lineage that names it."""

from time import perf_counter, time
from typing import Any

import pandas as pd
import psutil
from pydantic import Field
from threadpoolctl import threadpool_limits

from loop.base import files
from loop.base.warning import warn
from loop.data import row_weights, training_sample
from loop.model import lineage, load_over_time, model_file, run_entries, tracking
from loop.settings import params
from loop.settings.paths import ENVIRONMENT_LOCK, LINEAGE, MODEL, PARAMS, RAW, TRAIN
from loop.settings.yaml_file import load
from problem import model as problem_model
from problem import source

TIMES = 8  # the memory of its frame that a fit of trees may take: cautious, the example's takes about six


class Params(params.Section):
    """`train` of params.yaml."""

    seed: params.Seed
    rows_max: int | None = Field(default=None, ge=1)
    model: problem_model.Params


def train(examples: pd.DataFrame, settings: Params) -> Any:
    """The fitted model: the same bits for the same rows and settings, on any number of cores.

    One thread, because a sum of floats depends on how many threads share it (measured: another
    number of threads, another model). It costs a second in three. Of more rows than `rows_max`
    a sample is fitted. Steps before the last see each row once, whatever it counts. A column without any
    value, as of a sensor that was not there yet, is fitted as one that never changes: trees cannot cut it.
    """
    examples = _constant_where_empty(training_sample.of(examples, source.KEY, settings.rows_max))
    with threadpool_limits(1):
        model = problem_model.build(settings.model, settings.seed)
        return model.fit(examples, examples["label"], **row_weights.to_fit(model, row_weights.of(examples)))


def _constant_where_empty(examples: pd.DataFrame) -> pd.DataFrame:
    """The examples, with 0 in each column of numbers that has no value in any row."""
    numbers = examples.select_dtypes("float64")
    return examples.assign(**dict.fromkeys(numbers.columns[numbers.isna().all()], 0.0))


def warn_of_memory(frame: int, free: int) -> None:
    """Say it before the work where the fit is likely to need more bytes than are free."""
    if (needed := TIMES * frame) > free:
        todo = "set train.rows_max in params.yaml, or take a larger machine"
        warn(f"the fit may need {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free: {todo}")


def main() -> None:
    """Write models/model.skops and models/lineage.json; record the run in MLflow."""
    settings = params.section("train", Params)
    tracking.connect()  # a tracker that does not answer is found before the work, not after
    stored = training_sample.Stored(TRAIN, source.KEY, settings.rows_max)
    examples, there = stored.read(), stored.there
    warn_of_memory(int(examples.memory_usage(deep=True).sum()), psutil.virtual_memory().available)
    began, started = int(time() * 1000), perf_counter()
    with load_over_time.watched() as cost:
        model = train(examples, settings)
    seconds = perf_counter() - started
    model_file.write(model, MODEL)
    sha256 = files.digest(MODEL, "sha256")
    everything = load(PARAMS)
    links = lineage.links("train", everything)
    made = {
        "model": {"file": str(MODEL), "sha256": sha256, "md5": files.md5(MODEL)},
        "rows": len(examples),
        **({"sampled_from": there} if there > len(examples) else {}),
        **links,
    }
    files.write_json(LINEAGE, made)
    hashes = {f"data {path}": md5 for path, md5 in links["data"].items()}
    raw = sorted(RAW.iterdir()) if RAW.is_dir() else []
    entries = run_entries.Entries(
        params=tracking.flat(everything),
        metrics={"train_seconds": seconds, "peak_memory_mb": tracking.peak_memory_mb()},
        tags={
            **hashes,
            "uv_lock_sha256": links["environment"][str(ENVIRONMENT_LOCK)],
            "rows": str(len(examples)),
        },
        artifacts={MODEL: "model", LINEAGE: "model"},
        inputs=[
            run_entries.Input(TRAIN.stem, "training", str(TRAIN), links["data"][str(TRAIN)], len(examples)),
            *(run_entries.Input(one.stem, "raw", str(one), files.md5(one)) for one in raw),
        ],
        series=cost,
        started=began,
    )
    tracking.try_to_record(sha256, entries, start=True)
    rows = f"{len(examples):,} rows" + (f" of {there:,}" if there > len(examples) else "")
    print(f"train: {rows} in {seconds:.1f} s, model sha256 {sha256[:12]}")
