"""From a snapshot to one decision, with the reason: pure, so that it can be simulated."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loop.base.counted import counted
from loop.monitor.schema import Decision, Gain
from loop.monitor.signals.series import Series, confirmed, since
from loop.settings.monitor_settings import Hysteresis, Settings

FAULTS = ("broken feed", "suspected feed fault")
LOSS = ("loss", "cusum")  # concept signals that say that the model does worse, not only another way
NEXT: dict[Decision, str] = {
    "nothing": "nothing to do",
    "warning": "look at the report; nothing is to be done until the loss rises",
    "loss": "find which rows lose, in the report; does an earlier version do better? `loop rollback`",
    "retrain": "`loop retrain` makes the pull request; a person merges it",
    "alert": "decide now whether to go back: `loop rollback`, or take the feature's feed up with its owner",
    "broken feed": "fix the feed at its source; do not retrain on it",
    "suspected feed fault": "ask the owner of the feed what changed that day; "
    "if it is right, accept each column that is named, in a pull request (monitor.accepted)",
    "no data": "find out why nothing comes: the source, or the prediction log",
}


@dataclass(frozen=True)
class Case:
    """What is known at an instant."""

    breaches: list[str]  # broken rules of the contract, each by its place
    rows: int
    labels: int | None  # matured rows in the newest window with final labels; None where the feed is broken
    series: list[Series]
    constant: list[str]
    breached: list[str]  # minimum requirements that are breached for certain, each as a text
    changes: list[str]  # of the feed, that nobody has explained, each as a text
    changed: str | None  # the first day of them, or of a broken rule
    attempts: list[str]  # days of earlier retrains, ISO
    trained: pd.Timestamp  # windows.as_of of the champion
    now: pd.Timestamp
    judged: str = ""  # the newest window with final labels


BY_FEED = "ask the owner of the feed what changed that day; `loop rollback` helps only where a release did it"


@dataclass(frozen=True)
class Decided:
    """The decision, why, the first day of it, and what to do."""

    decision: Decision
    reason: str
    since: str | None
    by_feed: bool = False

    @property
    def todo(self) -> str:
        """What to do next, in a line."""
        return BY_FEED if self.by_feed else NEXT[self.decision]


def suspects(case: Case, settings: Settings) -> bool:
    """Whether enough of the last runs alarm: then it is worth asking what a retrain would gain."""
    return confirmed(alarms(case.series), settings.hysteresis)


def due(case: Case, settings: Settings) -> bool:
    """Whether a check-up falls on this run: its gain is asked though nothing alarms."""
    every = pd.Timedelta(days=settings.retrain.check_up_days)
    age = case.now.floor("D") - case.trained.floor("D")  # the hour at which a schedule starts is chance
    return age >= every and age % every < pd.Timedelta(days=settings.step_days)


def asks(case: Case, settings: Settings) -> bool:
    """Whether it is to be found out what a retrain would gain."""
    usable = _first(case, settings) is None and cooling(case, settings) is None
    return usable and (suspects(case, settings) or due(case, settings))


def cooling(case: Case, settings: Settings) -> str | None:
    """The day of the last retrain where that was too lately for another; None else."""
    recent = [day for day in case.attempts if pd.Timestamp(day, tz="UTC") <= case.now]
    if not recent:
        return None
    age = case.now.floor("D") - pd.Timestamp(max(recent), tz="UTC")
    return max(recent) if age < pd.Timedelta(days=settings.retrain.cool_down_days) else None


def decide(case: Case, gain: Gain | str, runs: list[str], settings: Settings) -> Decided:
    """The decision; what comes first rules: a broken feed outranks a breached requirement, and that drift.

    `gain` is what a retrain would have gained, or why that is not known; nothing where it was not asked.
    """
    if (first := _first(case, settings)) is not None:
        by_feed = first[0] == "alert" and bool(case.changes)
        known = case.changed if first[0] in FAULTS or by_feed else None
        return Decided(*first, known, by_feed)
    if not suspects(case, settings):
        return _quiet(case, gain, runs, settings)
    decision, reason = _drifted(case, gain, settings)
    return Decided(decision, reason, _since(alarms(case.series), runs, settings))


def _since(alarms: np.ndarray, runs: list[str], settings: Settings) -> str | None:
    """The oldest run of those that count, or of all consecutive ones that alarm, if they began before."""
    counted = runs[-settings.hysteresis.of :][int(np.argmax(alarms[-settings.hysteresis.of :]))]
    return min(counted, since(alarms, runs) or counted)


def _quiet(case: Case, gain: Gain | str, runs: list[str], settings: Settings) -> Decided:
    """Nothing, but for a check-up that finds what no signal shows."""
    newest, rule = alarms(case.series)[-1:].any(), settings.hysteresis
    quiet = "the newest run is within what past windows showed"
    if newest:
        quiet = f"the newest run is beyond past windows, but not {rule.runs} of the last {rule.of} runs"
    if isinstance(gain, str):
        return Decided("nothing", f"{quiet}; at the check-up {gain}" if gain else quiet, None)
    if gain.low > 0:
        found = f"the check-up of every {settings.retrain.check_up_days} days: {_gained(gain)}; {quiet}"
        return Decided("retrain", found, runs[-1])
    return Decided("nothing", f"{quiet}; at the check-up {_gained(gain)}", None)


def _first(case: Case, settings: Settings) -> tuple[Decision, str] | None:
    """What is decided whatever drifted."""
    if case.breaches:
        rules = counted(len(case.breaches), "rule")
        more = f"; and {counted(len(case.breaches) - 1, 'more')}" if case.breaches[1:] else ""
        return "broken feed", f"the newest rows break {rules} of their contract: {case.breaches[0]}{more}"
    if case.rows < settings.rows_min:
        found = f"{counted(case.rows, 'row')} in the newest {settings.window_days} days"
        return "no data", f"{found}, fewer than {settings.rows_min:,} (monitor.rows_min)"
    if case.labels is not None and case.labels < settings.rows_min:
        days = case.judged or f"{settings.window_days} days"
        found = f"{counted(case.labels, 'label')} of {days}, which must have them by now"
        return "no data", f"{found}, fewer than {settings.rows_min:,} (monitor.rows_min): do they still come?"
    more = f"; and {counted(len(case.changes) - 1, 'more change')}" if case.changes[1:] else ""
    changed = f"the feed changed: {case.changes[0]}{more}" if case.changes else ""
    also = f"; {changed}" if changed else ""
    if case.constant:
        verb = "is" if len(case.constant) == 1 else "are"
        return "alert", f"the model needs {_names(case.constant)}, which {verb} constant or missing now{also}"
    if case.breached:
        return "alert", "; ".join(case.breached) + also
    return ("suspected feed fault", changed) if changed else None


def _drifted(case: Case, gain: Gain | str, settings: Settings) -> tuple[Decision, str]:
    beyond = f"{_causes(case.series, settings.hysteresis)}: beyond past windows"
    hurt = [one for one in case.series if one.kind == "concept" and one.name in LOSS]
    moved: Decision = "loss" if any(confirmed(one.alarm, settings.hysteresis) for one in hurt) else "warning"
    if (last := cooling(case, settings)) is not None:
        return moved, f"{beyond}; the last retrain was on {last}, too lately for another"
    if isinstance(gain, str):
        return moved, f"{beyond}; {gain or 'what a retrain would gain was not asked'}"
    if gain.low > 0:
        return "retrain", f"the model is overtaken: {_gained(gain)}; {beyond}"
    return moved, f"{beyond}, but nothing certain is to be gained: {_gained(gain)}"


def _causes(series: list[Series], rule: Hysteresis) -> str:
    """The signals that enough runs confirm; where none is by itself, those that took turns."""
    if found := [one.title for one in series if confirmed(one.alarm, rule)]:
        return _names(found)
    return f"in turn {_names([one.title for one in series if one.alarm[-rule.of :].any()])}"


def _gained(gain: Gain) -> str:
    return f"a retrain would have gained {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"


def alarms(series: list[Series]) -> np.ndarray:
    """Per run, whether anything was beyond its limit: (runs,)."""
    return np.any([one.alarm for one in series], axis=0) if series else np.zeros(0, bool)


def _names(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
