"""`loop replay`: a year lived in minutes in a scratch clone, week by week, as if nothing later were known.

Every week `loop monitor` runs; where it says so, `loop retrain` makes the branch, and a rule in place of a
person merges what its review let pass. Beside it two others live through the same days: the first champion,
never replaced, and one that is retrained each month whatever happened.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from loop.base import files
from loop.base.errors import LoopError
from loop.data.features import DECIDED_AT
from loop.kit.types import Array
from loop.monitor.inputs import champion_model as champions
from loop.monitor.inputs import feed
from loop.monitor.inputs.champion_model import Champion
from loop.monitor.schema import FINDING
from loop.replay.scratch import Scratch, scratch
from loop.repo.git import git
from loop.settings import params, retrain_windows
from loop.settings.monitor_settings import Settings
from loop.settings.params import Windows
from loop.settings.paths import PARAMS
from problem import metrics, source

DAY = pd.Timedelta(days=1)
LIVES = ("frozen", "monthly", "loop")  # who lives through the same days
ENDS = (0, 3, 4, 5)  # of `loop monitor`: a decision, whichever


@dataclass(frozen=True)
class Week:
    """A run: the decision and its reason, and what became of a retrain (merged, refused, or none)."""

    now: str
    decision: str
    reason: str
    since: str | None
    gain: float | None
    retrain: str | None
    commit: str  # of the champion from this run on


@dataclass(frozen=True)
class Story:
    """What was lived: the weeks, the days of the monthly retrains, and the loss of each row."""

    weeks: list[Week]
    monthly: list[str]
    rows: pd.DataFrame = field(repr=False)  # decided_at, and the loss of each of LIVES


def main(since: pd.Timestamp | None, until: pd.Timestamp, judged_from: str | None, to: Path) -> int:
    """Live, then write replay.json, replay.md and replay.svg into the folder `to`."""
    from loop.replay import replay_report

    os.chdir(git("rev-parse", "--show-toplevel"))
    resampling = params.section("evaluate", params.Resampling)
    story = live(Path.cwd(), since, until, lambda text: print(text, flush=True))
    found = replay_report.record(story, judged_from or story.weeks[0].now, resampling)
    files.write_json(to / "replay.json", found)
    files.write_text(to / "replay.md", replay_report.table(found))
    files.write_text(to / "replay.svg", replay_report.draw(found))
    print(replay_report.table(found))
    print(f"  figure      {to}/replay.svg; table {to}/replay.md; record {to}/replay.json")
    return 0


def live(here: Path, since: pd.Timestamp | None, until: pd.Timestamp, report: Callable[[str], None]) -> Story:
    """Live from `since` (UTC; the newest instant of params.yaml if None) until `until`, a run at each step.

    Raises LoopError when a command fails.
    """
    with scratch(here) as place:
        start = _begin(place, since, report)
        setup = params.section("monitor", Settings, place.path / PARAMS)
        first = place.git("rev-parse", "HEAD")
        runs = list(pd.date_range(start, until, freq=f"{setup.step_days}D", inclusive="left"))
        if not runs:
            raise LoopError(
                f"--until {until:%Y-%m-%d} is no day after {start:%Y-%m-%d}",
                "an end after the first run",
                "end it later, or begin earlier by --since",
            )
        weeks = [_week(place, now, report) for now in runs]
        return Story(weeks, *_losses(place, first, weeks, until, setup))


def _begin(place: Scratch, since: pd.Timestamp | None, report: Callable[[str], None]) -> pd.Timestamp:
    """The first run; where it lies before the champion's own time, the champion is one of that day."""
    own = params.section("windows", Windows, place.path / PARAMS)
    if since is None or since >= own.as_of:
        return (since or own.as_of).ceil("D")
    setup = params.section("monitor", Settings, place.path / PARAMS)
    until = (since - setup.wait_days * DAY).floor("D")
    split = until - setup.window_days * DAY
    values = {
        "since": own.since,
        "train": {"from": own.train.since, "until": split},
        "holdout": {"from": split, "until": until},
        "as_of": since,
    }
    moved = params.parse("windows", values, Windows)
    path = place.path / PARAMS
    files.write_text(path, retrain_windows.edit(path.read_text(encoding="utf-8"), moved))
    report(f"the first champion is trained on {own.train.since:%Y-%m-%d} until {split:%Y-%m-%d}")
    place.loop("run")
    place.git("add", "--update")
    place.git("commit", "--quiet", "-m", "Start with the champion of that day")
    return since


def _week(place: Scratch, now: pd.Timestamp, report: Callable[[str], None]) -> Week:
    text = f"{now:%Y-%m-%dT%H:%MZ}"
    place.loop("monitor", "--now", text, may_end=ENDS)
    found = json.loads((place.path / FINDING).read_text(encoding="utf-8"))
    became = _retrain(place, now) if found["decision"] == "retrain" else None
    report(f"{now:%Y-%m-%d}  {found['decision']}{f', {became}' if became else ''}: {found['reason']}")
    return Week(
        now=f"{now:%Y-%m-%d}",
        decision=found["decision"],
        reason=found["reason"],
        since=found["since"],
        gain=found["gain"]["value"] if found["gain"] else None,
        retrain=became,
        commit=place.git("rev-parse", "HEAD"),
    )


def _retrain(place: Scratch, now: pd.Timestamp) -> str:
    """Make the retrain, and merge it where its review let it pass: the rule in place of a person."""
    place.loop("retrain")
    name = f"retrain/{now:%Y-%m-%d}"
    if not place.git("for-each-ref", f"refs/heads/{name}"):
        return "refused"
    place.git("merge", "--quiet", "--no-ff", "-m", f"Merge {name}", name)
    return "merged"


def _losses(
    place: Scratch, first: str, weeks: list[Week], until: pd.Timestamp, setup: Settings
) -> tuple[list[str], pd.DataFrame]:
    """The days of the monthly retrains, and the loss of each row by each of LIVES."""
    start = pd.Timestamp(weeks[0].now, tz="UTC")
    with _at(place, first) as champion:
        fed = feed.read(champion.windows.since, until, until + setup.wait_days * DAY, setup.window_days)
        if fed.breaches:
            raise LoopError(
                "the last weeks of the replay break their contract", "a whole feed", "end it earlier"
            )
        rows = fed.examples.merge(fed.labels, on=source.KEY, how="inner", validate="1:1")
        lived = rows[rows[DECIDED_AT] >= start].reset_index(drop=True)
        scores = {"frozen": champion.score(lived)}
        days, scores["monthly"] = _monthly(champion, rows, lived, weeks, setup)
        scores["loop"] = np.empty_like(scores["frozen"])
    for rows_of, served in _served(place, lived, weeks):
        scores["loop"][rows_of] = served
    metric = metrics.METRICS[metrics.PRIMARY]
    of_rows = metric.rows
    if of_rows is None:
        raise LoopError(
            f"{metric.title} is no mean of rows", "a primary metric that is one", "choose another"
        )
    label = lived["label"].to_numpy(np.float64)
    losses = {name: of_rows(label, scores[name]) for name in LIVES}
    return days, lived[[DECIDED_AT]].assign(**losses)


def _monthly(
    champion: Champion, rows: pd.DataFrame, lived: pd.DataFrame, weeks: list[Week], setup: Settings
) -> tuple[list[str], Array]:
    """The blind one: at the first run of each month that day's retrain, whatever it is worth."""
    scores, days = champion.score(lived).copy(), []
    done_months: set[str] = set()
    for week in weeks:
        now = pd.Timestamp(week.now, tz="UTC")
        month = week.now[:7]
        if month in done_months:
            continue
        done_months.add(month)
        try:
            moved = retrain_windows.at(now, setup, champion.windows)
        except LoopError:
            continue  # it would learn nothing new
        decided = rows[DECIDED_AT]
        train = rows[
            (decided >= moved.train.since)
            & (decided < moved.train.until)
            & (rows["label_known_at"] <= moved.train.until)
        ]
        later = (lived[DECIDED_AT] >= now).to_numpy()
        scores[later] = champion.refit(train, lived[later])
        days.append(week.now)
    return days, scores


def _served(place: Scratch, lived: pd.DataFrame, weeks: list[Week]) -> Iterator[tuple[Array, Array]]:
    """What served: each champion's scores, and a mask of their rows, from its merge to the next one's."""
    before = [None, *(week.commit for week in weeks)]
    changes = [week for was, week in zip(before, weeks, strict=False) if week.commit != was]
    starts = [pd.Timestamp(week.now, tz="UTC") for week in changes]
    ends = [*starts[1:], lived[DECIDED_AT].max() + DAY]
    for week, start, end in zip(changes, starts, ends, strict=True):
        inside = ((lived[DECIDED_AT] >= start) & (lived[DECIDED_AT] < end)).to_numpy()
        with _at(place, week.commit) as champion:
            yield inside, champion.score(lived[inside])


def _at(place: Scratch, commit: str) -> AbstractContextManager[Champion]:
    return champions.of("replay", commit, place.path)
