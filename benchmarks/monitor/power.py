"""Power: faults of rising size planted into resampled days, and how many days pass until somebody is told.

Days are drawn one by one from the training months. The fault begins after the days that the first looks need
and stays for eight weeks; looks come once a week, as in production.
"""

from typing import Any

import numpy as np

from benchmarks.monitor.simulate import Days, Ints, Monitor, Seen, after, draw
from benchmarks.monitor.world import World
from benchmarks.verdicts.data import share
from loop.monitor import decide

SEED, STRETCHES, WEEKS, FOUR = 2, 40, 8, 28


def measure(world: World) -> dict[str, Any]:
    """Share told within four and eight weeks, and days until then, by fault and size."""
    monitor = Monitor(world)
    looks = after(world.settings)
    begins, weekly = looks[-1], [looks[-1] + 7 * week for week in range(1, WEEKS + 1)]
    days = int((np.datetime64(world.trained) - monitor.reference.daily.days[0]).astype(int))
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
    looks = [*after(monitor.settings), *range(begins + 7, len(places[0]) + 1, 7)]
    both = plain.then(planted)
    moved = [np.where(np.arange(len(one)) < begins, one, one + len(plain.counts)) for one in places]
    seen = monitor.see([both.take(one) for one in moved], looks)
    before = len(after(monitor.settings))
    days = [told_after(one, before, monitor) for one in seen]
    names = [one.name for one in seen[0].series]
    return {
        "four weeks": share(sum(day <= FOUR for day in days), len(days)),
        "eight weeks": share(sum(np.isfinite(day) for day in days), len(days)),
        "days": _median(days),
        "signals": {
            name: share(sum(bool(one.series[place].alarm[before:].any()) for one in seen), len(seen))
            for place, name in enumerate(names)
        },
        "loss": round(float(_mean(planted.daily.loss, planted.daily.rows)), 4),
    }


def told_after(seen: Seen, before: int, monitor: Monitor) -> float:
    """Days from the fault to the first look that tells somebody; infinite where none does."""
    alarm = decide.seen(seen.series)
    for look in range(before, len(alarm)):
        if decide.told(alarm[: look + 1], monitor.settings.hysteresis):
            return 7.0 * (look - before + 1)
    return float("inf")


def _median(days: list[float]) -> float | None:
    """The day by which half are told; None where half never are."""
    middle = float(np.sort(days)[(len(days) - 1) // 2])
    return middle if np.isfinite(middle) else None


def _mean(total: np.ndarray, rows: np.ndarray) -> float:
    return float(total.sum() / rows.sum())
