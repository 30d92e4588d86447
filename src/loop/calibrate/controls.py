"""Negative controls: candidates with one planted fault each, which the check of that name must refuse.

What a problem does not have (subgroups, behaviours, a number among its columns) has no control.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loop.calibrate import faults
from loop.calibrate.court import Court
from loop.calibrate.workshop import Workshop
from loop.data import raw
from loop.review import checks
from loop.review.verdict import Check
from loop.settings import params
from problem import metrics, schema, source

CERTAIN = 25  # rows of a slice below which no loss of it is certain


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


@dataclass(frozen=True)
class _Fault:
    name: str
    checks: tuple[str, ...]
    make: faults.Make


def every(court: Court, tables: dict[str, pd.DataFrame], shop: Workshop) -> list[Control]:
    """Every control; `tables` are the raw ones, as ingested."""
    honest = court.fit(court.champion.train, seed=court.training.seed + 1)
    planted, found = list(_faults(court)), []
    for fault in shop.follow("candidates with a planted fault", planted, len(planted)):
        candidate, seconds = fault.make(court, honest)
        checked = court.checks(candidate, seconds, {one.split(".")[0] for one in fault.checks})
        held = {one: checked[one] for one in fault.checks if one in checked}
        found.append(Control(fault.name, fault.checks, held))
    return [*found, *of_tables(court, tables)]


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
        (name, column, (contract.nullable, tables[name][column].isna().mean()))
        for name, wanted in expected.items()
        for column, contract in wanted.columns.items()
        if column in tables[name] and column not in source.KEY and column != source.TIME.get(name)
    ]
    asked = [one for one in named if one[1] in schema.REQUEST.columns] or named
    name, column, _ = min(asked, key=lambda one: one[2])  # one that must not be missing, or hardly ever is
    return name, column


def _faults(court: Court) -> Iterator[_Fault]:
    policy, primary = court.policy, ("primary", f"minimum_requirements.{court.policy.primary.metric}")
    if faults.number_column(court):
        yield _Fault("a column that tells the label", ("leak.feature",), faults.leaky)
        yield _Fault("a model that learnt from such a column", ("leak.jump", "leak.feature"), faults.leaky)
    yield _Fault("rows in training and holdout", ("leak.shared_rows",), faults.shared)
    yield _Fault("shuffled labels", primary, faults.shuffled)
    yield _Fault("a slow model", ("latency",), faults.slow)
    yield _Fault("a huge model", ("size",), faults.huge)
    if policy.fairness and metrics.SUBGROUPS and faults.largest_compared(court):
        yield _Fault("a group that is served worse", ("fairness",), faults.unfair)
    if metrics.SLICES and faults.slice_rows(court) >= CERTAIN:
        yield _Fault("one slice is wrong", ("slices",), faults.bad_slice)
    others = tuple(
        f"{kind}.{name}"
        for kind, part in (("guards", policy.guards), ("minimum_requirements", policy.minimum_requirements))
        for name in part
        if name != policy.primary.metric
    )
    if others:
        yield _Fault("an uncalibrated model", others, faults.off)
    yield _Fault("a model that says the contrary", ("golden",), faults.turned)
    if policy.behaviour.direction and any(one.expects != "the same" for one in metrics.BEHAVIOURS):
        yield _Fault("a model that takes bad for good", ("behaviour.direction",), faults.takes_bad_for_good)
    if policy.behaviour.invariance and any(one.expects == "the same" for one in metrics.BEHAVIOURS):
        yield _Fault("a model that minds what must not matter", ("behaviour.invariance",), faults.minds)
