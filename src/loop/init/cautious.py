"""Numbers of params.yaml from the data: windows, limits of what arrives, and a policy that is cautious.

What only calibration can tell (how far honest models differ) is set so that little passes unseen, and its
reason says so.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from loop.base.errors import LoopError
from loop.data import row_weights
from loop.init import column_kinds, label_tail
from loop.init.column_kinds import Column
from loop.init.guessed import Guess
from loop.init.which_label import shown
from loop.init.which_time import gap, unit
from loop.kit import models, rules
from loop.kit.sources import spread
from loop.stats import label_order

DAY = pd.Timedelta(days=1)
HOLDOUT = 0.2  # of the time, at the end
TREES_MAX, ROWS_MAX = 300, 50_000  # of the trial that says how many trees
TRAIN_MIN, HOLDOUT_MIN = 20, 5  # rows below which nothing can be said of a model
JUDGES = 20  # rows that judge, where there are enough: of few rows more than a fifth
WINDOW_ROWS, WINDOWS_MIN = 60, 4  # that a monitoring run has, where time holds so many such windows
MOSTLY = 0.5  # share of a window that is missing, from which on its column was not there yet
OTHERS, FEW_OTHERS = 0.01, 3  # share, and rows of a monitoring run, that may hold a value that is not listed
SMALL = 500  # rows below which a line says more than trees


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
    until = _end(found, decided.max())
    label = truth(found)
    labelled = decided[label.notna()]
    split = _split(labelled, since, _end(found, labelled.max()))
    if found.time and unit(found.time) > 7 * DAY:  # as a person would: where a month or a year begins
        split = decided[decided >= split].min().floor("D")
    known = found.columns[found.known].values if found.known else decided + found.after
    fine = _fineness(known) if found.known or until != until.floor("D") else "D"
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
        cluster, clusters = _cluster(decided[decided >= split], set(found.sent))
    if found.group:
        cluster, clusters = found.group, found.columns[found.group].values[decided >= split].nunique()
    loss, spread = _guessing(found, train)
    naive = _naive(found, train, holdout, decided)
    span = max(1, (until - since).days)
    window, step = _monitored(found, len(decided), span)
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
        model=_model(found, train),
        linear=len(train) < SMALL,
        squared=_squared(found),
        middle=_middle(found),
        guess_loss=loss,
        naive_loss=naive,
        margin=rounded(0.02 * loss),
        row_margin=rounded(0.02 * (_off(found, train) if _squared(found) else loss)),
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


def _end(found: Guess, last: pd.Timestamp) -> pd.Timestamp:
    """Where rows until `last` end: with a day, or at once where the rest of the day is not there yet.

    A longer file has the rest, and a window that claimed it would read differently then.
    """
    last = last + pd.Timedelta(microseconds=1)
    day = last.ceil("D")
    if not found.time or day - last <= 2 * gap(found.time):
        return day
    at_home = found.time.values.dt.tz_convert(found.zone)
    return day if (at_home == at_home.dt.normalize()).all() else last.ceil(_fineness(found.time.values))


def _fineness(times: pd.Series) -> str:
    """The largest of day, hour, minute and second of which all these instants (UTC) are whole ones."""
    at = times.dropna()
    return next((unit for unit in ("D", "h", "min") if (at == at.dt.floor(unit)).all()), "s")


def _strongest(found: Guess, label: pd.Series, train: pd.Series, holdout: pd.Series) -> tuple[str, float]:
    columns = {name: found.columns[name].values for name in found.inputs}
    rows = pd.DataFrame({**columns, "label": label})
    sides = (rows[side & label.notna()] for side in (train, holdout))
    return label_order.strongest(*sides, classes=bool(found.classes))


def _monitored(found: Guess, rows: int, span: int) -> tuple[int, int]:
    """Days of a monitoring run, and of a step: whole units of the data, and rows enough to say something."""
    window, step = min(28, max(7, span // 8)), min(7, max(1, span // 30))
    window = max(window, min(-(-WINDOW_ROWS * span // rows), span // WINDOWS_MIN))
    days = unit(found.time).days if found.time else 1
    whole = 366 * -(-gap(found.time) // (366 * DAY)) if found.time and days == 365 else max(1, days)
    return -(-window // whole) * whole, -(-step // whole) * whole


def decided_at(found: Guess) -> pd.Series:
    """When each row was decided (UTC)."""
    if found.time:
        return found.time.values
    if found.row:
        keys = pd.DataFrame({"row": np.arange(len(found.data.frame))})
    else:
        keys = pd.DataFrame({name: found.columns[name].values for name in found.key})
    if found.group:
        keys = pd.DataFrame({found.group: found.columns[found.group].values})
    return spread(keys)


def truth(found: Guess) -> pd.Series:
    """The label as the model has it: 0 and 1, or a number; missing where the file has none."""
    values = found.label.values
    if found.task == "regression":
        return values.astype("float64")
    if found.classes:
        codes = values.map({name: place for place, name in enumerate(found.classes)}, na_action="ignore")
        return codes.astype("float64")
    one = values.map(shown, na_action="ignore") == found.positive
    return one.astype("float64").where(values.notna())


def weights(found: Guess, rows: pd.Index) -> np.ndarray | None:
    """How much these rows count; None where all count the same."""
    return found.columns[found.weight].values.loc[rows].to_numpy(np.float64) if found.weight else None


def _split(decided: pd.Series, since: pd.Timestamp, until: pd.Timestamp) -> pd.Timestamp:
    """Where training ends: after four fifths of the time, moved so that both sides have rows enough.

    `decided` is of rows that have a label: those of others judge nothing.
    """
    at = np.sort(decided.to_numpy("datetime64[us]"))
    share = max(HOLDOUT, min(0.4, JUDGES / len(at)))
    late, early, fifth = (
        pd.Timestamp(at[int(place * (len(at) - 1))], tz="UTC")
        for place in (0.6, 0.92 - share + HOLDOUT, 1 - share)
    )
    ideal = since + (until - since) * (1 - share)
    found = min(max(ideal, late), early).floor("D")
    found = found if since < found < until else fifth.floor("h")
    return found if since < found else since + (until - since) / 2


def _cluster(decided: pd.Series, columns: set[str]) -> tuple[str, int]:
    """What makes rows alike: their day, where there are days enough, else their hour, else nothing known.

    A column that is called as a unit of time would be taken for it: days are weeks then.
    """
    days, hours = decided.dt.floor("D").nunique(), decided.dt.floor("h").nunique()
    unit = next((one for one in ("day", "week") if one not in columns), "")
    count = days if unit == "day" else decided.dt.strftime("%G-W%V").nunique()
    if unit and count >= 10:
        return unit, int(count)
    by_hour = "hour" not in columns and hours >= 20 and days > 1
    return ("hour", int(hours)) if by_hour else ("part", min(100, len(decided)))


def _guessing(found: Guess, train: pd.Series) -> tuple[float, float]:
    """The loss of a model that only knows the mean, and the spread of the label."""
    weight = weights(found, train.index)
    if found.classes:
        counts = np.bincount(train.astype("int64"), weight)
        shares = np.sort(counts[counts > 0] / counts.sum())[::-1]
        return float(-(shares * np.log(shares)).sum()), float(np.sqrt((shares * (1 - shares)).mean()))
    if found.task == "binary":
        share = min(max(row_weights.mean(train.to_numpy(), weight), 1e-3), 1 - 1e-3)
        loss = -(share * np.log(share) + (1 - share) * np.log(1 - share))
        return float(loss), float(np.sqrt(share * (1 - share)))
    return float(train.std()) if _squared(found) else _off(found, train), float(train.std())


def _off(found: Guess, train: pd.Series) -> float:
    """How far a guess of the mean is off, on average."""
    weight = weights(found, train.index)
    off = (train - row_weights.mean(train.to_numpy(), weight)).abs()
    return row_weights.mean(off.to_numpy(), weight)


def _naive(found: Guess, train: pd.Series, holdout: pd.Series, decided: pd.Series) -> float:
    """What the holdout loses by a naive guess: one for all rows, from those that train or their newest."""
    newest = train[decided[train.index].rank(pct=True) > 0.8]
    known = [train, newest] if found.time and len(newest) >= TRAIN_MIN else [train]
    of = [weights(found, labels.index) for labels in (*known, holdout)]
    judged = holdout.to_numpy()
    if found.task == "regression":
        means = [row_weights.mean(labels.to_numpy(), one) for labels, one in zip(known, of[:-1], strict=True)]
        guesses = [*means, *(float(labels.median()) for labels in known)]
        if _squared(found):
            return float(np.sqrt(min(row_weights.mean((judged - one) ** 2, of[-1]) for one in guesses)))
        return min(row_weights.mean(np.abs(judged - one), of[-1]) for one in guesses)
    kinds = max(2, len(found.classes))
    shares = [  # none is never
        np.bincount(labels.astype("int64"), one, kinds) / (1.0 if one is None else one.mean()) + 1.0
        for labels, one in zip(known, of[:-1], strict=True)
    ]
    losses = (-np.log((share / share.sum())[judged.astype(np.int64)]) for share in shares)
    return min(row_weights.mean(loss, of[-1]) for loss in losses)


def _middle(found: Guess) -> bool:
    """Whether few rows hold so much of a number that its mean says little of any."""
    return (
        found.task == "regression"
        and not _squared(found)
        and label_tail.share(truth(found).dropna().to_numpy()) > 0
    )


def _squared(found: Guess) -> bool:
    """Whether most rows have one number, for which alone the absolute error is least."""
    return found.task == "regression" and label_tail.usual(truth(found).dropna().to_numpy())[1] > 0


def _model(found: Guess, train: pd.Series) -> dict[str, float]:
    if len(train) < SMALL:
        return {"alpha": 1.0}
    made: dict[str, float] = {
        "learning_rate": 0.05 if len(found.classes) <= 5 else 0.1,
        "trees": max(20, TREES_MAX // max(1, len(found.classes) // 2)),
        "leaves": 15,
        "rows_per_leaf": max(20, min(100, len(train) // 100)),
        "l2": 1.0,
        "features_per_split": 0.5,
    }
    return made | {"trees": _trees(found, train, made)}


def _trees(found: Guess, train: pd.Series, made: dict[str, float]) -> int:
    """How many trees help rows that were not learnt from: a fifth of the training rows says when to stop."""
    label = train.iloc[:: max(1, len(train) // ROWS_MAX)]
    if found.task != "regression":  # a class of one row cannot be on both sides
        label = label[label.map(label.value_counts()) > 1]
    columns = {}
    for name in found.inputs:
        values = found.columns[name].values.loc[label.index]
        columns[name] = pd.factorize(values)[0] if found.columns[name].kind == "text" else values
    if not columns:
        return int(made["trees"]) // 3
    kind = HistGradientBoostingRegressor if found.task == "regression" else HistGradientBoostingClassifier
    trial = kind(
        learning_rate=made["learning_rate"],
        max_iter=int(made["trees"]),
        max_leaf_nodes=int(made["leaves"]),
        min_samples_leaf=int(made["rows_per_leaf"]),
        l2_regularization=made["l2"],
        max_features=made["features_per_split"],
        early_stopping=True,
        validation_fraction=0.2,
        n_iter_no_change=20,
        random_state=1,
        **({"loss": models.MIDDLE} if _middle(found) else {}),
    )
    with threadpool_limits(1):  # the same number of trees on any number of cores
        inputs = pd.DataFrame(columns).to_numpy(np.float64, na_value=np.nan)
        inputs = inputs[:, ~np.isnan(inputs).all(axis=0)]  # trees refuse a column without any value
        trial.fit(inputs, label, weights(found, label.index))
    return max(20, int(trial.n_iter_ * 0.9) // 10 * 10)


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
