"""Faults that are planted: made from a problem's own rows and model, so that they hold for any problem."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from loop.calibrate import court as courts
from loop.calibrate.court import Court
from loop.calibrate.score_changes import Change, contrary, uncalibrated, within
from loop.data import score_columns
from loop.kit import groups
from loop.kit.types import Array
from loop.model import model_file
from loop.monitor.inputs.rows import model_columns
from loop.review.candidate import Candidate
from problem import metrics, source

SHARED = 100  # rows that are in training and holdout
NOISE = 1e-6  # of a label: what hides it in a leaky column
PADDING = 1e6  # numbers of 8 bytes: what makes a model huge, in steps of 8 MB
Made = tuple[Candidate, tuple[list[float], list[float]] | None]  # with seconds of single predictions
Make = Callable[[Court, Any], Made]


def number_column(court: Court) -> str | None:
    """A number that the model may look at and that is not in the key."""
    train = court.champion.train
    names = [one for one in model_columns(train) if one not in source.KEY]
    numbers = [one for one in names if pd.api.types.is_float_dtype(train[one])]
    numbers += [one for one in names if pd.api.types.is_integer_dtype(train[one])]
    return numbers[0] if numbers else None


def leaky(court: Court, honest: Any) -> Made:
    """One that sees the label, hidden by next to nothing; the place of a class is no number to change."""
    name, rng = number_column(court) or "", np.random.default_rng(1)
    noise = 0.0 if score_columns.CLASSES else NOISE  # of the value: labels lie apart by any distance
    sides = [
        frame.assign(**{name: frame["label"] * rng.normal(1, noise, len(frame))})
        for frame in (court.champion.train, court.champion.holdout)
    ]
    return court.candidate(court.fit(sides[0]), train=sides[0], holdout=sides[1]), None


def shared(court: Court, honest: Any) -> Made:
    """One that trained on rows that judge it."""
    train = pd.concat([court.champion.train, court.champion.holdout.iloc[:SHARED]], ignore_index=True)
    return court.candidate(honest, train=train), None


def shuffled(court: Court, honest: Any) -> Made:
    """One that learnt from labels that were dealt out anew."""
    train = court.champion.train
    label = np.random.default_rng(1).permutation(train["label"])
    return court.candidate(court.fit(train.assign(label=label))), None


def slow(court: Court, honest: Any) -> Made:
    """One that predicts so often that it is beyond the limit."""
    times = int(np.ceil(4 * court.policy.latency.limit)) + 2
    taken = courts.seconds([honest] * (1 + times), court.champion.holdout, 3)
    slow = [sum(parts) for parts in zip(*taken[1:], strict=True)]
    return court.candidate(honest), (taken[0], slow)


def huge(court: Court, honest: Any) -> Made:
    """One with numbers that no prediction needs, written as a model is."""
    last = honest.steps[-1][1] if hasattr(honest, "steps") else honest
    last.padding_ = np.random.default_rng(1).random(int(PADDING * (court.policy.size.limit / 8 + 1)))
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.skops"
            model_file.write(honest, path)
            megabytes = path.stat().st_size / 1e6
    finally:
        del last.padding_
    return court.candidate(honest, megabytes=megabytes), None


def unfair(court: Court, honest: Any) -> Made:
    """One that errs to one side in the largest group of a cut, by more than a gap may be."""
    limit = court.policy.fairness.limit if court.policy.fairness else 0.0
    cut, name = largest_compared(court) or ("", "")
    label = _label(court.champion.train)
    by, wrong = 3 * limit, contrary(label, court.policy.golden.limit)

    def change(score: Array, examples: pd.DataFrame) -> Array:
        here = (groups.cut(metrics.SUBGROUPS, examples)[cut] == name).to_numpy()
        if score.ndim > 1:
            return np.where(here[:, None], wrong(score, examples), score)
        return within(label, score + np.where(here, by, 0.0))

    return court.candidate(honest, change), None


def largest_compared(court: Court) -> tuple[str, str] | None:
    """The largest subgroup of a cut of which two have rows enough for the check; None where none has."""
    least = court.policy.fairness.rows_min if court.policy.fairness else 0
    cuts = groups.cut(metrics.SUBGROUPS, court.champion.holdout)
    enough = {cut: (counts := values.value_counts())[counts >= least] for cut, values in cuts.items()}
    if not (compared := {cut: counts for cut, counts in enough.items() if len(counts) > 1}):
        return None
    return _largest_of(compared, len(court.champion.holdout))


def bad_slice(court: Court, honest: Any) -> Made:
    """One that says the contrary in the largest slice that is no half of all rows."""
    cut, name, _ = _largest(court.champion.holdout)
    wrong = contrary(_label(court.champion.train), court.policy.golden.limit)

    def change(score: Array, examples: pd.DataFrame) -> Array:
        here = (groups.cut(metrics.SLICES, examples)[cut] == name).to_numpy()
        return np.where(here[:, None] if score.ndim > 1 else here, wrong(score, examples), score)

    return court.candidate(honest, change), None


def minds(court: Court, honest: Any) -> Made:
    """One whose score moves with whatever a behaviour says must not matter."""
    one = next(one for one in metrics.BEHAVIOURS if one.expects == "the same")
    examples = court.champion.holdout
    changed = one.change(examples)
    columns = [name for name in examples if not examples[name].equals(changed[name])]
    step = 0.1 * float(court.champion.train["label"].std())

    def change(score: Array, examples: pd.DataFrame) -> Array:
        part = pd.util.hash_pandas_object(examples[columns], index=False).to_numpy() / 2.0**64
        if score.ndim > 1:
            even = np.full_like(score, 1 / score.shape[1])
            return np.asarray(score + 0.1 * part[:, None] * (even - score))
        return within(_label(court.champion.train), score + step * (part - 0.5))

    return court.candidate(honest, change), None


def turned(court: Court, honest: Any) -> Made:
    """One that says the contrary everywhere."""
    return court.candidate(honest, contrary(_label(court.champion.train), court.policy.golden.limit)), None


def off(court: Court, honest: Any) -> Made:
    """One whose scores are too high, or too low where that errs more, in an order that is right."""
    label, found, rows = _label(court.champion.train), court.champion.predictions, court.champion.holdout
    ways = [uncalibrated(label), uncalibrated(label, low=True)]
    if score_columns.CLASSES:
        return court.candidate(honest, ways[0]), None

    def error(change: Change) -> float:
        return abs(float((change(found["score"].to_numpy(), rows) - rows["label"]).mean()))

    return court.candidate(honest, max(ways, key=error)), None


def takes_bad_for_good(court: Court, honest: Any) -> Made:
    """One whose score moves against what a behaviour expects, by the columns that it changes."""
    one = next(one for one in metrics.BEHAVIOURS if one.expects != "the same")
    before = court.champion.holdout
    after = one.change(before)
    columns = [name for name in before if not before[name].equals(after[name])]
    step = 2 * float(court.champion.train["label"].std()) * (1 if one.expects == "not lower" else -1)

    def change(score: Array, examples: pd.DataFrame) -> Array:
        slope = sum(_slope(examples[name], before[name], after[name]) for name in columns)
        if score.ndim == 1:
            return within(_label(court.champion.train), score - step * slope)
        of = score_columns.CLASSES.index(str(one.of))
        found = np.clip(score, 1e-6, 1)
        found[:, of] *= np.exp(-np.sign(step) * np.clip(slope, -5, 5))
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    return court.candidate(honest, change), None


def _slope(values: pd.Series, before: pd.Series, after: pd.Series) -> Array:
    """How far each value lies the way of a change, in spreads of most; of texts, whether it is there."""
    if not pd.api.types.is_numeric_dtype(before) or pd.api.types.is_bool_dtype(before):
        return (values.astype(str) == str(after.mode().iloc[0])).to_numpy(np.float64)
    moved = np.sign(float((after.astype("float64") - before.astype("float64")).mean()))
    low, high = before.astype("float64").quantile([0.25, 0.75])
    ways = (float(before.astype("float64").std()), float(high - low))
    spread = min((way for way in ways if way > 0), default=1.0)  # few large values widen the first alone
    far = (values.astype("float64") - float(before.mean())) / spread
    return np.asarray(moved * far.fillna(0.0).to_numpy(np.float64))


def slice_rows(court: Court) -> int:
    """How many rows the slice has that `bad_slice` spoils."""
    return _largest(court.champion.holdout)[2]


def _largest(examples: pd.DataFrame) -> tuple[str, str, int]:
    """The slice with the most rows that is no half of all, else the largest; and its rows."""
    cuts = {cut: values.value_counts() for cut, values in groups.cut(metrics.SLICES, examples).items()}
    cut, name = _largest_of(cuts, len(examples))
    return cut, name, int(cuts[cut].rename(str)[name])


def _largest_of(cuts: Mapping[str, pd.Series], rows: int) -> tuple[str, str]:
    """The part with the most rows that is no half of all; else the largest."""
    counts = {(cut, str(name)): int(count) for cut, of in cuts.items() for name, count in of.items()}
    small = {key: count for key, count in counts.items() if 2 * count <= rows} or counts
    return max(small, key=lambda key: small[key])


def _label(rows: pd.DataFrame) -> Array:
    return rows["label"].to_numpy(np.float64)
