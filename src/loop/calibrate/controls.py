"""Negative controls: candidates with one planted fault each, which the check of that name must refuse.

They are made from the problem's own rows and model, so that they hold for any problem. What a problem does
not have (subgroups, behaviours, a number among its columns) has no control.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from loop.calibrate import court as courts
from loop.calibrate.court import Change, Court
from loop.data import raw, score_columns
from loop.kit import groups
from loop.kit.types import Array
from loop.model import model_file
from loop.monitor.inputs.rows import model_columns
from loop.review import checks
from loop.review.candidate import Candidate
from loop.review.verdict import Check
from loop.settings import params
from problem import metrics, schema, source

SHARED = 100  # rows that are in training and holdout
NOISE = 0.02  # of the label's spread: what hides the label in a leaky column
PADDING = 1e6  # numbers of 8 bytes: what makes a model huge, in steps of 8 MB


@dataclass(frozen=True)
class Control:
    """A fault, the checks of which one must refuse it, and what each of these said of it."""

    fault: str
    expected: tuple[str, ...]
    found: dict[str, Check]

    @property
    def refused(self) -> bool:
        """Whether a check that is meant for it did not let it pass."""
        return any(one.result != "pass" for one in self.found.values())


_Made = tuple[Candidate, tuple[list[float], list[float]] | None]  # with seconds of single predictions
_Make = Callable[[Court, Any], _Made]


@dataclass(frozen=True)
class _Fault:
    name: str
    checks: tuple[str, ...]
    make: _Make


def every(court: Court, tables: dict[str, pd.DataFrame]) -> Iterator[Control]:
    """One control after the other; `tables` are the raw ones, as ingested."""
    honest = court.fit(court.champion.train, seed=court.training.seed + 1)
    for fault in _faults(court):
        candidate, seconds = fault.make(court, honest)
        found = court.checks(candidate, seconds)
        yield Control(fault.name, fault.checks, {one: found[one] for one in fault.checks if one in found})
    yield from of_tables(court, tables)


def honest(court: Court) -> dict[str, Check]:
    """The checks of a candidate without a fault: another seed alone."""
    return court.checks(court.candidate(court.fit(court.champion.train, seed=court.training.seed + 1)))


def of_tables(court: Court, tables: dict[str, pd.DataFrame]) -> Iterator[Control]:
    """Raw data that lost a column, and that lost the newest values of one."""
    name, column = _raw_column(tables)
    renamed = tables[name].rename(columns={column: f"{column}_renamed"})
    yield _contract(court, f"a column is gone: {name}.{column}", tables | {name: renamed})
    frame = tables[name]
    newest = np.arange(len(frame)) >= 0.7 * len(frame)
    emptied = frame.assign(**{column: frame[column].mask(newest)})
    yield _contract(court, f"values are missing: {name}.{column}", tables | {name: emptied})


def _contract(court: Court, fault: str, tables: dict[str, pd.DataFrame]) -> Control:
    windows, limits = court.champion.windows, params.section("validate", raw.Params).limits
    span = {"since": windows.since, "until": windows.holdout.until, "as_of": windows.as_of}
    breaches = raw.validate(tables, limits, **span)[2]
    found = checks.contract([one.as_json() for one in breaches])
    return Control(fault, ("contract",), {"contract": found})


def _raw_column(tables: dict[str, pd.DataFrame]) -> tuple[str, str]:
    """A column of a raw table that a request has too, and its key has not; else any of the contract's."""
    limits = params.section("validate", raw.Params).limits
    as_of = params.section("windows", params.Windows).as_of
    expected = schema.raw(as_of, limits)
    named = [
        (name, column, contract.nullable)
        for name, wanted in expected.items()
        for column, contract in wanted.columns.items()
        if column in tables[name] and column not in source.KEY and column != source.TIME.get(name)
    ]
    asked = [one for one in named if one[1] in schema.REQUEST.columns] or named
    name, column, _ = min(asked, key=lambda one: one[2])  # one that must not be missing, where there is any
    return name, column


def _faults(court: Court) -> Iterator[_Fault]:
    policy, primary = court.policy, ("primary", f"minimum_requirements.{court.policy.primary.metric}")
    if _number_column(court):
        yield _Fault("a column that tells the label", ("leak.feature",), _leaky)
        yield _Fault("a model that learnt from such a column", ("leak.jump", "leak.feature"), _leaky)
    yield _Fault("rows in training and holdout", ("leak.shared_rows",), _shared)
    yield _Fault("shuffled labels", primary, _shuffled)
    yield _Fault("a slow model", ("latency",), _slow)
    yield _Fault("a huge model", ("size",), _huge)
    if policy.fairness and metrics.SUBGROUPS:
        yield _Fault("a group that is served worse", ("fairness",), _unfair)
    if metrics.SLICES:
        yield _Fault("one slice is wrong", ("slices",), _bad_slice)
    others = tuple(
        f"{kind}.{name}"
        for kind, part in (("guards", policy.guards), ("minimum_requirements", policy.minimum_requirements))
        for name in part
        if name != policy.primary.metric
    )
    if others:
        yield _Fault("an uncalibrated model", others, _off)
    yield _Fault("a model that says the contrary", ("golden",), _turned)
    if policy.behaviour.direction and any(one.expects != "the same" for one in metrics.BEHAVIOURS):
        yield _Fault("a model that takes bad for good", ("behaviour.direction",), _takes_bad_for_good)
    if policy.behaviour.invariance and any(one.expects == "the same" for one in metrics.BEHAVIOURS):
        yield _Fault("a model that minds what must not matter", ("behaviour.invariance",), _minds)


def _number_column(court: Court) -> str | None:
    """A number that the model may look at and that is not in the key."""
    train = court.champion.train
    names = [one for one in model_columns(train) if one not in source.KEY]
    numbers = [one for one in names if pd.api.types.is_float_dtype(train[one])]
    numbers += [one for one in names if pd.api.types.is_integer_dtype(train[one])]
    return numbers[0] if numbers else None


def _leaky(court: Court, honest: Any) -> tuple[Candidate, None]:
    """One that sees the label, hidden by little noise; the place of a class is no number to add to."""
    name, rng = _number_column(court) or "", np.random.default_rng(1)
    noise = 0.0 if score_columns.CLASSES else NOISE * float(court.champion.train["label"].std())
    sides = [
        frame.assign(**{name: frame["label"] + rng.normal(0, noise, len(frame))})
        for frame in (court.champion.train, court.champion.holdout)
    ]
    return court.candidate(court.fit(sides[0]), train=sides[0], holdout=sides[1]), None


def _shared(court: Court, honest: Any) -> tuple[Candidate, None]:
    train = pd.concat([court.champion.train, court.champion.holdout.iloc[:SHARED]], ignore_index=True)
    return court.candidate(honest, train=train), None


def _shuffled(court: Court, honest: Any) -> tuple[Candidate, None]:
    train = court.champion.train
    label = np.random.default_rng(1).permutation(train["label"])
    return court.candidate(court.fit(train.assign(label=label))), None


def _slow(court: Court, honest: Any) -> tuple[Candidate, tuple[list[float], list[float]]]:
    """One that predicts so often that it is beyond the limit."""
    times = int(np.ceil(4 * court.policy.latency.limit)) + 2
    taken = courts.seconds([honest] * (1 + times), court.champion.holdout, 3)
    slow = [sum(parts) for parts in zip(*taken[1:], strict=True)]
    return court.candidate(honest), (taken[0], slow)


def _huge(court: Court, honest: Any) -> tuple[Candidate, None]:
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


def _unfair(court: Court, honest: Any) -> tuple[Candidate, None]:
    """One that errs to one side in the largest group of a cut, by more than a gap may be."""
    limit = court.policy.fairness.limit if court.policy.fairness else 0.0
    cut, name = _largest(metrics.SUBGROUPS, court.champion.holdout)
    by, off = 3 * limit, _uncalibrated(court)

    def change(score: Array, examples: pd.DataFrame) -> Array:
        here = (groups.cut(metrics.SUBGROUPS, examples)[cut] == name).to_numpy()
        if score.ndim > 1:
            return np.where(here[:, None], off(score, examples), score)
        return _within(court, score + np.where(here, by, 0.0))

    return court.candidate(honest, change), None


def _bad_slice(court: Court, honest: Any) -> tuple[Candidate, None]:
    """One that says the contrary in the largest slice that is no half of all rows."""
    cut, name = _largest(metrics.SLICES, court.champion.holdout)
    contrary = _contrary(court)

    def change(score: Array, examples: pd.DataFrame) -> Array:
        here = (groups.cut(metrics.SLICES, examples)[cut] == name).to_numpy()
        return np.where(here[:, None] if score.ndim > 1 else here, contrary(score, examples), score)

    return court.candidate(honest, change), None


def _minds(court: Court, honest: Any) -> tuple[Candidate, None]:
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
        return _within(court, score + step * (part - 0.5))

    return court.candidate(honest, change), None


def _turned(court: Court, honest: Any) -> tuple[Candidate, None]:
    return court.candidate(honest, _contrary(court)), None


def _off(court: Court, honest: Any) -> tuple[Candidate, None]:
    return court.candidate(honest, _uncalibrated(court)), None


def _takes_bad_for_good(court: Court, honest: Any) -> tuple[Candidate, None]:
    """One whose score moves against what a behaviour expects, by the columns that it changes."""
    one = next(one for one in metrics.BEHAVIOURS if one.expects != "the same")
    before = court.champion.holdout
    after = one.change(before)
    columns = [name for name in before if not before[name].equals(after[name])]
    step = float(court.champion.train["label"].std()) * (1 if one.expects == "not lower" else -1)

    def change(score: Array, examples: pd.DataFrame) -> Array:
        slope = sum(_slope(examples[name], before[name], after[name]) for name in columns)
        if score.ndim == 1:
            return _within(court, score - step * slope)
        of = score_columns.CLASSES.index(str(one.of))
        found = np.clip(score, 1e-6, 1)
        found[:, of] *= np.exp(-np.sign(step) * np.clip(slope, -5, 5))
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    return court.candidate(honest, change), None


def _slope(values: pd.Series, before: pd.Series, after: pd.Series) -> Array:
    """How far each value lies the way of a change, in standard deviations; of texts, whether it is there."""
    if not pd.api.types.is_numeric_dtype(before) or pd.api.types.is_bool_dtype(before):
        return (values.astype(str) == str(after.mode().iloc[0])).to_numpy(np.float64)
    moved = np.sign(float((after.astype("float64") - before.astype("float64")).mean()))
    spread = float(before.astype("float64").std()) or 1.0
    far = (values.astype("float64") - float(before.mean())) / spread
    return np.asarray(moved * far.fillna(0.0).to_numpy(np.float64))


def _contrary(court: Court) -> Change:
    """What was likely is surely not, what was much is little: further than a golden request may move."""
    label = court.champion.train["label"].to_numpy(np.float64)
    middle, by = label.mean(), max(2 * label.std(), 1.5 * court.policy.golden.limit)

    def change(score: Array, _: pd.DataFrame) -> Array:
        if score.ndim > 1:
            return np.asarray(0.98 * np.eye(score.shape[1])[score.argmin(axis=1)] + 0.02 / score.shape[1])
        if _binary(label):
            return np.asarray(np.where(score < middle, 0.99, 0.01))
        return _within(court, np.where(score < middle, score + by, score - by))

    return change


def _uncalibrated(court: Court) -> Change:
    """Scores that are too high; with classes too unsure, or too sure where they are unsure already."""
    label = court.champion.train["label"].to_numpy(np.float64)

    def change(score: Array, _: pd.DataFrame) -> Array:
        if score.ndim > 1:
            if score.max(axis=1).mean() > 0.6:
                return np.asarray(0.5 * score + 0.5 / score.shape[1])
            sharp = np.clip(score, 1e-9, 1) ** 4
            return np.asarray(sharp / sharp.sum(axis=1, keepdims=True))
        return _within(court, np.sqrt(np.clip(score, 0, 1)) if _binary(label) else score + label.std())

    return change


def _binary(label: Array) -> bool:
    return set(np.unique(label)) <= {0.0, 1.0} and not score_columns.CLASSES


def _within(court: Court, score: Array) -> Array:
    """Probabilities stay such, numbers among the labels that there were: a score keeps its contract."""
    label = court.champion.train["label"].to_numpy(np.float64)
    low, high = (0.001, 0.999) if _binary(label) else (label.min(), label.max())
    return np.asarray(np.clip(score, low, high))


def _largest(ways: Any, examples: pd.DataFrame) -> tuple[str, str]:
    """The part with the most rows that is no half of all; else the largest."""
    counts = {
        (cut, str(name)): int(count)
        for cut, values in groups.cut(ways, examples).items()
        for name, count in values.value_counts().items()
    }
    small = {key: count for key, count in counts.items() if 2 * count <= len(examples)} or counts
    return max(small, key=lambda key: small[key])
