"""`python -m benchmarks.feed_faults [PROBLEM...] [COUNT]`: faults planted into feeds, and what is said.

Each kind of fault, in three sizes, begins on several days of each feed, between the source and whatever reads
it. A monitoring run comes each week. Rules and limits were chosen on one half of the faults; the half "held
out" has columns, groups and first days of its own, and one feed that is in it alone. With COUNT so many
faults of that half are drawn by chance, and the other is left out. Written to benchmarks/feed_faults.json;
the table to standard output.
"""

import json
import sys
import warnings
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.feed_faults.kinds import KINDS, SEED, Kind, Target
from benchmarks.feed_faults.problems import PROBLEMS, Problem
from loop.data import feed_changes
from loop.data.feed_tables import Table
from loop.data.told_change import Change

RESULTS = Path(__file__).parent.parent / "feed_faults.json"
HALVES = ("chosen", "held out")
FIRST_DAYS = {"chosen": (24, 101), "held out": (53, 139)}  # after the past
RUNS, NEAR = (7, 14), pd.Timedelta(days=2)
DAY = pd.Timedelta(days=1)
_here: dict[str, Any] = {}


def main() -> None:
    """Measure the problems named, all by default."""
    count = next((int(word) for word in sys.argv[1:] if word.isdigit()), None)
    names = [word for word in sys.argv[1:] if not word.isdigit()] or list(PROBLEMS)
    found = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for name in names:
        found[name] = {
            **found.get(name, {}),
            **_measure(PROBLEMS[name](), count),
        }  # what peers and monitor said stays
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


def _measure(problem: Problem, count: int | None) -> dict[str, Any]:
    cases = [
        (half, kind, size, target, problem.past + day * DAY)
        for half in HALVES
        for target in range(len(problem.targets.get(half, ())))
        for kind in range(len(KINDS))
        for size in range(3)
        for day in FIRST_DAYS[half]
    ]
    if count is not None:
        own = [case for case in cases if case[0] == HALVES[1]]
        cases = [own[place] for place in np.random.default_rng(SEED).permutation(len(own))[:count]]
    _here["problem"] = problem
    usual = _found(problem, problem.watched(problem.tables, problem.until), problem.until)
    _here["usual"] = {(one.place, one.since) for one in usual}
    with get_context("fork").Pool() as pool:
        found = pool.map(_case, cases, chunksize=2)
    unharmed = [{"place": one.place, "since": one.since, "what": one.what} for one in usual]
    return {"days": (problem.until - problem.past).days, "unharmed": unharmed, "cases": found}


def _found(problem: Problem, tables: list[Table], end: pd.Timestamp) -> list[Change]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return feed_changes.find(tables, problem.since, problem.past, end)


def _case(case: tuple[str, int, int, int, pd.Timestamp]) -> dict[str, Any]:
    """What is said of one fault at each of the first weekly runs, of the tables that it reaches."""
    half, kind, size, first = case[0], KINDS[case[1]], case[2], case[4]
    problem: Problem = _here["problem"]
    target = problem.targets[half][case[3]]
    rows = problem.tables[target.table]
    planted = kind.plant(rows, rows[target.time] >= first, target, kind.sizes[size]).reset_index(drop=True)
    told: dict[int, list[Change]] = {}
    for days in RUNS:
        end = first + days * DAY
        as_ever = {one.name: one.rows for one in problem.watched(problem.tables, end)}
        tables = problem.watched({**problem.tables, target.table: planted}, end)
        met = [one for one in tables if not one.rows.equals(as_ever[one.name])]
        told[days] = [
            one for one in _found(problem, met, end) if (one.place, one.since) not in _here["usual"]
        ]
    last = told[RUNS[-1]]
    return {
        "half": half,
        "kind": kind.name,
        "size": size,
        "table": target.table,
        "first": f"{first:%Y-%m-%d}",
        "days": next((days for days in RUNS if told[days]), None),
        "named": any(_named(one, kind, target, kind.sizes[size], first) for one in last),
        "said": [one.summary for one in last[:2]],
    }


def _named(change: Change, kind: Kind, target: Target, size: float, first: pd.Timestamp) -> bool:
    near = abs(pd.Timestamp(change.since, tz="UTC") - first) <= NEAR
    words = f"{change.place}|{change.what} {' '.join(change.others)}"
    return near and any(word in words for word in kind.named(target, size))


def table(found: dict[str, Any]) -> str:
    """Markdown: of each half, problem and size the shares, and what the unharmed feed was told."""
    lines = [
        "| half | problem | size | faults | told in 7 days | in 14 days | named by place and day |",
        "|---|---|---|--:|--:|--:|--:|",
    ]
    for half in reversed(HALVES):
        for name, one in found.items():
            for size, word in enumerate(("small", "middle", "gross")):
                cases = [case for case in one["cases"] if (case["half"], case["size"]) == (half, size)]
                if not cases:
                    continue
                told = [case for case in cases if case["days"]]
                soon = sum(case["days"] == RUNS[0] for case in told) / len(cases)
                named = sum(case["named"] for case in told) / max(len(told), 1)
                lines.append(
                    f"| {half} | {name} | {word} | {len(cases)} | {soon:.0%} | {len(told) / len(cases):.0%} "
                    f"| {named:.0%} |"
                )
    lines += ["", "| problem | days without a fault | changes told |", "|---|--:|---|"]
    for name, one in found.items():
        said = "; ".join(f"{each['place']} since {each['since']}" for each in one["unharmed"]) or "none"
        lines.append(f"| {name} | {one['days']} | {said} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
