"""Findings written by hand: one of each decision, of a model that was trained on January to April."""

from datetime import date, timedelta
from math import sin

from loop.monitor.schema import (
    Age,
    Breach,
    Cusum,
    Event,
    Feature,
    FeedChange,
    Finding,
    Gain,
    Kpi,
    KpiWeek,
    Model,
    Outcomes,
    Point,
    Signal,
    SliceLoss,
    Statistic,
    Window,
)

TRAINED = date(2013, 5, 1)
NAMES = (
    "mean_delay_3h", "hour", "late_share_3h", "distance_miles", "rain_inches", "visibility_miles",
    "temperature_f", "wind_mph", "pressure_mb", "operator", "destination", "weekday",
)  # fmt: skip
SIZES = {"psi": 0.05, "ks": 0.03, "jensen_shannon": 0.02, "chi_square": 12.0, "missing": 0.01}


def quiet(now: date = date(2013, 7, 2)) -> Finding:
    """Nothing to do: a monitoring run of June, of which the labels of the last two days are not known yet."""
    runs = _weekly(TRAINED + timedelta(28), now)
    return Finding(
        schema_version=3,
        now=f"{now}T06:00:00Z",
        decision="nothing",
        reason="no signal is beyond what past windows differed among themselves",
        since=None,
        todo="nothing",
        runbook="docs/runbooks/nothing.md",
        features_that_matter=[],
        model=Model(
            name="version 1",
            commit="3f9c2a7d" * 5,
            sha256="ab" * 32,
            train_from="2013-01-01",
            train_until=str(TRAINED),
        ),
        source="prediction log",
        primary="log loss",
        inputs=Window(since=str(now - timedelta(28)), until=str(now), rows=26_412),
        matured=Window(since=str(now - timedelta(30)), until=str(now - timedelta(2)), rows=25_804),
        outcomes=outcomes(),
        signals=signals(),
        runs=runs,
        features=[feature(place, runs) for place in range(len(NAMES))],
        curves=curves(now),
        cusum=cusum(now, 0.0),
        kpi=kpi(now),
        gain=None,
        breaches=[],
        events=[
            Event(day="2013-05-01", what="training ended"),
            Event(day="2013-05-03", what="version 1 released"),
        ],
        notes=["The estimate without labels cannot see that the same inputs now mean another outcome."],
    )


def kpi(now: date) -> Kpi:
    """What requests came to in three weeks."""
    ends = [now - timedelta(8 + 7 * place) for place in (2, 1, 0)]
    weeks = [KpiWeek(until=str(end), rows=6_400, value=1204.5, low=1180.25, high=1229.0) for end in ends]
    return Kpi(title="revenue a ride", unit="EUR", weeks=weeks, joined="19,200 counting, 31 late", late=31)


def warning() -> Finding:
    """Inputs moved in a feature that the model hardly uses."""
    found = quiet()
    moved = feature(6, found.runs, 1.7)
    return found.model_copy(
        update={
            "decision": "warning",
            "reason": "temperature_f moved beyond its limit in 2 of the last 3 runs; the loss did not",
            "since": "2013-06-18",
            "todo": "look again next week; there is nothing to do now",
            "runbook": "docs/runbooks/warning.md",
            "features_that_matter": ["temperature_f"],
            "features": [moved if one.name == moved.name else one for one in found.features],
            "signals": signals(inputs=2.0),
        }
    )


def retrain() -> Finding:
    """August: the labels that came say that the model expects too much, and a retrain would have helped."""
    now = date(2013, 9, 3)
    found = quiet(now)
    features = [feature(place, found.runs, 1.6 if place in (0, 2, 6) else 0.0) for place in range(12)]
    return found.model_copy(
        update={
            "decision": "retrain",
            "reason": "calibration bias is beyond its limit in 2 of the last 3 runs, and a retrain on all "
            "rows until 2013-08-31 would have gained 0.0180 of log loss, its interval above zero",
            "since": "2013-08-20",
            "todo": "review the pull request that moves the training window; a person merges it",
            "runbook": "docs/runbooks/retrain.md",
            "features_that_matter": ["mean_delay_3h", "late_share_3h", "temperature_f"],
            "features": features,
            "signals": signals(inputs=1.6, loss=1.2, bias=1.25),
            "curves": curves(now, hurt=date(2013, 8, 6)),
            "cusum": cusum(now, 0.05),
            "gain": Gain(
                value=0.018,
                low=0.009,
                high=0.026,
                confidence=0.9,
                rows=25_804,
                train_from="2013-01-01",
                train_until="2013-08-04",
                champion=0.4312,
                challenger=0.4132,
            ),
            "events": [*found.events, Event(day="2013-06-18", what="retrain proposed, refused by the gate")],
        }
    )


def alert() -> Finding:
    """What a retrain does not fix: the loss left everything known, and a new model would not be better."""
    found = retrain()
    gain = found.gain.model_copy(update={"value": 0.001, "low": -0.006, "high": 0.008, "challenger": 0.4302})
    return found.model_copy(
        update={
            "decision": "alert",
            "reason": "log loss is far beyond its limit, and a retrain would not help",
            "todo": "roll back with `loop rollback`, then find out which input changed its meaning",
            "runbook": "docs/runbooks/alert.md",
            "gain": gain,
            "signals": signals(inputs=1.6, loss=4.2, bias=2.4),
        }
    )


def loss() -> Finding:
    """Labels of one group say the other thing: the loss rose there, and a retrain would not help."""
    return alert().model_copy(
        update={
            "decision": "loss",
            "reason": "log loss: beyond past windows, but nothing certain is to be gained",
            "todo": "find which rows lose, in the report",
            "runbook": "docs/runbook/loss.md",
            "slices": [
                SliceLoss(feature="operator", value="UA", rows=4_711, before=0.391, after=0.874, p=0.0),
                SliceLoss(
                    feature="distance_miles",
                    value="1089 to 1400",
                    rows=5_102,
                    before=0.4,
                    after=0.512,
                    p=0.0002,
                ),
            ],
        }
    )


def suspected_feed_fault() -> Finding:
    """A sensor in another unit, and a change that a person has explained."""
    days = [str(date(2013, 4, 5) + timedelta(place)) for place in range(88)]
    return quiet().model_copy(
        update={
            "decision": "suspected feed fault",
            "reason": "the feed changed: weather.temperature_f, since 2013-06-03: the level: was a median "
            "of 66, is a median of 19; with it dewpoint_f",
            "since": "2013-06-03",
            "todo": "ask the owner of the feed what changed that day",
            "runbook": "docs/runbook/suspected-feed-fault.md",
            "changes": [
                FeedChange(
                    place="weather.temperature_f",
                    since="2013-06-03",
                    what="the level",
                    before="a median of 66",
                    after="a median of 19",
                    others=["dewpoint_f"],
                    size=7.2,
                    summary="weather.temperature_f, since 2013-06-03: the level: was a median of 66, "
                    "is a median of 19; with it dewpoint_f",
                    accepted=None,
                    days=days,
                    values=[0.2 * sin(place) - 3.0 * (place > 59) for place in range(len(days))],
                ),
                FeedChange(
                    place="orders of shop north",
                    since="2013-05-20",
                    what="rows",
                    before="2 rows a day",
                    after="no rows",
                    others=[],
                    size=1.4,
                    summary="orders of shop north, since 2013-05-20: rows: was 2 rows a day, is no rows",
                    accepted="the partner left",
                    days=days,
                    values=[None if place > 45 else 0.7 for place in range(len(days))],
                ),
            ],
        }
    )


def broken_feed() -> Finding:
    """The newest window breaks the contract of its tables: nothing else was monitored."""
    return no_data().model_copy(
        update={
            "decision": "broken feed",
            "reason": "2 rules of the contract are broken in the rows of 2013-06-25 until 2013-07-02",
            "since": "2013-06-27",
            "todo": "fix the feed; do not retrain on it",
            "runbook": "docs/runbooks/broken-feed.md",
            "inputs": Window(since="2013-06-04", until="2013-07-02", rows=26_412),
            "breaches": [
                Breach(
                    table="weather",
                    rule="in_range(-40, 130)",
                    column="temperature_f",
                    rows=311,
                    examples=["999.0", "-999.0"],
                    todo="ask the source which station sends 999",
                    group="station JFK",
                    since="2013-06-27",
                    before="none of 552 rows",
                    after="311 of 311 rows",
                    where="of station JFK, since 2013-06-27: was none of 552 rows, is 311 of 311 rows",
                ),
                Breach(
                    table="requests",
                    rule="unique",
                    column="request_id",
                    rows=12,
                    examples=["7f3a", "91bc"],
                    todo="load the day again",
                ),
            ],
        }
    )


def no_data() -> Finding:
    """Nothing arrived: no window, no row, no figure."""
    nothing = dict.fromkeys(("inputs", "matured", "outcomes", "cusum", "gain", "since"))
    empty = {key: [] for key in ("signals", "runs", "features", "curves", "events", "notes")}
    return quiet().model_copy(
        update={
            **nothing,
            **empty,
            "decision": "no data",
            "reason": "no prediction of the last 28 days, and 10,000 are asked for",
            "todo": "see whether the prediction log is collected: `loop collect`",
            "runbook": "docs/runbooks/no-data.md",
        }
    )


ALL = {
    "quiet": quiet,
    "warning": warning,
    "retrain": retrain,
    "alert": alert,
    "loss": loss,
    "suspected feed fault": suspected_feed_fault,
    "broken feed": broken_feed,
    "no data": no_data,
}


def outcomes() -> Outcomes:
    """28 days of decisions: of today few labels are known, of the day before most."""
    known = [0.31, 0.93, 0.972, *[0.974] * 25]
    ages = [Age(days=days, rows=940, known=round(940 * share)) for days, share in enumerate(known)]
    rows = sum(age.rows for age in ages)
    kept = sum(age.known for age in ages)
    return Outcomes(
        rows=rows,
        known=kept,
        pending=rows - kept - 637,
        unlabelled=637,
        duplicate_labels=3,
        orphan_labels=0,
        before=0,
        ahead=0,
        delay_hours_median=4.6,
        delay_hours_99=21.5,
        ages=ages,
    )


def feature(place: int, runs: list[str], heat: float = 0.0) -> Feature:
    """One of NAMES; where `heat` is above 1, its last runs rise to so many limits."""
    alarm = heat > 1
    calm = [round(0.15 + 0.1 * ((place * 7 + run * 3) % 5), 3) for run in range(len(runs))]
    rising = [heat * part for part in (0.5, 0.8, 1.0)] if alarm else []
    report = [*calm[: len(calm) - len(rising)], *rising]
    return Feature(
        name=NAMES[place],
        importance=round(0.3 * 0.72**place, 4),
        p=0.0004 if alarm else 0.41,
        alarm=alarm,
        since=runs[-2] if alarm else None,
        statistics=[
            Statistic(name=name, value=limit * report[-1], limit=limit, p=None)
            for name, limit in SIZES.items()
        ],
        heat=list(report),
    )


def signals(*, inputs: float = 0.4, loss: float = 0.6, bias: float = 0.5) -> list[Signal]:
    """Every signal, each at so many times its limit."""
    return [
        _signal(
            "inputs",
            "features",
            "share of permutation importance of features beyond their limit",
            0.2 * inputs,
            0.2,
        ),
        _signal(
            "inputs", "dependence", "change of the correlations among features", 0.05 * inputs * 0.8, 0.05
        ),
        _signal("predictions", "score", "PSI of the score", 0.021, 0.06),
        _signal("predictions", "decision", "change of the share of decisions", 0.011, 0.04),
        _signal("predictions", "expected_loss", "log loss to expect from the scores", 0.401, 0.45, 0.01),
        _signal("concept", "loss", "log loss", 0.4312 if loss > 1 else 0.39, 0.42, 0.012),
        _signal("concept", "bias", "calibration bias", 0.035 * bias, 0.035, 0.008),
        _signal("concept", "cusum", "sum of daily excess loss", 0.9 * loss, 0.9),
    ]


def curves(now: date, hurt: date | None = None) -> list[Point]:
    """A point a week: the past from March on, then what is watched; the loss rises after `hurt`."""
    return [_point(day, hurt) for day in _weekly(date(2013, 3, 5), now)]


def cusum(now: date, excess: float) -> Cusum:
    """A value per day since training ended: it rises by `excess` a day in the last three weeks."""
    days = [str(TRAINED + timedelta(i)) for i in range((now - TRAINED).days - 2)]
    ripple = [0.05 * ((i * 13) % 7) / 7 for i in range(len(days))]
    late = len(days) - 25
    return Cusum(days=days, path=[r + max(0, i - late) * excess for i, r in enumerate(ripple)], limit=0.9)


def _weekly(first: date, now: date) -> list[str]:
    """Days a week apart, the last one `now`, the first not before `first`."""
    weeks = (now - first).days // 7
    return [str(now - timedelta(7 * back)) for back in range(weeks, -1, -1)]


def _point(until: str, hurt: date | None) -> Point:
    day = date.fromisoformat(until)
    wave = 0.009 * sin(day.toordinal() / 19) + 0.004 * sin(day.toordinal() / 4)
    rise = 0.012 * max(0, (day - hurt).days // 7) if hurt else 0.0
    loss, bias, score = 0.4 + wave + rise / 2, wave / 2 + rise, 0.23 + wave
    return Point(
        until=until,
        baseline=day <= TRAINED,
        rows=26_000,
        loss=loss,
        loss_low=loss - 0.013,
        loss_high=loss + 0.013,
        bias=bias,
        bias_low=bias - 0.009,
        bias_high=bias + 0.009,
        estimate=0.398 + wave,
        estimate_low=0.39 + wave,
        estimate_high=0.406 + wave,
        score_mean=score,
        decision_share=score - 0.09,
        label_mean=score - bias,
    )


def _signal(
    kind: str, name: str, title: str, value: float, limit: float, half: float | None = None
) -> Signal:
    alarm = value > limit
    return Signal(
        kind=kind,
        name=name,
        title=title,
        value=value,
        low=None if half is None else value - half,
        high=None if half is None else value + half,
        limit=limit,
        p=None,
        alarm=alarm,
        confirmed=alarm,
        since="2013-08-20" if alarm else None,
        summary=f"{title} is {value:.4f}, and past windows stay below {limit:.4f}",
    )
