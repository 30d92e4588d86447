"""How often a shift within one slice is told, by the slice's share of the rows; and how often luck is.

Rows of five months: a score and two features, of which days have luck of their own, that all slices share.
In the newest 28 days one slice moves, in one feature, by so many of the feature's standard deviations.
`python -m benchmarks.monitor.slices [--seeds N]` prints the table of docs/monitoring-judged.md.
"""

import argparse
from functools import partial
from multiprocessing import get_context

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.verdicts.data import share as wilson
from loop.kit import groups
from loop.monitor.inputs.windows import Days
from loop.monitor.signals import drift, drift_by_slice
from loop.settings import params
from loop.settings.monitor_settings import Settings
from problem import metrics

SEEDS, PER_DAY = 100, 400
RUNS = ["2024-05-29"]
WHEN = Days("2024-01-01", "2024-05-01", "2024-05-29", RUNS, RUNS)
SHARES = {"a": 0.65, "b": 0.2, "c": 0.1, "d": 0.05}
SHIFTS = (0.25, 0.5, 1.0)
FEATURES = {"size": 0.5, "weight": 0.5}  # and their importance


def rows(seed: int, slice_: str, shift: float) -> pd.DataFrame:
    """One row per request; from May on a slice's `size` is `shift` standard deviations higher."""
    rng = np.random.default_rng(seed)
    days = pd.date_range(WHEN.since, WHEN.until, freq="D", tz="UTC", inclusive="left")
    at = np.repeat(days, PER_DAY) + pd.Timedelta(hours=12)
    luck = np.repeat(rng.normal(0, 0.3, len(days)), PER_DAY)
    shop = rng.choice(list(SHARES), len(at), p=list(SHARES.values()))
    size = rng.normal(size=len(at)) + luck
    moved = (shop == slice_) & (at >= pd.Timestamp(WHEN.baseline, tz="UTC"))
    size = size + np.where(moved, shift * np.sqrt(1 + 0.3**2), 0)
    weight = rng.normal(size=len(at)) + luck
    score = 1 / (1 + np.exp(1 - 0.5 * size - 0.5 * weight))
    return pd.DataFrame({"decided_at": at, "shop": shop, "size": size, "weight": weight, "score": score})


def told(seed: int, slice_: str, shift: float) -> tuple[bool, bool, bool]:
    """Whether the slice is named, any other is, and whether all rows together alarm."""
    metrics.SLICES, metrics.SUBGROUPS = {"by shop": groups.column("shop")}, {}
    setup = params.section("monitor", Settings)
    frame = rows(seed, slice_, shift)
    profile = drift.profiled(frame, WHEN.baseline, list(FEATURES))
    whole = drift.drift(profile, WHEN.baseline, RUNS, FEATURES, setup)
    named = {one.value for one in drift_by_slice.moved(frame, whole, WHEN, setup)}
    everywhere = any(bool(one.alarm[-1]) for one in whole.series())
    return slice_ in named, bool(named - {slice_}), everywhere


def main() -> None:
    """Simulate and print, worst first: a row per share of the slice."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitor.slices")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = parser.parse_args().seeds
    print(f"| slice of | {' | '.join(f'{shift:g} sd' for shift in SHIFTS)} |\n|---|{'---|' * len(SHIFTS)}")
    with get_context("fork").Pool(2, threadpool_limits, (1,)) as pool:
        for name in ("d", "c", "b"):
            cells = []
            for shift in SHIFTS:
                found = np.array(pool.map(partial(told, slice_=name, shift=shift), range(seeds)))
                cells.append(f"{found[:, 0].mean():.0%} ({found[:, 2].mean():.0%})")
            print(f"| {SHARES[name]:.0%} of rows | {' | '.join(cells)} |", flush=True)
        luck = np.array(pool.map(partial(told, slice_="d", shift=0.0), range(1000, 1000 + 2 * seeds)))
        found = wilson(int((luck[:, 0] | luck[:, 1]).sum()), 2 * seeds)
    print(f"luck named: {found['share']:.1%} ({found['low']:.1%} to {found['high']:.1%}) of runs")


if __name__ == "__main__":
    main()
