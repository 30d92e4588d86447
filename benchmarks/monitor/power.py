"""Power: faults of rising size planted into resampled days, and how many days pass until somebody is told.

Days are drawn one by one from the training months. The fault begins after the days that the first runs need
and stays for eight weeks; runs come once a week, as in production.
"""

from typing import Any

import numpy as np

from benchmarks.monitor.simulate import Days, Ints, Monitor, Runs, after, draw
from benchmarks.monitor.world import World
from benchmarks.verdicts.data import share
from loop.monitor import decide

SEED, STRETCHES, WEEKS, FOUR = 2, 40, 8, 28


def measure(world: World) -> dict[str, Any]:
    """Share told within four and eight weeks, and days until then, by fault and size."""
    monitor = Monitor(world)
    runs = after(world.settings)
    begins, weekly = runs[-1], [runs[-1] + 7 * week for week in range(1, WEEKS + 1)]
    days = int((np.datetime64(world.trained) - monitor.baseline.daily.days[0]).astype(int))
    rng = np.random.default_rng(SEED)
    places = [draw(rng, days, weekly[-1], 1) for _ in range(STRETCHES)]
    plain = monitor.table(world.before(world.trained), world.trained)
    cases = {"nothing": {"sizes": [0], "unit": "", "found": [_case(monitor, plain, plain, places, begins)]}}
    for fault in world.faults():
        found = []
        for size in fault.sizes:
            planted = monitor.table(world.planted(fault, size), world.trained)
            found.append(_case(monitor, plain, planted, places, begins))
        cases[fault.name] = {"sizes": list(fault.sizes), "unit": fault.unit, "found": found}
    return {"seed": SEED, "stretches": STRETCHES, "weeks": WEEKS, "cases": cases}


def _case(monitor: Monitor, plain: Days, planted: Days, places: list[Ints], begins: int) -> dict[str, Any]:
    """What became of stretches whose days are planted from `begins` on."""
    runs = [*after(monitor.settings), *range(begins + 7, len(places[0]) + 1, 7)]
    both = plain.then(planted)
    moved = [np.where(np.arange(len(one)) < begins, one, one + len(plain.counts)) for one in places]
    found_runs = monitor.run([both.take(one) for one in moved], runs)
    before = len(after(monitor.settings))
    days = [reported_after(one, before, monitor) for one in found_runs]
    names = [one.name for one in found_runs[0].series]
    return {
        "four weeks": share(sum(day <= FOUR for day in days), len(days)),
        "eight weeks": share(sum(np.isfinite(day) for day in days), len(days)),
        "days": _median(days),
        "signals": {
            name: share(
                sum(bool(one.series[place].alarm[before:].any()) for one in found_runs), len(found_runs)
            )
            for place, name in enumerate(names)
        },
        "loss": round(float(_mean(planted.daily.loss, planted.daily.rows)), 4),
    }


def reported_after(found_runs: Runs, before: int, monitor: Monitor) -> float:
    """Days from the fault to the first run that reports something; infinite where none does."""
    alarm = decide.alarms(found_runs.series)
    for run in range(before, len(alarm)):
        if decide.confirmed(alarm[: run + 1], monitor.settings.hysteresis):
            return 7.0 * (run - before + 1)
    return float("inf")


def _median(days: list[float]) -> float | None:
    """The day by which half are reported; None where half never are."""
    middle = float(np.sort(days)[(len(days) - 1) // 2])
    return middle if np.isfinite(middle) else None


def _mean(total: np.ndarray, rows: np.ndarray) -> float:
    return float(total.sum() / rows.sum())
