"""One look at production as of an instant: every figure that the decision and the report are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from loop import params, settings
from loop.errors import LoopError
from loop.features import DECIDED_AT
from loop.monitor import (
    backtest,
    drift,
    estimate,
    harm,
    outcomes,
    performance,
    reference,
    served,
    use,
    windows,
)
from loop.monitor.champion import Champion
from loop.monitor.drift import Drift
from loop.monitor.feed import Feed
from loop.monitor.finding import Gain, Point
from loop.monitor.outcomes import Joined
from loop.monitor.performance import Daily, Performance, Windowed
from loop.monitor.series import Series
from loop.params import Windows
from loop.reference import personal
from loop.stats import thresholds
from loop.watch import Settings
from problem import schema, source

DAY = pd.Timedelta(days=1)
LOOKS_MAX = 60


@dataclass(frozen=True)
class Days:
    """The days that are looked at: all from `since`, limits from those before `reference`, until `until`.

    `looks` are the days that windows of inputs end before, oldest first; `ends` those of matured labels,
    which lag behind by the time that labels take.
    """

    since: str
    reference: str
    until: str
    looks: list[str]
    ends: list[str]


@dataclass(frozen=True)
class Look:
    """What was seen, before anything is decided."""

    days: Days
    rows: pd.DataFrame  # of every request: features, score, decision, label
    matured: pd.DataFrame
    joined: Joined
    drift: Drift
    stuck: list[str]
    performance: Performance
    points: list[Point]
    series: list[Series]
    minima: list[str]
    source: str
    notes: list[str] = field(default_factory=list)


def days(champion: Champion, now: pd.Timestamp, setup: Settings) -> Days:
    """Whole days of UTC up to `now`. Raises LoopError where the champion was not even judged yet."""
    own, until = champion.windows, now.floor("D")
    if until < own.holdout.until:
        raise LoopError(
            f"--now {now:%Y-%m-%d %H:%MZ}: the champion's holdout ended on {own.holdout.until:%Y-%m-%d}",
            "an instant after the champion was trained and judged",
            f"--now {own.as_of:%Y-%m-%d} or later",
        )
    first = own.train.since.ceil("D")
    past = (own.holdout.until - first) / (setup.window_days * DAY)
    if past < thresholds.FEWEST:
        raise LoopError(
            f"the champion's train and holdout hold {past:.1f} windows of {setup.window_days} days",
            f"at least {thresholds.FEWEST}, to see how windows differ among themselves",
            "choose a shorter monitor.window_days in params.yaml",
        )
    count = min(LOOKS_MAX, max(setup.hysteresis.of, (until - own.holdout.until).days // setup.step_days + 1))
    looks = [until - place * setup.step_days * DAY for place in reversed(range(count))]
    looks = [look for look in looks if look - setup.window_days * DAY >= first]
    wait = setup.wait_days * DAY
    ends = [(look - wait).floor("D") for look in looks]
    named = [[f"{day:%Y-%m-%d}" for day in part] for part in (looks, ends)]
    return Days(f"{first:%Y-%m-%d}", f"{own.holdout.until:%Y-%m-%d}", f"{until:%Y-%m-%d}", *named)


def look(champion: Champion, fed: Feed, folders: Sequence[Path], now: pd.Timestamp, setup: Settings) -> Look:
    """Everything that is known at `now` of the champion's inputs, scores and labels."""
    when = days(champion, now, setup)
    rows, joined, told, notes = scored(champion, fed, folders, now, setup)
    features = model_columns(rows, logged=told == served.LOG)
    weights = use.use(champion, rows[rows[DECIDED_AT] < _at(when.reference)], features, setup.seed)
    used = {name: share for name, share in weights.items() if share > 0}
    profile = drift.profiled(rows, when.reference, list(used))
    moved = drift.drift(profile, when.reference, when.looks, used, setup)
    stuck = [name for name in moved.stuck if _is_stuck(rows[name], rows[DECIDED_AT], when, setup)]
    matured = rows[rows["label"].notna()]
    daily = performance.daily(matured, when.since, max(when.ends[-1], when.reference))
    concept = performance.performance(daily, when.reference, when.ends, setup)
    expected, more = _expected(rows, when, setup)
    series = [*moved.series(), *([expected] if expected else []), *concept.series]
    return Look(
        days=when,
        rows=rows,
        matured=matured,
        joined=joined,
        drift=moved,
        stuck=stuck,
        performance=concept,
        points=_points(rows, daily, when, setup, more),
        series=series,
        minima=harm.broken_minima(_window(matured, when.ends[-1], setup), setup),
        source=told,
        notes=notes,
    )


def expected_gain(champion: Champion, fed: Feed, now: pd.Timestamp, setup: Settings) -> Gain | None:
    """What a retrain at `now` would have gained; None where it would learn nothing new.

    From the source's rows, as a retrain has them, whatever the log holds.
    """
    try:
        moved = windows.at(now, setup, champion.windows)
    except LoopError:
        return None
    resampling = params.section("evaluate", params.Resampling)
    labels = outcomes.known(fed.labels, now).drop_duplicates(source.KEY)
    labelled = fed.examples.merge(labels, on=source.KEY, how="inner", validate="1:1")
    return backtest.gain(champion, labelled, moved, setup, resampling)


def scored(
    champion: Champion, fed: Feed, folders: Sequence[Path], now: pd.Timestamp, setup: Settings
) -> tuple[pd.DataFrame, Joined, str, list[str]]:
    """All requests with score, decision and label: training rows out of fold, the others as answered."""
    own, threshold = champion.windows, settings.params().threshold
    train, later = _split(fed, own)
    told, notes = served.BATCH, []
    answered, again = served.of_log(folders, champion, own.holdout.until, now)
    if len(answered):
        told = served.LOG
        later = later[later[DECIDED_AT] < answered[DECIDED_AT].min()]
        notes += [f"{again:,} predictions were asked for again: the first counts"] if again else []
    folds = reference.scores(champion, train, setup.window_days)
    known = served.with_decision(train.assign(score=folds), threshold)
    batch = served.in_batch(champion, later, threshold)
    answered = served.with_decision(answered, threshold) if len(answered) else answered
    others = fed.labels.merge(train[source.KEY], on=source.KEY, how="left", indicator="of")
    others = others[others.pop("of") == "left_only"]
    joined = outcomes.join(pd.concat([batch, answered], ignore_index=True), others, now, setup)
    matured = joined.matured()
    final = joined.rows.assign(label=joined.rows["label"].where(joined.rows.index.isin(matured.index)))
    return pd.concat([known, final], ignore_index=True), joined, told, notes


def _is_stuck(values: pd.Series, at: pd.Series, when: Days, setup: Settings) -> bool:
    """Whether what lies in one bin is one value indeed, or none: a bin may be wide."""
    newest = values[at >= _at(when.until) - setup.step_days * DAY]
    return bool(newest.value_counts(normalize=True, dropna=False).max() >= drift.STUCK)


def _split(fed: Feed, own: Windows) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the champion was trained on, with labels, and all requests that it never saw.

    A request of the training window whose label was not known by its end is one of those.
    """
    learnt = outcomes.known(fed.labels, own.train.until).drop_duplicates(source.KEY)
    rows = fed.examples.merge(learnt, on=source.KEY, how="left", validate="1:1")
    decided = rows[DECIDED_AT]
    trained = rows["label"].notna() & (decided >= own.train.since) & (decided < own.train.until)
    train = rows[trained].astype({"label": fed.labels["label"].dtype}).reset_index(drop=True)
    return train, fed.examples[~trained.to_numpy()].reset_index(drop=True)


def model_columns(rows: pd.DataFrame, *, logged: bool = False) -> list[str]:
    """The columns of an example that a model may look at: neither times, nor outcome.

    Nor, in the log's rows, what the contract calls personal: the log has dropped or hashed it.
    """
    hidden = {"label", *(personal() if logged else ())}
    told = [name for name, column in schema.EXAMPLE.columns.items() if "datetime" not in str(column.dtype)]
    return [name for name in told if name in rows and name not in hidden]


def _expected(
    rows: pd.DataFrame, when: Days, setup: Settings
) -> tuple[Series | None, tuple[Windowed, ...] | None]:
    """The loss to expect at each look, and that of points: past windows and the looks."""
    past = rows[rows[DECIDED_AT] < _at(when.reference)]
    if not estimate.possible(past):
        return None, None
    model = estimate.Estimate(past, rows, setup.seed)
    days = np.arange(np.datetime64(when.since), np.datetime64(when.until))
    counts = model.daily(rows, days)
    then, at_looks = (
        model.of(counts, _windows(days, ends, setup)) for ends in (_past_ends(when, setup), when.looks)
    )
    independent = (np.datetime64(when.reference) - np.datetime64(when.since)).astype(int) / setup.window_days
    return estimate.series(at_looks, then.value, independent, setup), (then, at_looks)


def _points(
    rows: pd.DataFrame, daily: Daily, when: Days, setup: Settings, expected: tuple[Windowed, ...] | None
) -> list[Point]:
    """A point per past window of the reference, then one per look."""
    told = []
    past = _past_ends(when, setup)
    for is_past, ends, looks in ((True, past, past), (False, when.ends, when.looks)):
        inside = _windows(daily.days, ends, setup)
        loss, bias = (
            performance.windowed(total, daily, inside, setup.seed) for total in (daily.loss, daily.bias)
        )
        guess = None if expected is None else expected[0 if is_past else 1]
        for place, (end, upto) in enumerate(zip(ends, looks, strict=True)):
            window = _window(rows, upto, setup)
            told.append(
                Point(
                    until=upto,
                    reference=is_past,
                    rows=int((inside[place] * daily.rows).sum()),
                    **_three("loss", loss, place),
                    **_three("bias", bias, place),
                    **_three("estimate", guess, place),
                    score_mean=_mean(window["score"]),
                    decision_share=_mean(window["decision"] == "yes") if "decision" in window else None,
                    label_mean=_mean(_window(rows, end, setup)["label"].dropna()),
                )
            )
    return told


def _three(name: str, found: Windowed | None, place: int) -> dict[str, float | None]:
    if found is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    values = zip((name, f"{name}_low", f"{name}_high"), (found.value, found.low, found.high), strict=True)
    return {key: _number(float(value[place])) for key, value in values}


def _past_ends(when: Days, setup: Settings) -> list[str]:
    first = np.datetime64(when.since) + setup.window_days
    return [str(day) for day in np.arange(first, np.datetime64(when.reference) + 1, setup.step_days)]


def _windows(days: np.ndarray, ends: list[str], setup: Settings) -> np.ndarray:
    end = np.array(ends, "datetime64[D]")[:, None]
    return np.asarray((days < end) & (days >= end - setup.window_days))


def _window(rows: pd.DataFrame, until: str, setup: Settings) -> pd.DataFrame:
    at = rows[DECIDED_AT]
    return rows[(at < _at(until)) & (at >= _at(until) - setup.window_days * DAY)]


def _at(day: str) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC")


def _mean(values: pd.Series) -> float | None:
    return _number(float(values.mean())) if len(values) else None


def _number(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
