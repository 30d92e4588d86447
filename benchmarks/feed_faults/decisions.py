"""`python -m benchmarks.feed_faults.decisions [COUNT]`: what the whole monitor advises on faulted histories.

Faults of the held-out half, in an order drawn by chance, on problems that have a model: the example and the
second problem. `loop monitor` is run on each 14 and 28 days after its first day, and on the same day without
it. Wrong is "retrain", and "nothing". A fault that changes no row (the hours lost of a table without such
hours) counts as none. Needs the results of `loop run`. The first COUNT of each problem are
run that benchmarks/feed_faults.json does not hold yet; the table goes to standard output.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from benchmarks.feed_faults.kinds import KINDS, Kind, Tables, Target

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/feed_faults.json"
SEED = 19
AFTER = (14, 28)  # days from a fault's first one to the run
FIRST_DAYS = ("2013-07-24", "2013-10-18"), ("2020-08-21", "2020-11-15")  # those of the held-out half
COUNT = 20
DAY = pd.Timedelta(days=1)
VISITS = Target(
    "visits", "visited_at", ("patient",), "age", "bmi", "clinic", ("west", "east", "north"), "progression",
    lambda v: 350 - v, ("measured_at",),
)  # fmt: skip
WEATHER = Target(
    "weather", "observed_at", ("origin", "observed_at"), "pressure_millibars", "wind_mph", "origin",
    ("EWR", "JFK", "LGA"), "humidity_percent", lambda v: 100 - v, (),
)  # fmt: skip
FLIGHTS = Target(
    "flights", "scheduled_departure", ("flight_date", "carrier", "flight", "origin"),
    "distance_miles", "arrival_delay_minutes", "dest", ("CAK", "LAS", "ATL"), "arrival_delay_minutes",
    lambda v: 29 - v, ("scheduled_arrival", "arrived_at"),
)  # fmt: skip
PROBLEMS = {
    "flights": ((WEATHER, FLIGHTS), FIRST_DAYS[0]),
    "second problem": ((VISITS,), FIRST_DAYS[1]),
}

Case = tuple[Kind, int, Target, str]


def main() -> None:
    """Ask the monitor of each problem for cases that are not known yet."""
    count = int(sys.argv[1]) if sys.argv[1:] else COUNT
    found = json.loads(RESULTS.read_text())
    with tempfile.TemporaryDirectory() as folder:
        for name, key in (("flights", "flights"), ("second problem", "visits")):
            known = found[key].setdefault("decisions", [])
            home = ROOT if name == "flights" else _second(Path(folder) / "second")
            for line in _asked(home, name, len(known), count):
                known.append(line)
                RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


def drawn(problem: str) -> list[Case]:
    """Every held-out case of a problem, in the order drawn."""
    targets, days = PROBLEMS[problem]
    cases = [
        (kind, size, target, day) for target in targets for kind in KINDS for size in range(3) for day in days
    ]
    return [cases[place] for place in np.random.default_rng(SEED).permutation(len(cases))]


def _second(path: Path) -> Path:
    sys.path[:0] = [str(ROOT / "tests")]
    from support.small_problem import small
    from support.warm import Warm

    warm = Warm()
    os.environ["WARM_BIN"] = str(warm.bin)
    try:
        return Path(small(path).path)
    finally:
        warm.stop()


def _asked(home: Path, problem: str, known: int, count: int) -> Any:
    """Each case in turn, by the code of the repository at `home`."""
    script = f"from benchmarks.feed_faults.decisions import answer; answer({problem!r}, {known}, {count})"
    paths = os.pathsep.join([str(home / "src"), str(ROOT)])
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=home, text=True, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    ) as asked:  # fmt: skip
        assert asked.stdout
        yield from (json.loads(line[5:]) for line in asked.stdout if line.startswith("case "))
    if asked.returncode:
        raise SystemExit(asked.returncode)


def answer(problem: str, known: int, count: int) -> None:
    """Print what is decided on each case from the number `known` on, until there are `count`."""
    from loop.base.errors import LoopError
    from loop.monitor import monitor
    from problem import source

    warnings.simplefilter("ignore")
    real = source.tables

    def usual(*asked: pd.Timestamp) -> Tables:
        found = dict(real(*asked))
        if problem == "second problem":  # nothing else shall move: what is planted is all
            rows = found["visits"]
            moved = 40 * (rows["visited_at"] >= pd.Timestamp("2020-07-15", tz="UTC"))
            found["visits"] = rows.assign(progression=rows["progression"] - moved)
        return found

    without: dict[str, str] = {}
    for place, (kind, size, target, day) in enumerate(drawn(problem)[:count]):
        first = pd.Timestamp(day, tz="UTC")
        if place < known:
            continue

        def faulted(since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> Tables:
            found = dict(usual(since, until, as_of))
            whole = usual(pd.Timestamp(f"{first.year}", tz="UTC"), until, as_of)[target.table]  # noqa: B023
            after = whole[target.time] >= first  # noqa: B023 - asked before the next case
            if after.any():
                own = kind.plant(whole, after, target, kind.sizes[size])  # noqa: B023
                changed[0] |= not own.equals(whole)  # noqa: B023
                kept = own[target.time] >= found[target.table][target.time].min()  # noqa: B023
                found[target.table] = own[kept].reset_index(drop=True)  # noqa: B023
            return found

        said: dict[str, str] = {}
        changed = [False]
        for days in AFTER:
            now = first + days * DAY
            if f"{now}" not in without:
                source.tables = usual  # type: ignore[assignment]
                without[f"{now}"] = monitor.find([], now).decision
            source.tables = faulted  # type: ignore[assignment]
            try:
                found = monitor.find([], now)
                said[f"{days}"], reason = found.decision, found.reason
            except LoopError as error:  # of the fault, since the history without it gave none
                said[f"{days}"], reason = "error", str(error)
            said[f"{days} without"] = without[f"{now}"]
        case = {
            "kind": kind.name,
            "size": size,
            "table": target.table,
            "first": day,
            "changed": changed[0],
            **said,
        }
        print("case", json.dumps({**case, "reason": reason[:200]}), flush=True)


def table(found: dict[str, Any]) -> str:
    """Markdown: of each problem and size how many faulted histories get which advice."""
    lines = [
        "| problem | size | faults run | retrain, on either day | 95 % interval | nothing, after 28 days "
        "| 95 % interval | what else is said after 28 days |",
        "|---|---|--:|--:|---|--:|---|---|",
    ]
    for name, one in found.items():
        for sizes, word in (((0,), "small"), ((1,), "middle"), ((2,), "gross"), ((0, 1, 2), "all")):
            cases = [case for case in one.get("decisions", []) if case["changed"] and case["size"] in sizes]
            if not cases:
                continue
            last = Counter(case[f"{AFTER[-1]}"] for case in cases)
            wrong = sum("retrain" in (case[f"{days}"] for days in AFTER) for case in cases)
            nothing = last.pop("nothing", 0)
            others = ", ".join(f"{what} {many}" for what, many in last.most_common())
            lines.append(
                f"| {name} | {word} | {len(cases)} | {wrong} | {_interval(wrong, len(cases))} "
                f"| {nothing} | {_interval(nothing, len(cases))} | {others} |"
            )
    return "\n".join(lines)


def _interval(count: int, of: int) -> str:
    """Clopper and Pearson's."""
    own = binomtest(count, of).proportion_ci()
    return f"{own.low:.0%} to {own.high:.0%}"


if __name__ == "__main__":
    main()
