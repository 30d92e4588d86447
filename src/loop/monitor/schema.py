"""What a monitoring run at production found, as plain values: `monitor/finding.json`.

The reports and the retrain are functions of this file alone. Its texts come from data and branch
names: hostile until escaped. Days and instants are ISO 8601 texts in UTC.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

FOLDER = Path("monitor")
FINDING = FOLDER / "finding.json"

Decision = Literal[
    "nothing", "warning", "loss", "retrain", "alert", "broken feed", "suspected feed fault", "no data"
]
SCHEMA_VERSION: Literal[3] = 3
Kind = Literal["inputs", "predictions", "concept"]


class Part(BaseModel):
    """A part of the finding: unknown keys, wrong types and numbers that are none are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Model(Part):
    """The champion, and what it was trained on: [train_from, train_until)."""

    name: str  # "version 3"; before the first release the branch whose model it is
    commit: str
    sha256: str
    train_from: str
    train_until: str


class Window(Part):
    """Decisions in [since, until), whole days of UTC, and how many rows they are."""

    since: str
    until: str
    rows: int


class Age(Part):
    """Of the decisions that are `days` days old: how many there are, and of how many the label is known."""

    days: int
    rows: int
    known: int


class Outcomes(Part):
    """The newest decisions and their labels, as known at `now`; what is odd of them is counted, not used.

    pending: the label may still come. unlabelled: it did not come in time, and the row leaves every figure.
    """

    rows: int
    known: int
    pending: int
    unlabelled: int
    duplicate_labels: int  # labels that came again: the first counts
    orphan_labels: int  # labels for no prediction
    before: int  # labels known before their decision: a clock is wrong
    ahead: int  # decisions after `now`: a clock is wrong
    delay_hours_median: float | None
    delay_hours_99: float | None
    ages: list[Age]


class Statistic(Part):
    """One measure of how far a feature moved, beside the value that past windows stay below."""

    name: str  # psi, ks, jensen_shannon, chi_square, missing
    value: float | None
    limit: float | None
    p: float | None


class Feature(Part):
    """A feature in the newest window, its measures beside their limits."""

    name: str
    importance: float  # permutation importance: its share of all features', 0 to 1
    p: float | None  # corrected over features, weighed by importance
    alarm: bool
    since: str | None  # first day of the runs in a row that alarm
    statistics: list[Statistic]
    heat: list[float | None]  # PSI over its limit, for each of Finding.runs


class Signal(Part):
    """One thing that is watched: its newest value beside its limit, and since which run it alarms."""

    kind: Kind
    name: str
    title: str
    value: float | None
    low: float | None
    high: float | None
    limit: float | None
    p: float | None
    alarm: bool  # at the newest run
    confirmed: bool = False  # and so do enough of the last runs (monitor.hysteresis)
    since: str | None  # first day of the runs in a row that alarm
    summary: str  # one sentence with the numbers


class Point(Part):
    """A monitoring run: metrics of its newest window with final labels, intervals by days, the estimate."""

    until: str
    baseline: bool  # of the past that limits come from, not of what is watched
    rows: int
    loss: float | None
    loss_low: float | None
    loss_high: float | None
    bias: float | None
    bias_low: float | None
    bias_high: float | None
    estimate: float | None  # expected loss without labels
    estimate_low: float | None
    estimate_high: float | None
    score_mean: float | None
    decision_share: float | None
    label_mean: float | None


class Cusum(Part):
    """The path of the sum of daily excess loss, a value per day; it alarms above `limit`."""

    days: list[str]
    path: list[float | None]
    limit: float | None


class Gain(Part):
    """What a retrain would have gained in the primary metric on the newest matured rows."""

    value: float
    low: float
    high: float
    confidence: float
    rows: int
    train_from: str
    train_until: str
    champion: float
    challenger: float


class SliceLoss(Part):
    """A slice of a feature whose loss rose beside that of all other rows; what costs most comes first."""

    feature: str
    value: str  # a category, a part of the numbers, "no value"
    rows: int  # in the newest window with final labels
    before: float | None  # mean loss of the baseline
    after: float | None
    p: float | None  # corrected for all slices that were asked


class SliceDrift(Part):
    """A slice of the problem's cuts in which a column moved that did not over all rows; the surest first."""

    cut: str
    value: str
    column: str  # a feature, or score
    rows: int  # in the newest window
    distance: str  # of the five the one that is least like the past
    far: float | None  # by that distance
    limit: float | None  # of it
    p: float | None  # corrected for all slices and columns that were asked


class SubgroupGap(Part):
    """Of one cut the two subgroups that lie furthest apart, with an interval that holds for all its pairs."""

    cut: str
    metric: str  # its title
    least: str
    most: str
    rows: int  # of the smaller one, in the newest window with final labels
    value: float  # the metric of `most` less that of `least`
    low: float
    high: float
    limit: float  # review.fairness
    alarm: bool  # even the low end is beyond the limit


class KpiWeek(Part):
    """Requests decided in the seven days before `until` and what they came to, with an interval by days."""

    until: str
    rows: int
    value: float | None  # the mean of a request
    low: float | None
    high: float | None


class Kpi(Part):
    """What requests came to week by week, oldest first, and what is odd of it; it decides nothing."""

    title: str
    unit: str
    weeks: list[KpiWeek]
    joined: str  # how many requests count, and how many do not, each with its reason
    late: int  # outcomes that came after they were final
    fault: str = ""  # why there is none


class Event(Part):
    """Something that happened, and the day: training ended, a release, a retrain proposed."""

    day: str
    what: str


class Breach(Part):
    """A broken rule of the feed's contract, and where it began, where that is known."""

    table: str
    rule: str
    column: str
    rows: int
    examples: list[str]
    todo: str
    group: str = ""  # column and value of the rows that break it
    since: str = ""
    before: str = ""  # how many rows of the group broke it before that day; empty where it was so before
    after: str = ""
    where: str = ""  # group and day, was and is, in one line


class FeedChange(Part):
    """What changed in the feed from one day to the next; `accepted` is why a person let it stand."""

    place: str  # table, column, group
    since: str
    what: str
    before: str
    after: str
    others: list[str]  # columns that changed with it
    size: float  # in times of its limit
    summary: str  # one line
    accepted: str | None
    days: list[str]  # of `values`, the measure's, oldest first
    values: list[float | None]


class Finding(Part):
    """A decision with all that speaks for it; of a broken feed there are no figures."""

    schema_version: Literal[3]  # SCHEMA_VERSION
    now: str
    decision: Decision
    reason: str
    since: str | None  # first day of it
    todo: str
    runbook: str  # path of the runbook's page
    features_that_matter: list[str] = []  # three at most
    model: Model
    source: str = ""  # "prediction log" or "scored in batch"
    primary: str  # title of the primary metric
    inputs: Window | None = None
    matured: Window | None = None
    outcomes: Outcomes | None = None
    signals: list[Signal] = []
    runs: list[str]  # the last day of each run, oldest first: the heat map's columns
    features: list[Feature] = []  # most important first
    curves: list[Point] = []
    cusum: Cusum | None = None
    slices: list[SliceLoss] = []
    drifted: list[SliceDrift] = []
    subgroups: list[SubgroupGap] = []
    kpi: Kpi | None = None
    gain: Gain | None
    breaches: list[Breach]
    changes: list[FeedChange] = []
    events: list[Event]
    notes: list[str] = []
