"""Numbers of params.yaml from the data: windows, limits of what arrives, and a policy that is cautious.

What only calibration can tell (how far honest models differ) is set so that little passes unseen, and its
reason says so.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loop.base.errors import LoopError
from loop.data import row_weights
from loop.init import column_kinds, data_windows, first_model
from loop.init.column_kinds import Column
from loop.init.guessed import Guess
from loop.init.row_values import decided_at, truth, weights
from loop.init.which_time import unit
from loop.kit import rules
from loop.stats import label_order

DAY = pd.Timedelta(days=1)
TRAIN_MIN, HOLDOUT_MIN = 20, 5  # rows below which nothing can be said of a model
MOSTLY = 0.5  # share of a window that is missing, from which on its column was not there yet
OTHERS, FEW_OTHERS = 0.01, 3  # share, and rows of a monitoring run, that may hold a value that is not listed


@dataclass(frozen=True)
class Numbers:
    """What the templates fill in."""

    since: pd.Timestamp
    split: pd.Timestamp
    until: pd.Timestamp
    as_of: pd.Timestamp
    rows: int
    train_rows: int
    holdout_rows: int
    per_day_min: int
    short_days_max: int
    unlabelled_max: float
    nulls: dict[str, float]
    others: float  # share of rows that may hold a value that is not listed
    cluster: str
    clusters_min: int
    model: dict[str, float]
    linear: bool
    squared: bool  # the root of squared errors decides, and no absolute ones
    middle: bool  # the model says the middle of like rows, which few large ones do not move
    guess_loss: float
    naive_loss: float
    margin: float
    row_margin: float  # the same of the loss that each row has
    spread: float
    mean: float
    final_after_days: float
    window_days: int
    step_days: int
    alone: str  # what tells most of the label alone, and the share of pairs of rows that it puts in order
    order: float
    monitor_rows: int


def numbers(found: Guess) -> Numbers:
    """All numbers of a problem as it is understood."""
    decided = decided_at(found)
    since = decided.min().floor("D")
    until = data_windows.end(found, decided.max())
    label = truth(found)
    labelled = decided[label.notna()]
    split = data_windows.split(labelled, since, data_windows.end(found, labelled.max()))
    if found.time and unit(found.time) > 7 * DAY:  # as a person would: where a month or a year begins
        split = decided[decided >= split].min().floor("D")
    known = found.columns[found.known].values if found.known else decided + found.after
    fine = data_windows.fineness(known) if found.known or until != until.floor("D") else "D"
    as_of = max(until, known[label.notna()].max().ceil(fine))
    holdout, train = label[decided >= split].dropna(), label[known <= split].dropna()
    if train.nunique() < 2 or len(train) < TRAIN_MIN or len(holdout) < HOLDOUT_MIN:
        known_by = f" whose label was known by {split:%Y-%m-%d}" if found.time else ""
        raise LoopError(
            f"{found.data.path}: {len(train):,} rows{known_by} train, of {train.nunique()} different labels; "
            f"{len(holdout):,} {'later' if found.time else 'other'} ones judge",
            f"two different labels or more and {TRAIN_MIN} rows to learn from, {HOLDOUT_MIN} to judge by",
            "take more rows; say with --label-after how soon labels are known; or say --time none"
            if found.time
            else "take more rows",
        )
    per_day = rules.per_day(decided, since, until)
    quiet = rules.per_day(decided, since, as_of)  # and until the last label came
    dense = found.time is not None and bool((per_day > 0).mean() > 0.95) and len(per_day) > 1
    least = int(per_day.quantile(0.02) // 2) if dense else 0
    cluster, clusters = "part", min(100, int((decided >= split).sum()))
    if found.time:  # a day of rows without one is a draw
        cluster, clusters = data_windows.cluster(decided[decided >= split], set(found.sent))
    if found.group:
        cluster, clusters = found.group, found.columns[found.group].values[decided >= split].nunique()
    loss, spread = first_model.guessing(found, train)
    naive = first_model.naive(found, train, holdout, decided)
    span = max(1, (until - since).days)
    window, step = data_windows.monitored(found, len(decided), span)
    newest = int((decided >= as_of - window * DAY).sum()) or len(decided)
    usual = min(newest, len(decided) / span * window)
    alone, order = _strongest(found, label, known <= split, decided >= split)
    return Numbers(
        since=since,
        split=split,
        until=until,
        as_of=as_of,
        rows=len(decided),
        train_rows=len(train),
        holdout_rows=len(holdout),
        per_day_min=least,
        short_days_max=int((quiet < least).sum()) + 1 if least else 0,
        unlabelled_max=round(min(1.0, float(label.isna().mean()) * 2 + 0.05), 2),
        nulls=_nulls(found, decided, since, window),
        others=rounded(min(0.2, max(OTHERS, FEW_OTHERS / usual))),
        cluster=cluster,
        clusters_min=max(2, min(20, clusters // 2)),
        model=first_model.params(found, train),
        linear=len(train) < first_model.SMALL,
        squared=first_model.squared(found),
        middle=first_model.middle(found),
        guess_loss=loss,
        naive_loss=naive,
        margin=rounded(0.02 * loss),
        row_margin=rounded(0.02 * (first_model.off(found, train) if first_model.squared(found) else loss)),
        spread=spread,
        mean=row_weights.mean(train.to_numpy(), weights(found, train.index)),
        final_after_days=round(_days(known - decided, label) + 1, 2),
        window_days=window,
        step_days=step,
        alone=alone,
        order=order,
        monitor_rows=max(min(20, int(usual / 2)), int(usual / 3), 1),
    )


def _nulls(found: Guess, decided: pd.Series, since: pd.Timestamp, window: int) -> dict[str, float]:
    """How much of each input that ever lacks a value may be missing: twice what it was, and 5 % more.

    It is of all rows, or of the window of so many days that lacked most, if that is not most of it.
    """
    gaps = {name: found.columns[name].values.isna() for name in found.inputs if found.columns[name].missing}
    block = (decided - since) // (window * DAY)
    rows = block.map(block.value_counts())
    full = rows >= rows.median()
    limits = {}
    for name, missing in gaps.items():
        most = float(missing[full].groupby(block[full]).mean().max()) if found.time else 0.0
        usual = max(float(missing.mean()), most if most < MOSTLY else 0.0)
        limits[name] = round(min(1.0, 2 * usual + 0.05), 2)
    return limits


def _strongest(found: Guess, label: pd.Series, train: pd.Series, holdout: pd.Series) -> tuple[str, float]:
    columns = {name: found.columns[name].values for name in found.inputs}
    rows = pd.DataFrame({**columns, "label": label})
    sides = (rows[side & label.notna()] for side in (train, holdout))
    return label_order.strongest(*sides, classes=bool(found.classes))


def _days(wait: pd.Series, label: pd.Series) -> float:
    return float(wait[label.notna()].max() / DAY)


def rounded(value: float) -> float:
    """To two digits that count."""
    return float(f"{value:.2g}")


def above(value: float) -> float:
    """The next number of four digits that is no smaller."""
    digit = 10.0 ** (np.floor(np.log10(value)) - 3) if value > 0 else 1.0
    return float(f"{np.ceil(value / digit) * digit:.6g}")


def bounds(one: Column) -> tuple[float, float]:
    """The least and largest value that a number may have: half of its range more on either side."""
    low, high = float(one.values.min()), float(one.values.max())
    slack = 0.5 * (high - low) or max(1.0, abs(high))
    lowest = 0.0 if low >= 0 else low - slack
    return _outward(lowest, -1), _outward(high + slack, 1)


def _outward(value: float, way: int) -> float:
    """The next number of two digits that is no nearer to zero's other side."""
    if value == 0:
        return 0.0
    digit = 10.0 ** (np.floor(np.log10(abs(value))) - 1)
    found = (np.floor if way < 0 else np.ceil)(value / digit) * digit
    return float(f"{found:.6g}")


def listed(one: Column) -> bool:
    """Whether the contract lists a text's values one by one."""
    return one.kind == "text" and one.distinct <= column_kinds.FEW
