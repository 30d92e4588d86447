"""`python -m benchmarks.feed_faults [PROBLEM...]`: faults planted into three feeds, and what is said of them.

Each kind of fault, in three sizes, begins on several days of each feed, between the source and whatever reads
it. A monitoring run comes each week. Written to benchmarks/feed_faults.json; the table to standard output.
Rules were mended after a look at these cases: the shares are not held out.
"""

import json
import sys
import warnings
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.feed_faults.kinds import KINDS, Kind, Target
from benchmarks.feed_faults.problems import PROBLEMS, Problem
from loop.data import feed_changes

RESULTS = Path(__file__).parent.parent / "feed_faults.json"
FIRST_DAYS = (24, 101)  # after the past
HORIZON, SOON, NEAR = 28, 14, pd.Timedelta(days=2)
DAY = pd.Timedelta(days=1)
_here: dict[str, Any] = {}


def main() -> None:
    """Measure the problems named, all by default."""
    names = sys.argv[1:] or list(PROBLEMS)
    found = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for name in names:
        found[name] = _measure(PROBLEMS[name]())
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


def _measure(problem: Problem) -> dict[str, Any]:
    cases = [
        (kind, size, target, problem.past + day * DAY)
        for kind in range(len(KINDS))
        for size in range(3)
        for target in range(len(problem.targets))
        for day in FIRST_DAYS
    ]
    _here["problem"] = problem
    _here["usual"] = _changes(problem, problem.tables, problem.until)
    with get_context("fork").Pool() as pool:
        found = pool.map(_case, cases, chunksize=4)
    unharmed = [{"place": one.place, "since": one.since, "what": one.what} for one in _here["usual"]]
    return {"days": (problem.until - problem.past).days, "unharmed": unharmed, "cases": found}


def _changes(problem: Problem, tables: Any, end: pd.Timestamp) -> list[feed_changes.Change]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return feed_changes.find(problem.watched(tables, end), problem.since, problem.past, end)


def _case(case: tuple[int, int, int, pd.Timestamp]) -> dict[str, Any]:
    problem: Problem = _here["problem"]
    kind, size, target, first = KINDS[case[0]], case[1], problem.targets[case[2]], case[3]
    rows = problem.tables[target.table]
    planted = kind.plant(rows, rows[target.time] >= first, target, kind.sizes[size]).reset_index(drop=True)
    told = {}
    for days in (SOON, HORIZON):
        changes = _changes(problem, {**problem.tables, target.table: planted}, first + days * DAY)
        usual = {(one.place, one.since) for one in _here["usual"]}
        told[days] = [one for one in changes if (one.place, one.since) not in usual]
    return {
        "kind": kind.name,
        "size": size,
        "table": target.table,
        "first": f"{first:%Y-%m-%d}",
        "soon": bool(told[SOON]),
        "caught": bool(told[HORIZON]),
        "named": any(_named(one, kind, target, kind.sizes[size], first) for one in told[SOON]),
        "said": [one.summary for one in told[SOON][:2]],
    }


def _named(change: feed_changes.Change, kind: Kind, target: Target, size: float, first: pd.Timestamp) -> bool:
    near = abs(pd.Timestamp(change.since, tz="UTC") - first) <= NEAR
    words = f"{change.place}|{change.what} {' '.join(change.others)}"
    return near and any(word in words for word in kind.named(target, size))


def table(found: dict[str, Any]) -> str:
    """Markdown: of each problem and size the shares, and what the unharmed feed was told."""
    lines = [
        "| problem | size | faults | told in 14 days | in 28 days | of those told, named by place and day |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for name, one in found.items():
        for size, word in enumerate(("small", "middle", "gross")):
            cases = [case for case in one["cases"] if case["size"] == size]
            soon = [case for case in cases if case["soon"]]
            shares = (len(soon) / len(cases), sum(case["caught"] for case in cases) / len(cases))
            named = sum(case["named"] for case in soon) / max(len(soon), 1)
            lines.append(
                f"| {name} | {word} | {len(cases)} | {shares[0]:.0%} | {shares[1]:.0%} | {named:.0%} |"
            )
    lines += ["", "| problem | days without a fault | changes told |", "|---|--:|---|"]
    for name, one in found.items():
        said = "; ".join(f"{each['place']} since {each['since']}" for each in one["unharmed"]) or "none"
        lines.append(f"| {name} | {one['days']} | {said} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
