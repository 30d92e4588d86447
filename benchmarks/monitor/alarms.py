"""False alarms: what the monitor decides on days of its own training months, where nothing changed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.canary.looks import share
from benchmarks.monitor.simulate import Days, Monitor, Seen, bare, draw, length
from benchmarks.monitor.world import World
from loop import params
from loop.features import DECIDED_AT
from loop.monitor import backtest, champion, decide, harm, windows
from loop.monitor.champion import Champion
from loop.monitor.decide import Case, Decision
from loop.monitor.finding import Gain
from loop.stats import bootstrap
from problem import metrics

SEED, STRETCHES, TEN = 1, 1000, 10
BLOCKS = {"days": 1, "weeks": 7, "four weeks": 28}
DAY = pd.Timedelta(days=1)


def measure(world: World) -> dict[str, Any]:
    """Words by how days are drawn, with a real retrain wherever there is suspicion; then months held out."""
    monitor = Monitor(world)
    training = world.before(world.trained)
    days = len(np.unique(_day(training)))
    found: dict[str, Any] = {"seed": SEED, "stretches": STRETCHES, "days": days}
    with champion.of(*champion.which(), Path.cwd()) as model:
        for name, block in BLOCKS.items():
            rng = np.random.default_rng(SEED)
            places = [draw(rng, days, length(monitor.settings), block) for _ in range(STRETCHES)]
            seen = monitor.see([monitor.reference.take(one) for one in places], looks_after(monitor))
            words = [
                _word(one, where, model, world) for one, where in zip(seen, places, strict=True)
            ]
            found[name] = summary(monitor, seen, words)
    found["held out"] = _held_out(monitor, days)
    return found


def summary(monitor: Monitor, seen: list[Seen], words: list[str]) -> dict[str, Any]:
    """Shares of words and of suspicion, signal by signal, and those of the bare rule."""
    of, names = len(seen), [one.name for one in seen[0].series]
    told = {
        name: [decide.told(one.series[place].alarm, monitor.settings.hysteresis) for one in seen]
        for place, name in enumerate(names)
    }
    most = np.argsort([-use for use in monitor.use.values()]).tolist()
    return {
        "words": {word: share(words.count(word), of) for word in ("nothing", "watch", "retrain", "page")},
        "suspected": share(sum(_suspected(one, monitor) for one in seen), of),
        "one look": share(sum(bool(decide.seen(one.series)[-1]) for one in seen), of),
        "signals": {name: share(sum(some), of) for name, some in told.items()},
        "bare, any feature": share(sum(bare(one, most) for one in seen), of),
        "bare, ten most used": share(sum(bare(one, most[:TEN]) for one in seen), of),
    }
