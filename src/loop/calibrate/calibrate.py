"""calibrate: numbers of the gate and of the monitor from this data, as an edit of params.yaml, and a page.

What is measured is kept in calibration/, so that a run that was stopped goes on. Nothing in params.yaml is
written before all is known. A number that a person set stays.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from loop.base import files
from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.calibrate import (
    alarms,
    calibration_page,
    controls,
    limits,
    margins,
    measurements,
    power,
    proposal,
)
from loop.calibrate.controls import Control
from loop.calibrate.court import Court
from loop.calibrate.margins import Rates
from loop.calibrate.measurements import Measurements
from loop.calibrate.power import Point
from loop.calibrate.proposal import Number, Proposal
from loop.calibrate.workshop import Workshop, workshop
from loop.model import estimator_inputs
from loop.monitor.inputs import answers
from loop.monitor.inputs.rows import model_columns
from loop.pipeline import train as training
from loop.review import candidate as candidates
from loop.settings import monitor_settings, params, params_text, serve_settings, yaml_file
from loop.settings.params_text import Value
from loop.settings.paths import GOLDEN, PARAMS
from loop.settings.review_policy import Policy
from problem import source

RECORD = Path("reports/calibration.json")


@dataclass(frozen=True)
class Calibration:
    """What came out.

    `rates` are those of fresh pairs, on rows that chose nothing unless `widened`; `luck` their gains by
    metric, in margins.
    """

    data: dict[str, Any]
    numbers: list[Number]
    rates: Rates
    widened: bool
    power: dict[str, list[Point]]
    luck: dict[str, list[float]]
    margin: float
    alarms: alarms.Found
    controls: list[Control]
    moved: list[str]


def main(models: int, dry_run: bool) -> int:
    """Measure, print what changes, and write params.yaml, reports/calibration.md, its figures and record."""
    text = _text()
    with workshop(measurements.FOLDER, lambda line: print(line, flush=True)) as shop:
        found = calibrate(text, models, shop)
    changed = _edited(text, found.numbers)
    print(calibration_page.terminal(found, changed != text, dry_run))
    if not dry_run:
        calibration_page.write(found)
        files.write_json(RECORD, _record(found, _before()))
        if changed != text:
            files.write_text(PARAMS, changed)
    return 0


def calibrate(text: str, models: int, shop: Workshop) -> Calibration:
    """Everything that the data say of the numbers in `text`, the params.yaml of the working tree."""
    before, values = _before(), yaml_file.parse(text)
    here = court()
    train, holdout = here.champion.train, here.champion.holdout
    shop.report(f"calibrate: {len(train):,} rows train, {len(holdout):,} judge")
    measured = measurements.gather(here, models, shop)
    proposals, widened = _gate(here, measured)
    proposals += _others(here, measured, proposals)
    shop.report("  the monitor on years of its own past")
    quiet = _monitor(here, measured, _margin(here, proposals))
    proposals += alarms.proposed(quiet, measured.past) + alarms.labels(measured.past)
    numbers = proposal.weigh(text, values, proposals, before.get("numbers", {}))
    after = _with_numbers(here, text, numbers)
    caught = power.curves(measured.shop, after.policy, _margins(after.policy))
    rates = margins.rates(measured.checked, after.policy, _margins(after.policy))
    shop.report("  a candidate with each fault")
    windows = here.champion.windows
    tables = source.tables(windows.since, windows.holdout.until, windows.as_of)
    data = _data(here)
    return Calibration(
        data=data,
        numbers=numbers,
        rates=rates,
        widened=widened,
        power=caught,
        luck=_in_margins(measured, after.policy),
        margin=after.policy.primary.margin,
        alarms=quiet,
        controls=list(controls.every(after, tables)),
        moved=_moved(before, numbers, data),
    )


def _gate(court: Court, measured: Measurements) -> tuple[list[Proposal], bool]:
    """The margins, chosen within training and checked on the holdout; and whether they had to be widened."""
    known = limits.knowledge(measured.windows, measured.guesses)
    found = margins.proposed(measured.chosen, court.policy, known, measured.judged_clusters)
    rates = margins.rates(measured.checked, court.policy, _margins(court.policy, found))
    if rates.verdicts["worse"] <= margins.WORSE:
        return found, False
    every = [*measured.chosen, *measured.checked]
    return margins.proposed(every, court.policy, known, measured.judged_clusters), True


def _others(court: Court, measured: Measurements, chosen: list[Proposal]) -> list[Proposal]:
    """Limits of the checks that hold one figure each."""
    policy, name = court.policy, court.policy.primary.metric
    pairs = [*measured.chosen, *measured.checked]
    luck = {
        metric: margins.usual([abs(pair.gains[metric][0]) for pair in pairs], limits.USUAL)
        for metric in pairs[0].gains
    }
    known = limits.knowledge(measured.windows, measured.guesses)
    jump = policy.leak.jump.metric
    lacks = limits.lacks(jump, measured.windows)
    halves = [(pair.gains[name][2] - pair.gains[name][1]) / 2 for pair in measured.checked]
    width = margins.usual(halves, 0.5)
    held = measured.windows[2].rows
    return [
        *limits.minimum_requirements(policy, measured.windows, measured.guesses, luck),
        *limits.fairness(policy, measured.windows),
        *limits.golden(measured.golden),
        *limits.leaks(measured.tables, known[jump], lacks),
        limits.size(court.champion.megabytes),
        limits.latency(measured.slower, policy.latency.limit),
        *limits.holdout(width, _margin(court, chosen), held.weight.shape[1], len(held.label)),
    ]


def _monitor(court: Court, measured: Measurements, margin: float) -> alarms.Found:
    """The settings of the monitor on years of the past."""
    setup, rows = monitor_settings.read(), measured.past
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
    return alarms.find(known, until, importance, setup, 2 * margin, court.settings.seed)


def court() -> Court:
    """The working tree's champion, by the policy of its params.yaml."""
    champion = candidates.take()
    golden = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.is_file() else []
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
    by_hand = "; ".join(f"{'.'.join(keys)}: {value}" for keys, value in values.items())
    return params_text.edit(text, values, f"write them by hand: {by_hand}")


def _margins(policy: Policy, found: list[Proposal] | None = None) -> dict[str, float]:
    """By check, the margin of the policy, or where one is proposed that."""
    own = {"primary": policy.primary.margin, "slices": policy.slices.margin}
    own |= {f"guards.{name}": guard.margin for name, guard in policy.guards.items()}
    for one in found or []:
        name = one.key.removeprefix("review.").removesuffix(".margin")
        if one.value is not None and name in own:
            own[name] = float(one.value)
    return own


def _margin(court: Court, found: list[Proposal]) -> float:
    return _margins(court.policy, found)["primary"]


def _in_margins(measured: Measurements, policy: Policy) -> dict[str, list[float]]:
    of = {policy.primary.metric: policy.primary.margin}
    of |= {name: guard.margin for name, guard in policy.guards.items()}
    return {
        name: [pair.gains[name][0] / margin for pair in measured.checked]
        for name, margin in of.items()
        if margin > 0
    }


def _data(court: Court) -> dict[str, Any]:
    windows = court.champion.windows
    return {
        "train_rows": len(court.champion.train),
        "judged_rows": len(court.champion.holdout),
        "from": f"{windows.train.since:%Y-%m-%d}",
        "until": f"{windows.holdout.until:%Y-%m-%d}",
    }


def _text() -> str:
    if not PARAMS.is_file():
        raise LoopError(f"{PARAMS} is missing", "a file of params", "run from the repository's root")
    return PARAMS.read_bytes().decode("utf-8")


def _before() -> dict[str, Any]:
    """What the last calibration wrote; nothing where there was none, or where it cannot be read."""
    try:
        found = json.loads(RECORD.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("numbers"), dict) else {}


def _record(found: Calibration, before: dict[str, Any]) -> dict[str, Any]:
    """What the next calibration compares with: data, and the numbers that calibrations left; how they held.

    Of a number that a person changed since, the one before: so that it stays the person's.
    """
    numbers: dict[str, Value] = {
        one.key: one.value for one in found.numbers if one.became in ("set", "as it was")
    }
    held = {
        "pairs": found.rates.pairs,
        "verdicts": {name: files.rounded(share) for name, share in found.rates.verdicts.items()},
        "margins_widened_by_the_same_pairs": found.widened,
        "smallest_loss_caught": power.smallest(found.power[power.EVERYWHERE]),
        "false_alarms_a_year": files.rounded(found.alarms.fresh),
        "faults": len(found.controls),
        "faults_not_refused": [one.fault for one in found.controls if not one.refused],
    }
    return {"data": found.data, "numbers": before.get("numbers", {}) | numbers, "held": held}


def _moved(before: dict[str, Any], numbers: list[Number], data: dict[str, Any]) -> list[str]:
    """What is another number than after the last calibration, and which data that was of."""
    then, old = before.get("data", {}), before.get("numbers", {})
    if not then or then == data:
        return []
    span = f"{then['from']} to {then['until']}, {counted(then['train_rows'], 'row')} trained"
    moved = [
        f"{one.key}: {old[one.key]} then, {one.value} now ({one.why})"
        for one in numbers
        if old.get(one.key, one.value) != one.value
    ]
    return [f"the last calibration was of {span}", *(moved or ["no number moved"])]
