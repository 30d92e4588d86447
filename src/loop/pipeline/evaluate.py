"""evaluate: the model on the holdout: metrics with intervals, slices, calibration, report, card."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import field_validator

from loop.base import files
from loop.data import contract, features, golden_rows, row_weights, score_columns
from loop.data.training_sample import Stored
from loop.kit import groups
from loop.model import lineage, model_file, reference_rows, run_entries, tracking
from loop.pipeline import card_groups, evaluation_curves, evaluation_figures, evaluation_report, model_card
from loop.settings import params
from loop.settings.paths import (
    CARD,
    CARD_JSON,
    EVALUATION,
    GOLDEN,
    HOLDOUT,
    METRICS,
    MODEL,
    PLOTS,
    PREDICTIONS,
    REFERENCE,
    SLICES,
    TRAIN,
)
from loop.stats import bootstrap
from loop.stats.bootstrap import Estimate
from problem import metrics, schema, source
from problem import model as problem_model


class Params(params.Resampling):
    """`evaluate` of params.yaml; the cluster is a column of the examples, or a unit of time."""

    @field_validator("cluster")
    @classmethod
    def _is_a_column(cls, name: str) -> str:
        if name not in [*schema.EXAMPLE.columns, *features.UNITS, features.PART]:
            some = f"such as {', '.join(source.KEY)}, or one of {', '.join([*features.UNITS, features.PART])}"
            raise ValueError(f"is {name!r}, no column of the examples", f"a column of the examples, {some}")
        return name


@dataclass(frozen=True)
class Evaluation:
    """Metrics by name; slices and subgroups (a row per group and metric); errors; curves to draw."""

    metrics: dict[str, Estimate]
    slices: pd.DataFrame
    subgroups: pd.DataFrame
    errors: pd.DataFrame
    calibration: pd.DataFrame
    clusters: pd.DataFrame
    scores: pd.DataFrame


def predict(model: Any, examples: pd.DataFrame) -> pd.DataFrame:
    """The predictions for the examples: key, decided_at, score. Breaks on a score out of contract."""
    scores = score_columns.columns(problem_model.score(model, features.known(examples)), examples.index)
    keys = examples[[*source.KEY, features.DECIDED_AT]]
    return contract.require(pd.concat([keys, scores], axis="columns"), schema.PREDICTION, "predictions")


def evaluate(examples: pd.DataFrame, predictions: pd.DataFrame, settings: Params) -> Evaluation:
    """Judge predictions against the labels of the same examples, resampling whole clusters."""
    known_later = [name for name in features.OUTCOME if name in examples]
    labels = examples[[*source.KEY, *known_later]]
    outcomes = labels.merge(predictions, on=source.KEY, how="left", validate="1:1")  # in the examples' order
    contract.require(outcomes, schema.OUTCOME, "outcomes")
    codes, names = pd.factorize(features.clusters(examples, settings.cluster), sort=True)
    weight = bootstrap.weights(len(names), settings.replicates, settings.seed)
    judged = outcomes.assign(cluster=names[codes], code=codes)
    event, shown = score_columns.event(judged["label"].to_numpy(np.float64), score_columns.array(judged))
    drawn = judged.drop(columns=score_columns.NAMES).assign(label=event, score=shown)
    return Evaluation(
        metrics={name: _estimate(name, judged, weight, settings) for name in metrics.METRICS},
        slices=_by_group(metrics.SLICES, examples, judged, weight, settings),
        subgroups=_by_group(metrics.SUBGROUPS, examples, judged, weight, settings),
        errors=card_groups.errors(
            examples, score_columns.array(judged), codes, settings.slice_rows_min, settings.confidence
        ),
        calibration=evaluation_curves.calibration(drawn, weight, settings.confidence),
        clusters=evaluation_curves.by_cluster(drawn),
        scores=evaluation_curves.histogram(drawn["score"], drawn["label"]),
    )


def _estimate(name: str, judged: pd.DataFrame, weight: bootstrap.Floats, settings: Params) -> Estimate:
    label, score = judged["label"].to_numpy(np.float64), score_columns.array(judged)
    codes = judged["code"].to_numpy(np.int64)
    metric, row_weight = metrics.METRICS[name], row_weights.of(judged)
    of = bootstrap.statistic(metric, label, score, codes, weight.shape[1], row_weight=row_weight)
    return bootstrap.estimate(of, codes, weight, settings.confidence)


def _by_group(
    ways: Mapping[str, groups.By],
    examples: pd.DataFrame,
    judged: pd.DataFrame,
    weight: bootstrap.Floats,
    settings: Params,
) -> pd.DataFrame:
    """One row per slice and metric: cut, slice, metric, rows, value, low, high.

    A slice with fewer than `slice_rows_min` rows has its count and no figures.
    """
    rows = []
    for cut, values in groups.cut(ways, examples).items():
        for value, part in judged.groupby(values.to_numpy(), sort=True):
            enough = len(part) >= settings.slice_rows_min
            for name in metrics.SLICE_METRICS:
                nothing = Estimate(np.nan, np.nan, np.nan, len(part))
                found = _estimate(name, part, weight, settings) if enough else nothing
                rows.append((cut, str(value), name, found.rows, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["cut", "slice", "metric", "rows", "value", "low", "high"])


def golden(*examples: pd.DataFrame | Stored) -> pd.DataFrame:
    """The golden requests among the examples, by their place in GOLDEN, and why each is one."""
    names = [golden_rows.named(key) for _, key in metrics.GOLDEN]
    asked = dict.fromkeys([*source.KEY, *(column for name in names for column in name)])
    there = [column for column in asked if column in examples[0].columns]
    places = golden_rows.find(pd.concat([part[there] for part in examples], ignore_index=True), names)
    wanted, start, parts = np.unique(np.array([*places.values()], np.int64)), 0, []
    for part in examples:
        here = wanted[(wanted >= start) & (wanted < start + len(part))]
        parts.append(part.take(here - start).set_axis(here))
        start += len(part)
    found = pd.concat(parts).loc[list(places.values())].set_axis(list(places))
    return found.assign(why=[metrics.GOLDEN[at][0] for at in places])


def golden_scores(model: Any, found: pd.DataFrame) -> list[dict[str, Any]]:
    """Why, what names it, and the score that this model gives each golden request, to the bit."""
    if found.empty:
        return []
    scores = score_columns.columns(problem_model.score(model, features.known(found)), found.index)
    told = [
        {"why": row["why"]} | {name: row[name] for name in golden_rows.named(metrics.GOLDEN[at][1])}
        for at, row in zip(found.index, found.to_dict("records"), strict=True)
    ]
    scored = scores.to_dict("records")
    return [
        one | {str(name): value for name, value in row.items()} for one, row in zip(told, scored, strict=True)
    ]


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
    about = params.section("card", model_card.Params)
    windows = params.section("windows", params.Windows)
    made = lineage.load()
    model = model_file.read(MODEL, made["model"]["sha256"], problem_model.TRUSTED)
    examples = files.read_table(HOLDOUT)
    predictions = predict(model, examples)
    found = evaluate(examples, predictions, settings)

    files.write_table(PREDICTIONS, predictions)
    files.write_json(METRICS, as_json(found))
    files.write_json(SLICES, files.records(found.slices))
    wanted = golden(Stored(TRAIN, source.KEY), examples)
    train = Stored(TRAIN, source.KEY, made["params"]["train"].get("rows_max"))
    files.write_json(GOLDEN, golden_scores(model, wanted))
    reference_rows.write(REFERENCE, reference_rows.of(model, wanted, train, settings.seed))
    for name in ("calibration", "clusters", "scores"):
        files.write_text(PLOTS / f"{name}.csv", getattr(found, name).to_csv(index=False, float_format="%.6f"))
    card = model_card.card(about, windows, made, found, settings)
    card |= {"training": files.records(card_groups.training(train.slices(), examples))}
    files.write_json(CARD_JSON, card)
    files.write_text(CARD, model_card.markdown(card))
    drawn = evaluation_figures.draw(found, settings.confidence)
    files.write_text(EVALUATION, evaluation_report.html(card, drawn))
    held = run_entries.Input(HOLDOUT.stem, "evaluation", str(HOLDOUT), files.md5(HOLDOUT), len(examples))
    entries = run_entries.Entries(
        metrics={name: e.value for name, e in found.metrics.items() if np.isfinite(e.value)}
        | run_entries.by_slice(files.records(found.slices)),
        artifacts={EVALUATION: "report", CARD: "report", METRICS: "report", SLICES: "report"},
        texts={f"figures/{name}.svg": svg for name, svg in drawn.items()},
        inputs=[held],
    )
    tracking.try_to_record(made["model"]["sha256"], entries)
    first = found.metrics[metrics.PRIMARY]
    print(f"evaluate: {metrics.PRIMARY} {first.value:.4f} [{first.low:.4f}, {first.high:.4f}]")
