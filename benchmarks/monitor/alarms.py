"""False alarms: what the monitor decides on days of its own training months, where nothing changed."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.monitor.simulate import Ints, Monitor, Runs, after, bare, draw
from benchmarks.monitor.world import World
from benchmarks.verdicts.data import share
from loop.data.features import DECIDED_AT
from loop.monitor import backtest, decide
from loop.monitor.decide import Case
from loop.monitor.inputs import champion_model
from loop.monitor.inputs.champion_model import Champion
from loop.monitor.schema import Gain
from loop.monitor.signals import minimum_requirements
from loop.settings import params, retrain_windows
from loop.settings.review_policy import Policy
from loop.stats import bootstrap
from problem import metrics

SEED, TEN = 1, 10
DRAWN = {"days": (1, 1000), "weeks": (7, 300), "four weeks": (28, 300)}  # block of days, stretches
DAY = pd.Timedelta(days=1)
KNOWN = "label_known_at"


@dataclass(frozen=True)
class OutOfFold(Champion):
    """The champion whose score of a training row is that of a model which did not see its day."""

    scores: pd.Series

    def score(self, examples: pd.DataFrame) -> pd.Series:
        """The kept score of each row, by its index."""
        return self.scores.loc[examples.index]


def measure(world: World) -> dict[str, Any]:
    """Decisions by how days are drawn, with a real retrain on each suspicion; then days held out."""
    monitor, training = Monitor(world), world.before(world.trained)
    days = int(_day(training).max()) + 1
    found: dict[str, Any] = {"seed": SEED, "days": days}
    length = after(world.settings)[-1]
    with champion_model.of(*champion_model.which(), Path.cwd()) as model:
        for name, (block, stretches) in DRAWN.items():
            rng = np.random.default_rng(SEED)
            places = [draw(rng, days, length, block) for _ in range(stretches)]
            found_runs = monitor.run([monitor.baseline.take(one) for one in places], after(world.settings))
            breached = _breached(world, training, places)
            decisions = [
                decision(one, where, worst, model, world)
                for one, where, worst in zip(found_runs, places, breached, strict=True)
            ]
            found[name] = summary(monitor, found_runs) | {
                "decisions": {
                    one: share(decisions.count(one), len(decisions))
                    for one in sorted({*decisions, *DECISIONS})
                }
            }
    starts = range(days - length + 1)
    found["held out"] = summary(monitor, [_held_out(monitor, start, length) for start in starts])
    return found


DECISIONS = ("nothing", "warning", "loss", "retrain", "alert")


def summary(monitor: Monitor, found_runs: list[Runs]) -> dict[str, Any]:
    """Shares of suspicion, signal by signal, and those of the bare rule at the newest run."""
    of, rule = len(found_runs), monitor.settings.hysteresis
    signals = {
        one.name: share(sum(decide.confirmed(each.series[place].alarm, rule) for each in found_runs), of)
        for place, one in enumerate(found_runs[0].series)
    }
    most = np.argsort([-importance for importance in monitor.importance.values()]).tolist()
    return {
        "suspected": share(sum(_suspected(one, monitor) for one in found_runs), of),
        "one run": share(sum(bool(decide.alarms(one.series)[-1]) for one in found_runs), of),
        "signals": signals,
        "bare, any feature": share(sum(bare(one, most) for one in found_runs), of),
        "bare, ten most used": share(sum(bare(one, most[:TEN]) for one in found_runs), of),
    }


def decision(found_runs: Runs, places: Ints, breached: list[str], model: Champion, world: World) -> str:
    """The decision at a monitoring run without a check-up; on suspicion a model is fitted again."""
    now = pd.Timestamp(found_runs.runs[-1], tz="UTC")
    case = Case(
        breaches=[],
        rows=world.settings.rows_min,
        labels=None,
        series=found_runs.series,
        constant=[],
        breached=breached,
        changes=[],
        changed=None,
        attempts=[],
        trained=now,
        now=now,
    )
    gain = gained(places, now, model, world) if decide.asks(case, world.settings) else None
    return decide.decide(case, gain, found_runs.runs, world.settings).decision


def gained(places: Ints, now: pd.Timestamp, model: Champion, world: World) -> Gain | None:
    """What a retrain at the end of a stretch would have gained."""
    rows, kept = lived(world, places)
    outside = OutOfFold(**{one.name: getattr(model, one.name) for one in fields(model)}, scores=kept)
    moved = retrain_windows.at(now, world.settings, model.windows)
    return backtest.gain(outside, rows, moved, world.settings, params.section("evaluate", params.Resampling))


def lived(world: World, places: Ints) -> tuple[pd.DataFrame, pd.Series]:
    """The rows that a retrain would have at the end of a stretch, and the champion's scores of them.

    Days that are drawn into the stretch are left out where they came from: a retrain would know them.
    """
    past = world.before(world.baseline)
    day = _day(past)
    first = past[DECIDED_AT].min().floor("D")
    drawn = [
        past[day == place].pipe(_moved, (int(day.max()) + 1 + later - place) * DAY)
        for later, place in enumerate(places)
    ]
    rows = pd.concat([past[~np.isin(day, places)], *drawn], ignore_index=True)
    rows = rows[rows["label"].notna() & (rows[DECIDED_AT] >= first)].reset_index(drop=True)
    return rows.drop(columns=["score", "decision"], errors="ignore"), rows["score"]


def _moved(rows: pd.DataFrame, by: pd.Timedelta) -> pd.DataFrame:
    return rows.assign(**{name: rows[name] + by for name in (DECIDED_AT, KNOWN)})


def _held_out(monitor: Monitor, start: int, length: int) -> Runs:
    """Days that follow each other, looked at with limits from all other days of the baseline."""
    inside = np.arange(start, start + length)
    others = np.setdiff1d(np.arange(len(monitor.baseline.profile.days)), inside)
    stretch = monitor.baseline.take(inside)
    return monitor.run([stretch], after(monitor.settings), monitor.baseline.take(others))[0]


def _breached(world: World, training: pd.DataFrame, places: list[Ints]) -> list[list[str]]:
    """The minimum requirements that each stretch's newest matured window breaks; most are far from them."""
    setup, day = world.settings, _day(training)
    wait = int(np.ceil(setup.wait_days))
    newest = [where[len(where) - wait - setup.window_days : len(where) - wait] for where in places]
    weight = np.array([np.bincount(where, minlength=int(day.max()) + 1) for where in newest], np.float64)
    label, score = (training[name].to_numpy(np.float64) for name in ("label", "score"))
    near = np.zeros(len(places), bool)
    for name, minimum in params.section("review", Policy).minimum_requirements.items():
        metric = metrics.METRICS[name]
        value = bootstrap.statistic(metric, label, score, day, weight.shape[1])(weight)
        near |= value < minimum.limit if metric.better == "higher" else value > minimum.limit
    return [_broken(world, where) if close else [] for where, close in zip(places, near, strict=True)]


def _broken(world: World, places: Ints) -> list[str]:
    """The minimum requirements that the newest matured window breaks for certain."""
    rows, scores = lived(world, places)
    days = np.sort(rows[DECIDED_AT].dt.floor("D").unique())
    end = pd.Timestamp(days[-1]) + DAY - int(np.ceil(world.settings.wait_days)) * DAY
    at = rows[DECIDED_AT]
    newest = (at < end) & (at >= end - world.settings.window_days * DAY)
    return minimum_requirements.breached(rows.assign(score=scores)[newest], world.settings)


def _suspected(found_runs: Runs, monitor: Monitor) -> bool:
    return decide.confirmed(decide.alarms(found_runs.series), monitor.settings.hysteresis)


def _day(rows: pd.DataFrame) -> Ints:
    """The number of each row's day, from the first."""
    day = rows[DECIDED_AT].dt.floor("D")
    return np.asarray((day - day.min()) // DAY, np.int64)
