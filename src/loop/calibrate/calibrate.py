"""calibrate: numbers of the gate and of the monitor from this data, as an edit of params.yaml, and a page.

What is measured is kept in calibration/, so that a run that was stopped goes on. Nothing in params.yaml is
written before all is known. A number that a person set stays.
"""

from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
from threadpoolctl import threadpool_limits

from loop.base import files
from loop.calibrate import (
    alarms,
    calibration_page,
    calibration_record,
    controls,
    gate_numbers,
    margins,
    measurements,
    power,
    proposal,
)
from loop.calibrate.calibration_record import Data
from loop.calibrate.controls import Control
from loop.calibrate.court import Court
from loop.calibrate.margins import Rates
from loop.calibrate.measurements import Measurements
from loop.calibrate.power import Power
from loop.calibrate.proposal import Number
from loop.calibrate.workshop import Workshop, workshop
from loop.data import raw, without_time
from loop.model import estimator_inputs
from loop.monitor.inputs import answers
from loop.monitor.inputs.rows import model_columns
from loop.pipeline import train as training
from loop.review import candidate as candidates
from loop.settings import monitor_settings, params, params_text, serve_settings, yaml_file
from loop.settings.paths import GOLDEN, PARAMS
from loop.settings.review_policy import Policy


@dataclass(frozen=True)
class Calibration:
    """What came out.

    `rates` are those of fresh pairs, on rows that chose nothing unless `widened`; `luck` their gains by
    metric, in margins. `by_seed`: the seed changes a score, else all pairs are of other draws.
    """

    data: Data
    numbers: list[Number]
    rates: Rates
    widened: bool
    by_seed: bool
    power: list[Power]
    luck: dict[str, list[float]]
    alarms: alarms.Found
    controls: list[Control]
    moved: list[str]


def main(models: int, dry_run: bool) -> int:
    """Measure, print what changes, and write params.yaml, reports/calibration.md, its figures and record."""
    text = _text()
    print_now = partial(print, flush=True)
    with threadpool_limits(1), workshop(measurements.FOLDER, print_now) as shop:
        found = calibrate(text, models, shop)
    changed = _edited(text, found.numbers)
    print(calibration_page.terminal(found, changed != text, dry_run))
    if not dry_run:
        calibration_page.write(found)
        if changed != text:
            files.write_text(PARAMS, changed)
        calibration_record.write(found)  # last: a number that is in it and not in params.yaml is a person's
    return 0


def calibrate(text: str, models: int, shop: Workshop) -> Calibration:
    """Everything that the data say of the numbers in `text`, the params.yaml of the working tree."""
    before, values = calibration_record.read(), yaml_file.parse(text)
    here = court()
    train, holdout = here.champion.train, here.champion.holdout
    shop.report(f"calibrate: {len(train):,} rows train, {len(holdout):,} judge")
    measured = measurements.gather(here, models, shop)
    proposals, widened = gate_numbers.chosen(here, measured)
    proposals += gate_numbers.others(here, measured, proposals)
    final = proposal.weigh(text, values, alarms.labels(measured.past), before.numbers)
    margin = gate_numbers.margins_of(here.policy, proposals)["primary"]
    quiet = _monitor(here, measured, margin, final, shop)
    proposals += alarms.proposed(quiet, measured.past)
    numbers = proposal.weigh(text, values, proposals, before.numbers) + final
    after = _with_numbers(here, text, numbers)
    allowed = gate_numbers.margins_of(after.policy)
    tried = power.measure(measured.shop)
    rates = margins.rates(measured.checked, after.policy, allowed)
    windows = here.champion.windows
    tables = raw.tables(windows.since, windows.holdout.until, windows.as_of)
    data = Data.of(here.champion)
    return Calibration(
        data=data,
        numbers=numbers,
        rates=rates,
        widened=widened,
        by_seed=measured.by_seed,
        power=power.of(tried, after.policy, allowed),
        luck=_in_margins(measured, after.policy),
        alarms=quiet,
        controls=controls.every(after, tables, shop),
        moved=calibration_record.moved(before, numbers, data),
    )


def _monitor(
    court: Court, measured: Measurements, margin: float, final: list[Number], shop: Workshop
) -> alarms.Found:
    """The settings of the monitor on years of the past; `final` says when a label is."""
    if why := without_time.notes():
        return alarms.Found([], None, float("nan"), why[0])
    setup, rows = monitor_settings.read(), measured.past
    for one in final:
        labels = setup.labels.model_copy(update={"final_after_days": float(one.value)})
        setup = setup.model_copy(update={"labels": labels})
    until = court.champion.windows.holdout.until
    known = answers.with_decision(rows, serve_settings.params().threshold)
    looked = estimator_inputs.looked_at(court.champion.model, court.champion.train, setup.seed)
    if looked is None:
        importance = dict.fromkeys(model_columns(known), 1.0)
    else:
        importance = {name: share for name, share in looked.weights.items() if share > 0}
        if looked.made:
            made = estimator_inputs.made(court.champion.model, rows.drop(columns=["score"]), looked.made)
            known = pd.concat([known, made], axis="columns")
    importance = {name: share for name, share in importance.items() if name in known}
    return alarms.find(known, until, importance, setup, 2 * margin, court.settings.seed, shop)


def court() -> Court:
    """The working tree's champion, by the policy of its params.yaml."""
    champion = candidates.take()
    whose = "the golden requests that `evaluate` writes"
    golden = files.read_json(GOLDEN, whose, f"`git checkout {GOLDEN}`") if GOLDEN.is_file() else []
    return Court(
        champion=champion,
        golden=golden,
        policy=params.section("review", Policy),
        settings=params.section("evaluate", params.Resampling),
        training=params.section("train", training.Params),
    )


def _with_numbers(court: Court, text: str, numbers: list[Number]) -> Court:
    """The court by the numbers that count from now on."""
    values = yaml_file.parse(_edited(text, numbers))
    return replace(court, policy=params.of_commit("review", values, Policy, PARAMS))


def _edited(text: str, numbers: list[Number]) -> str:
    values = proposal.changes(numbers, yaml_file.parse(text))
    by_hand = "; ".join(f"{'.'.join(map(str, keys))}: {value}" for keys, value in values.items())
    return params_text.edit(text, values, f"write them by hand: {by_hand}")


def _in_margins(measured: Measurements, policy: Policy) -> dict[str, list[float]]:
    of = {policy.primary.metric: policy.primary.margin}
    of |= {name: guard.margin for name, guard in policy.guards.items()}
    return {
        name: [pair.gains[name][0] / margin for pair in measured.checked]
        for name, margin in of.items()
        if margin > 0
    }


def _text() -> str:
    """params.yaml, once it is known to be one. Raises LoopError that says what is wrong with it."""
    yaml_file.load(PARAMS)
    return PARAMS.read_bytes().decode()
