"""The types of a problem: what its five files give to the machinery."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:  # a server without views, and what reads a verdict, need no ibis
    import ibis.expr.types as ir

Array = np.ndarray
Tables = Mapping[str, "ir.Table"]
RawTable = pd.DataFrame | Iterable[pd.DataFrame]  # whole, or its parts one below the other, read one by one
DECIDED_AT, KNOWN_AT = "decided_at", "label_known_at"  # when a request is decided, and its label is known
ROW_WEIGHT = "row_weight"  # beside a label: how much its row counts


@dataclass(frozen=True)
class View:
    """Features of an entity as a change log.

    `expression` turns the raw tables into a table of the entity's columns, `known_at` and `features`
    (numbers), at most one row per entity and instant. A row older than `ttl` at a decision counts as missing.
    `age` names a feature that holds the row's age in hours; `ranges` says of features how small and large
    they may be. `ahead` says that the log tells of instants to come too: of what will have left a window.
    """

    name: str
    entity: tuple[str, ...]
    features: tuple[str, ...]
    ttl: pd.Timedelta
    expression: Callable[[Tables], "ir.Table"]
    age: str | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    ahead: bool = False


@dataclass(frozen=True)
class Repair:
    """A known fault and its repair: a table in, the same table fixed.

    It looks only at a row and at rows known before it: one that looked ahead would leak the future.
    """

    name: str
    table: str
    why: str
    fix: Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Rule:
    """What one table's contract cannot see: rows that are absent, or that another table must have.

    `offenders` holds one value per offending thing: a day, a key, a name.
    """

    name: str
    table: str
    column: str
    todo: str
    offenders: pd.Series


@dataclass(frozen=True)
class Metric:
    """A mean of rows, or a built-in; `better` says which way is better (zero: nearer to zero).

    `rows(label, score)` gives one number or one row of numbers per example; with classes a label is the place
    of its class, and scores are (rows, classes). `value` turns their means, shape (..., k), into the metric:
    any weighting of days then costs one product of matrices. "roc_auc" is built in, because it compares
    pairs of rows; it is not for classes.
    """

    title: str
    better: Literal["higher", "lower", "zero"]
    rows: Callable[[Array, Array], Array] | None = None
    value: Callable[[Array], Array] | None = None
    builtin: Literal["roc_auc"] | None = None


@dataclass(frozen=True)
class Behaviour:
    """What becomes of the scores when `change` is done to the examples, all else kept.

    With classes, `of` names the one whose score is to be not lower or not higher.
    """

    title: str
    expects: Literal["the same", "not lower", "not higher"]
    change: Callable[[pd.DataFrame], pd.DataFrame]
    of: str | None = None


@dataclass(frozen=True)
class BusinessMetric:
    """What decisions cost, as a mean of rows: `rows(label, score, decision)` gives one number per row.

    With classes a decision is the place of the likeliest one.
    """

    title: str
    better: Literal["higher", "lower"]
    rows: Callable[[Array, Array, Array], Array]


@dataclass(frozen=True)
class Kpi:
    """What a request that was answered came to in money or counts, in `unit`, known some time later.

    `outcomes(since, until, as_of)` gives what was known at `as_of` of decisions in [since, until), all UTC: a
    row each, with `request_id` or else the columns of KEY, `value` and `known_at`. A value is final
    `final_after` its decision; a request that has none by then counts as `without`, or not at all where that
    is None.
    """

    title: str
    unit: str
    better: Literal["higher", "lower"]
    outcomes: Callable[[pd.Timestamp, pd.Timestamp, pd.Timestamp], pd.DataFrame]
    final_after: pd.Timedelta
    without: float | None = None
