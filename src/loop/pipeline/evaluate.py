"""evaluate: the model on the holdout: metrics with intervals, slices, calibration, report, card."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from loop import contract, features, files, lineage, model_file, params, tracking
from loop.errors import LoopError
from loop.paths import (
    CARD,
    CARD_JSON,
    EVALUATION,
    HOLDOUT,
    METRICS,
    MODEL,
    PLOTS,
    PREDICTIONS,
    SLICES,
)
from loop.pipeline import card, figures, report
from loop.stats import bootstrap
from loop.stats.bootstrap import Estimate
from problem import metrics, schema, source
from problem import model as problem_model

BINS = 10


class Params(params.Section):
    """`evaluate` of params.yaml."""

    seed: int
    cluster: str
    replicates: int
    confidence: float
    slice_rows_min: int


@dataclass(frozen=True)
class Evaluation:
    """Metrics by name; slices (one row per slice and metric); curves to draw, one frame each."""

    metrics: dict[str, Estimate]
    slices: pd.DataFrame
    calibration: pd.DataFrame
    clusters: pd.DataFrame
    scores: pd.DataFrame


def predict(model: Any, examples: pd.DataFrame) -> pd.DataFrame:
    """The predictions for the examples: key, decided_at, score. Breaks on a score out of contract."""
    keys = examples[[*source.KEY, features.DECIDED_AT]]
    predictions = keys.assign(score=problem_model.score(model, examples))
    return contract.require(predictions, schema.PREDICTION, "predictions")


def evaluate(examples: pd.DataFrame, predictions: pd.DataFrame, settings: Params) -> Evaluation:
    """Judge predictions against the labels of the same examples, resampling whole clusters."""
    labels = examples[[*source.KEY, "label", "label_known_at"]]
    outcomes = predictions.merge(labels, on=source.KEY, validate="1:1")
    contract.require(outcomes, schema.OUTCOME, "outcomes")
    if settings.cluster not in examples:
        raise LoopError(
            f"params.yaml: `evaluate.cluster` is {settings.cluster!r}",
            "a column of the examples",
            f"choose one of {', '.join(source.KEY)}",
        )
    codes, names = pd.factorize(examples[settings.cluster], sort=True)
    weight = bootstrap.weights(len(names), settings.replicates, settings.seed)
    judged = outcomes.assign(cluster=names[codes], code=codes)
    return Evaluation(
        metrics={name: _estimate(name, judged, weight, settings) for name in metrics.METRICS},
        slices=_slices(examples, judged, weight, settings),
        calibration=_calibration(judged, weight, settings),
        clusters=_by_cluster(judged),
        scores=_histogram(judged),
    )


def _estimate(name: str, judged: pd.DataFrame, weight: bootstrap.Floats, settings: Params) -> Estimate:
    label, score = (judged[column].to_numpy(np.float64) for column in ("label", "score"))
    codes = judged["code"].to_numpy(np.int64)
    of = bootstrap.statistic(metrics.METRICS[name], label, score, codes, weight.shape[1])
    return bootstrap.estimate(of, codes, weight, settings.confidence)


def _slices(
    examples: pd.DataFrame, judged: pd.DataFrame, weight: bootstrap.Floats, settings: Params
) -> pd.DataFrame:
    """One row per slice and metric: cut, slice, metric, rows, value, low, high.

    A slice with fewer than `slice_rows_min` rows has its count and no figures.
    """
    rows = []
    for cut, values in metrics.slices(examples).items():
        for value, part in judged.groupby(values.to_numpy(), sort=True):
            enough = len(part) >= settings.slice_rows_min
            for name in metrics.SLICE_METRICS:
                nothing = Estimate(np.nan, np.nan, np.nan, len(part))
                found = _estimate(name, part, weight, settings) if enough else nothing
                rows.append((cut, str(value), name, found.rows, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["cut", "slice", "metric", "rows", "value", "low", "high"])


def _calibration(judged: pd.DataFrame, weight: bootstrap.Floats, settings: Params) -> pd.DataFrame:
    """Ten bins of equal rows by score: mean score, mean label with its interval, rows."""
    bins = pd.qcut(judged["score"].rank(method="first"), BINS, labels=False)
    rows = []
    for _, part in judged.groupby(bins, sort=True):
        codes = part["code"].to_numpy(np.int64)
        mean_label = bootstrap.means(part["label"].to_numpy(np.float64), codes, weight.shape[1])
        found = bootstrap.estimate(mean_label, codes, weight, settings.confidence)
        rows.append((part["score"].mean(), found.value, found.low, found.high, found.rows))
    return pd.DataFrame(rows, columns=["mean_score", "mean_label", "low", "high", "rows"])


def _by_cluster(judged: pd.DataFrame) -> pd.DataFrame:
    """Per cluster (day): rows, mean score and mean label."""
    found = judged.groupby("cluster", sort=True).agg(
        rows=("label", "size"), mean_score=("score", "mean"), mean_label=("label", "mean")
    )
    return found.reset_index()


def _histogram(judged: pd.DataFrame) -> pd.DataFrame:
    """Rows per fortieth of the range of scores, and the mean label of each: score is the middle."""
    edges = np.linspace(judged["score"].min(), judged["score"].max(), 41)
    place = np.clip(np.searchsorted(edges, judged["score"], "right") - 1, 0, 39)
    found = judged.groupby(place)["label"].agg(rows="size", total="sum").reindex(range(40), fill_value=0)
    return pd.DataFrame(
        {"score": (edges[:-1] + edges[1:]) / 2, "rows": found["rows"], "labels": found["total"]}
    )


def as_json(found: Evaluation) -> dict[str, Any]:
    """The metrics as `dvc metrics` shows them: value, low and high of each, rows and clusters."""
    values = {
        name: {part: files.rounded(getattr(estimate, part)) for part in ("value", "low", "high")}
        for name, estimate in found.metrics.items()
    }
    return {**values, "rows": int(found.clusters["rows"].sum()), "clusters": len(found.clusters)}


def main() -> None:
    """Load the model that the lineage names, judge it, and write figures, report and card."""
    settings = params.section("evaluate", Params)
    about = params.section("card", card.Params)
    windows = params.section("windows", params.Windows)
    made = lineage.load()
    model = model_file.read(MODEL, made["model"]["sha256"], problem_model.TRUSTED)
    examples = files.read_table(HOLDOUT)
    predictions = predict(model, examples)
    found = evaluate(examples, predictions, settings)

    files.write_table(PREDICTIONS, predictions)
    files.write_json(METRICS, as_json(found))
    files.write_json(SLICES, files.records(found.slices))
    for name in ("calibration", "clusters", "scores"):
        files.write_text(PLOTS / f"{name}.csv", getattr(found, name).to_csv(index=False, float_format="%.6f"))
    facts = card.facts(about, windows, made, found)
    files.write_json(CARD_JSON, facts)
    files.write_text(CARD, card.markdown(facts))
    drawn = figures.draw(found, settings.confidence)
    files.write_text(EVALUATION, report.html(facts, drawn))
    tracking.record(
        made["model"]["sha256"],
        metrics={name: e.value for name, e in found.metrics.items() if np.isfinite(e.value)},
        artifacts={EVALUATION: "report", CARD: "report", METRICS: "report"},
        texts={f"figures/{name}.svg": svg for name, svg in drawn.items()},
    )
    first = found.metrics[metrics.PRIMARY]
    print(f"evaluate: {metrics.PRIMARY} {first.value:.4f} [{first.low:.4f}, {first.high:.4f}]")
