"""monitor: what arrived since training, what it costs, and what to do: one decision with its evidence.

Everything is taken as known at `now`. Nothing is written but monitor/.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from loop.base import exit_codes, files
from loop.base.warning import warn
from loop.data import contract, without_time
from loop.data.features import DECIDED_AT
from loop.monitor import decide, notify
from loop.monitor import snapshot as snapshots
from loop.monitor.decide import Case
from loop.monitor.inputs import champion_model as champions
from loop.monitor.inputs import feed, labels
from loop.monitor.inputs import past_retrains as retrains
from loop.monitor.inputs import windows as daily
from loop.monitor.inputs.champion_model import Champion
from loop.monitor.inputs.past_retrains import Attempt
from loop.monitor.inputs.windows import DAY, Days
from loop.monitor.report import html, text
from loop.monitor.schema import (
    FINDING,
    FOLDER,
    SCHEMA_VERSION,
    Breach,
    Event,
    Feature,
    FeedChange,
    Finding,
    Gain,
    Model,
    Window,
)
from loop.monitor.signals import estimate, feed_faults
from loop.monitor.snapshot import Snapshot
from loop.production import state
from loop.repo import remote
from loop.repo.commit import Commit
from loop.settings import monitor_settings
from loop.settings.monitor_settings import Settings
from problem import metrics


def main(folders: Sequence[Path], now: pd.Timestamp, with_issue: bool) -> int:
    """Monitor, write monitor/, print one screen; the exit code is the decision's."""
    found = find(folders, now)
    files.write_text(FINDING, found.model_dump_json(indent=2) + "\n")
    files.write_text(FOLDER / "report.md", text.markdown(found))
    files.write_text(FOLDER / "report.html", html.report(found))
    print(text.terminal(found))
    if with_issue:
        notify.post(found)
    return exit_codes.MONITOR[found.decision]


def find(folders: Sequence[Path], now: pd.Timestamp) -> Finding:
    """The finding at `now` (UTC). Raises LoopError for what cannot be monitored."""
    setup = monitor_settings.read()
    earlier = retrains.attempts(now)
    with champions.of(*champions.which(), Path.cwd()) as champion:
        when = daily.days(champion, now, setup)
        fed = feed.by(champion, now.floor("D"), now, setup.window_days)
        snapshot = None if fed.breaches else snapshots.take(champion, fed, folders, now, setup)
        changed = _changed(champion, fed.breaches, now, setup)
        case = _case(champion, fed.breaches, changed, snapshot, earlier, now, setup)
        on_its_way = _newer(champion)
        gain: Gain | str = ""
        if snapshot is not None and decide.asks(case, setup):
            gain = on_its_way[0] if on_its_way else snapshots.expected_gain(champion, fed, now, setup)
    decided = decide.decide(case, gain, when.runs, setup)
    return Finding(
        schema_version=SCHEMA_VERSION,
        now=now.isoformat(),
        decision=decided.decision,
        reason=decided.reason,
        since=decided.since,
        todo=decided.todo,
        runbook=f"docs/runbook/{decided.decision.replace(' ', '-')}.md",
        model=_model(champion),
        primary=metrics.METRICS[metrics.PRIMARY].title,
        gain=gain if isinstance(gain, Gain) else None,
        breaches=[Breach(**one.as_json()) for one in fed.breaches],
        changes=changed,
        events=_events(champion, earlier, when),
        runs=when.runs,
        **(_figures(snapshot, setup, on_its_way) if snapshot else {}),
    )


def _changed(
    champion: Champion, breaches: list[contract.Breach], now: pd.Timestamp, setup: Settings
) -> list[FeedChange]:
    """What changed in the feed; of one that breaks its contract as far as its rows can be counted."""
    try:
        return feed_faults.changes(champion, now, setup)
    except Exception as error:  # what breaks its contract may be anything, also to the problem's own code
        if not breaches:
            raise
        warn(f"what changed in the feed from day to day could not be counted: {error!r}")
        return []


def _unexplained(changed: list[FeedChange]) -> list[str]:
    """The days of changes that nobody has explained."""
    return [one.since for one in changed if one.accepted is None]


def _newer(champion: Champion) -> list[str]:
    """A note where main holds another model than serves: it is on its way, and no retrain outruns it."""
    main = remote.main_ref()
    held = Commit(main).model() if main else None
    if held in (None, champion.sha256):
        return []
    return [f"main holds model {held[:12]}, which does not serve yet: no retrain is proposed beside it"]


def _case(
    champion: Champion,
    breaches: list[contract.Breach],
    changed: list[FeedChange],
    snapshot: Snapshot | None,
    earlier: list[Attempt],
    now: pd.Timestamp,
    setup: Settings,
) -> Case:
    first = [one.since for one in breaches if one.since] if breaches else _unexplained(changed)
    return Case(
        breaches=[one.place for one in breaches],
        rows=_newest(snapshot, snapshot.days.until, setup) if snapshot else 0,
        labels=int(snapshot.performance.rows[-1]) if snapshot else None,
        series=snapshot.series if snapshot else [],
        constant=snapshot.constant if snapshot else [],
        breached=snapshot.breached if snapshot else [],
        changes=[f"{one.place}, since {one.since}: {one.what}" for one in changed if one.accepted is None],
        changed=min(first, default=None),
        attempts=[one.day for one in earlier],
        trained=champion.windows.as_of,
        now=now,
        judged=_days(snapshot.days.ends[-1], setup) if snapshot else "",
    )


def _figures(snapshot: Snapshot, setup: Settings, notes: list[str]) -> dict[str, Any]:
    """What a monitoring run holds, as parts of the finding."""
    when = snapshot.days
    features = snapshot.drift.features()
    beyond = [one for one in features if one.alarm] or [one for one in features if (one.heat or [None])[-1]]
    first = pd.Timestamp(when.until, tz="UTC") - setup.window_days * DAY
    expects = any(one.name == "expected_loss" for one in snapshot.series)
    return {
        "features_that_matter": [one.name for one in sorted(beyond, key=_weight)[:3]],
        "source": snapshot.source,
        "inputs": _window(when.until, _newest(snapshot, when.until, setup), setup),
        "matured": _window(when.ends[-1], int(snapshot.performance.rows[-1]), setup),
        "outcomes": labels.outcomes(snapshot.joined, first),
        "signals": [one.signal(when.runs, setup.hysteresis) for one in snapshot.series],
        "features": features,
        "curves": snapshot.curves,
        "slices": snapshot.slices,
        "drifted": snapshot.drifted,
        "subgroups": snapshot.subgroups,
        "kpi": snapshot.kpi,
        "cusum": snapshot.performance.cusum,
        "notes": [*without_time.notes(), *notes, *snapshot.notes, *([estimate.NOTE] if expects else [])],
    }


def _weight(feature: Feature) -> float:
    """What matters most comes first: how far beyond its limit, times its permutation importance."""
    heat = feature.heat[-1] if feature.heat else None
    return -(heat or 0.0) * feature.importance


def _newest(snapshot: Snapshot, until: str, setup: Settings) -> int:
    end = pd.Timestamp(until, tz="UTC")
    decided = snapshot.rows[DECIDED_AT]
    return int(((decided < end) & (decided >= end - setup.window_days * DAY)).sum())


def _days(until: str, setup: Settings) -> str:
    first = pd.Timestamp(until, tz="UTC") - setup.window_days * DAY
    return f"the {setup.window_days} days {first:%Y-%m-%d} until {until}"


def _window(until: str, rows: int, setup: Settings) -> Window:
    end = pd.Timestamp(until, tz="UTC")
    return Window(since=f"{end - setup.window_days * DAY:%Y-%m-%d}", until=until, rows=rows)


def _model(champion: Champion) -> Model:
    return Model(
        name=champion.name,
        commit=champion.commit,
        sha256=champion.sha256,
        train_from=f"{champion.windows.train.since:%Y-%m-%d}",
        train_until=f"{champion.windows.train.until:%Y-%m-%d}",
    )


def _events(champion: Champion, earlier: list[Attempt], when: Days) -> list[Event]:
    """What happened on the days that the report shows, oldest first."""
    own = champion.windows
    found = [
        Event(day=f"{own.train.until:%Y-%m-%d}", what="training ends"),
        Event(day=f"{own.holdout.until:%Y-%m-%d}", what="holdout ends"),
        *(Event(day=one.day, what=f"retrain {one.outcome}") for one in earlier),
        *(
            Event(day=f"{one.released:%Y-%m-%d}", what=f"version {one.version} released")
            for one in state.read(state.ref()).versions.values()
        ),
    ]
    return sorted((one for one in found if when.since <= one.day <= when.until), key=lambda one: one.day)
