"""The monitor of the example's year: limits from the training months, stretches of days drawn from these."""

import numpy as np

from benchmarks.monitor.world import World
from loop.calibrate import past_days
from loop.calibrate.past_days import Days, Ints, Runs, draw
from loop.settings.monitor_settings import Settings

__all__ = ["BARE", "BLOCK", "Days", "Ints", "Monitor", "Runs", "after", "bare", "draw"]
BLOCK = 7
BARE = 0.25  # the usual limit of a PSI


class Monitor(past_days.Monitor):
    """The monitor with the limits of a baseline; `baseline` are its days, in order."""

    def __init__(self, world: World) -> None:
        super().__init__(world.before(world.baseline), world.baseline, world.importance, world.settings)


def bare(found_runs: Runs, rows: list[int]) -> bool:
    """Whether the newest run has a PSI beyond the usual limit in any of these features."""
    return bool((found_runs.psi[rows, -1] > BARE).any())


def after(settings: Settings) -> list[int]:
    """Days after the start of a stretch that its runs come; the last is its end."""
    first = settings.window_days + int(np.ceil(settings.wait_days))
    return [first + run * settings.step_days for run in range(settings.hysteresis.of)]
