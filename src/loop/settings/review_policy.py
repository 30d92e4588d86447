"""The policy of a review: `review` of params.yaml. Read by no stage, so an edit reruns nothing.

A check's name is its key here, such as `minimum_requirements.roc_auc`. Every limit carries its reason, which
the report repeats. The review reads the policy from the base branch: the judge does not belong
to the judged.
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from loop.settings.params import Section
from problem import metrics


def _metric(name: str) -> str:
    if name not in metrics.METRICS:
        raise ValueError(f"names `{name}`, no metric", f"one of {', '.join(metrics.METRICS)}")
    return name


MetricName = Annotated[str, AfterValidator(_metric)]


class Limit(Section):
    """How far a figure may go, and why so far."""

    limit: float
    reason: str = Field(min_length=1)


class Margin(Section):
    """A loss up to `margin` is nobody's concern (the non-inferiority margin), and why."""

    margin: float = Field(ge=0)
    reason: str = Field(min_length=1)


class Holdout(Section):
    """What both models must be judged on, or the review is inconclusive."""

    rows_min: int = Field(ge=2)
    clusters_min: int = Field(ge=2)
    shared_min: float = Field(gt=0, le=1)
    reason: str = Field(min_length=1)


class Primary(Margin):
    """The metric that decides."""

    metric: MetricName


class Slices(Margin):
    """How much a single slice may lose in the primary metric; `alpha` is for all slices together."""

    alpha: float = Field(gt=0, lt=1)


class Behaviour(Section):
    """What the model must do whatever its figures are; left out where a problem names none of the kind."""

    invariance: Limit | None = None
    direction: Limit | None = None


class Golden(Limit):
    """How far the score of a golden request may move by a new model; at least `rows_min` of them."""

    rows_min: int = Field(ge=1)


class Fairness(Limit):
    """The largest gap of a metric between two subgroups that have `rows_min` rows or more."""

    metric: MetricName
    rows_min: int = Field(ge=1)


class Jump(Limit):
    """A gain in a metric that is too good to be true."""

    metric: MetricName


class SharedEntities(Limit):
    """The share of holdout rows whose value of a column was in training too."""

    columns: list[str]


class Leak(Section):
    """Signs that the model was told the answer."""

    feature: Limit
    jump: Jump
    shared_rows: Limit
    shared_entities: SharedEntities | None = None


class Policy(Section):
    """`review` of params.yaml, strictly."""

    holdout: Holdout
    primary: Primary
    guards: dict[MetricName, Margin]
    slices: Slices
    minimum_requirements: dict[MetricName, Limit]
    golden: Golden
    behaviour: Behaviour
    fairness: Fairness | None = None
    latency: Limit
    size: Limit
    leak: Leak
