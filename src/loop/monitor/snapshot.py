"""What a monitoring run measures as of an instant: every figure of its decision and its report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from loop.base.errors import LoopError
from loop.data.features import DECIDED_AT
from loop.monitor import backtest
from loop.monitor.inputs import answers, importance
from loop.monitor.inputs import labels as outcomes
from loop.monitor.inputs import rows as of_rows
from loop.monitor.inputs import windows as daily
from loop.monitor.inputs.champion_model import Champion
from loop.monitor.inputs.feed import Feed
from loop.monitor.inputs.labels import Joined
from loop.monitor.inputs.windows import DAY, Days, inside, past_ends, start, window
from loop.monitor.schema import Gain, Kpi, Point, SliceDrift, SliceLoss, SubgroupGap
from loop.monitor.signals import (
    drift,
    drift_by_slice,
    estimate,
    kpi_weeks,
    loss_by_slice,
    minimum_requirements,
    performance,
    subgroup_gaps,
)
from loop.monitor.signals.curves import curves
from loop.monitor.signals.drift import Drift
from loop.monitor.signals.performance import Performance, Windowed
from loop.monitor.signals.series import Series
from loop.settings import params, retrain_windows
from loop.settings.monitor_settings import Settings
from problem import source


@dataclass(frozen=True)
class Snapshot:
    """What a run measured, before anything is decided."""

    days: Days
    rows: pd.DataFrame  # of every request: features, score, decision, label
    matured: pd.DataFrame
    joined: Joined
    drift: Drift
    constant: list[str]
    performance: Performance
    curves: list[Point]
    series: list[Series]
    slices: list[SliceLoss]
    drifted: list[SliceDrift]
    subgroups: list[SubgroupGap]
    breached: list[str]
    kpi: Kpi | None
    source: str
    notes: list[str] = field(default_factory=list)


def take(
    champion: Champion, fed: Feed, folders: Sequence[Path], now: pd.Timestamp, setup: Settings
) -> Snapshot:
    """Everything that is known at `now` of the champion's inputs, scores and labels."""
    when = daily.days(champion, now, setup)
    rows, joined, answered_by, notes = of_rows.scored(champion, fed, folders, now, setup)
    features = of_rows.model_columns(rows, logged=answered_by == answers.LOG)
    past = rows[DECIDED_AT] < start(when.baseline)
    rows, weights, more_notes = importance.looked_at(champion, rows, past, features, setup.seed)
    used = {name: share for name, share in weights.items() if share > 0}
    if not used:
        raise LoopError(
            "the champion's score moves with no feature: it says the same whatever it is asked",
            "a model that looks at its features",
            "`loop rollback`, then look at src/problem/model.py of its commit",
        )
    profile = drift.profiled(rows, when.baseline, list(used))
    moved = drift.drift(profile, when.baseline, when.runs, used, setup)
    constant = [name for name in moved.constant if _is_constant(rows[name], rows[DECIDED_AT], when, setup)]
    matured = rows[rows["label"].notna()]
    sums = performance.daily(matured, when.since, max(when.ends[-1], when.baseline))
    concept = performance.performance(sums, when.baseline, when.ends, setup)
    expected, more = _expected(rows, when, setup)
    series = [*moved.series(), *([expected] if expected else []), *concept.series]
    newest = window(matured, when.ends[-1], setup)
    subgroups, untold = subgroup_gaps.gaps(newest, setup)
    if untold:
        more_notes = [*more_notes, f"the log does not keep what tells subgroups apart by {', '.join(untold)}"]
    return Snapshot(
        days=when,
        rows=rows,
        matured=matured,
        joined=joined,
        drift=moved,
        constant=constant,
        performance=concept,
        curves=curves(rows, sums, when, setup, more),
        series=series,
        slices=loss_by_slice.rose(matured, list(used), when, setup),
        drifted=drift_by_slice.moved(rows, moved, when, setup),
        subgroups=subgroups,
        breached=[*minimum_requirements.breached(newest, setup), *subgroup_gaps.beyond(subgroups)],
        kpi=kpi_weeks.weeks(joined.rows, now, setup.seed),
        source=answered_by,
        notes=[*notes, *more_notes],
    )


def expected_gain(champion: Champion, fed: Feed, now: pd.Timestamp, setup: Settings) -> Gain | str:
    """What a retrain at `now` would have gained; where that cannot be told, why.

    From the source's rows, as a retrain has them, whatever the log holds.
    """
    try:
        moved = retrain_windows.at(now, setup, champion.windows)
    except LoopError as error:
        return f"a retrain has nothing new to learn from yet: {error.found}"
    resampling = params.section("evaluate", params.Resampling)
    known_by = now - setup.labels.delay_days * DAY
    labels = outcomes.known(fed.labels, known_by).drop_duplicates(source.KEY)
    labelled = fed.examples.merge(labels, on=source.KEY, how="inner", validate="1:1")
    return backtest.gain(champion, labelled, moved, setup, resampling)


def _expected(
    rows: pd.DataFrame, when: Days, setup: Settings
) -> tuple[Series | None, tuple[Windowed, ...] | None]:
    """The loss to expect at each run, and that of points: past windows and the runs."""
    past = rows[rows[DECIDED_AT] < start(when.baseline)]
    if not estimate.possible(past):
        return None, None
    model = estimate.Estimate(past, rows, setup.seed)
    days = np.arange(np.datetime64(when.since), np.datetime64(when.until))
    counts = model.daily(rows, days)
    then, at_runs = (
        model.of(counts, inside(days, ends, setup.window_days))
        for ends in (past_ends(when, setup), when.runs)
    )
    independent = (np.datetime64(when.baseline) - np.datetime64(when.since)).astype(int) / setup.window_days
    return estimate.series(at_runs, then.value, independent, setup), (then, at_runs)


def _is_constant(values: pd.Series, at: pd.Series, when: Days, setup: Settings) -> bool:
    """Whether what lies in one bin is one value indeed, or none: a bin may be wide."""
    newest = values[at >= start(when.until) - setup.step_days * DAY]
    return bool(newest.value_counts(normalize=True, dropna=False).max() >= drift.CONSTANT)
