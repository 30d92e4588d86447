"""`python -m benchmarks.feed_faults.hard [PROBLEM...]`: faults that may be too slow, or too partial, to tell.

Each comes in three sizes, on first days of the held-out half. Asked is a run 14 days after the first day,
and one 56 days after it where nothing was told. Kept in benchmarks/feed_faults.json.
"""

import json
import sys
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.feed_faults.__main__ import DAY, FIRST_DAYS, HALVES, RESULTS, _found, _here, _named
from benchmarks.feed_faults.kinds import KINDS, SEED, Kind, Target, _drawn, _label, _number, _own, _sd, _set
from benchmarks.feed_faults.problems import PROBLEMS, Problem

HALF = HALVES[1]
AFTER = (14, 56)  # days
SLOW = 60  # days in which a ramp reaches its size
HOUR = 15  # of the day, that a fault meets alone
WEEK = "7D"


def _moved(rows: pd.DataFrame, where: pd.Series, to: Target, by: "pd.Series | float") -> pd.DataFrame:
    """The number moved, in as many digits as it has."""
    known = rows[to.number].dropna()
    digits = next((count for count in range(4) if np.allclose(known, known.round(count))), 4)
    return _set(rows, where, to.number, (rows[to.number] + by).round(digits))


def _ramp(rows: pd.DataFrame, after: pd.Series, to: Target, sd: float, group: bool = False) -> pd.DataFrame:
    days = (rows[to.time] - rows.loc[after, to.time].min()) / DAY
    where = after & _own(rows, to) if group else after
    return _moved(rows, where, to, (days / SLOW).clip(0, 1) * sd * _sd(rows, after, to))


def _row_before(rows: pd.DataFrame, after: pd.Series, to: Target, share: float) -> pd.DataFrame:
    in_time = rows.sort_values(to.time, kind="stable")
    same = [name for name in to.key if name != to.time and rows[name].duplicated().mean() > 1 / 2]
    own = in_time.groupby(same)[to.number] if same else in_time[to.number]
    return _set(rows, after & _drawn(rows, share), to.number, own.shift(1).reindex(rows.index))


def _filled(rows: pd.DataFrame, after: pd.Series, to: Target, share: float) -> pd.DataFrame:
    in_time = (
        rows[to.number].mask(after & _drawn(rows, share)).loc[rows[to.time].sort_values(kind="stable").index]
    )
    same = [name for name in to.key if name != to.time and rows[name].duplicated().mean() > 1 / 2]
    by = [rows[name] for name in same]
    return _set(rows, after, to.number, (in_time.groupby(by) if by else in_time).ffill().reindex(rows.index))


def _labels_shuffled(rows: pd.DataFrame, after: pd.Series, to: Target, share: float) -> pd.DataFrame:
    where = after & _drawn(rows, share)
    rng = np.random.default_rng(SEED)
    part = rows.loc[where, to.outcome].groupby(rows.loc[where, to.time].dt.floor(WEEK))
    return _set(rows, where, to.outcome, part.transform(lambda own: rng.permutation(own.to_numpy())))


def _at_one_hour(rows: pd.DataFrame, after: pd.Series, to: Target) -> pd.Series:
    return after & (rows[to.time].dt.hour == HOUR)


def _outcome(to: Target, _: float) -> tuple[str, ...]:
    return (to.outcome, "label")


HARD = [
    Kind("a ramp, sd in 60 days", (0.5, 1, 2), _ramp, _number),
    Kind("a ramp in a group, sd", (0.5, 1, 2), lambda r, a, t, s: _ramp(r, a, t, s, group=True), _number),
    Kind("the value of the row before", (0.3, 0.6, 1), _row_before, _number),
    Kind("filled from the row before", (0.2, 0.4, 0.8), _filled, _number),
    Kind("labels scaled in a group", (1.2, 1.5, 2),
         lambda r, a, t, s: _set(r, a & _own(r, t), t.outcome, r[t.outcome] * s), _label),
    Kind("labels shuffled in a week", (0.3, 0.6, 1), _labels_shuffled, _outcome),
    Kind("one hour of the day, sd", (0.5, 1, 2),
         lambda r, a, t, s: _moved(r, _at_one_hour(r, a, t), t, s * _sd(r, a, t)), _number),
    Kind("one hour of the day is missing", (0.3, 0.6, 1),
         lambda r, a, t, s: _set(r, _at_one_hour(r, a, t) & _drawn(r, s), t.number, np.nan), _number),
    Kind("every other day, sd", (0.5, 1, 2),
         lambda r, a, t, s: _moved(r, a & (r[t.time].dt.day_of_year % 2 == 0), t, s * _sd(r, a, t)), _number),
    next(kind for kind in KINDS if kind.name == "stuck for days"),
]  # fmt: skip


def main() -> None:
    """Measure the problems named, all by default."""
    found = json.loads(RESULTS.read_text())
    for name in sys.argv[1:] or PROBLEMS:
        found[name]["hard"] = _measure(PROBLEMS[name]())
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


def _measure(problem: Problem) -> list[dict[str, Any]]:
    _here["problem"] = problem
    usual = _found(problem, problem.watched(problem.tables, problem.until), problem.until)
    _here["usual"] = {(one.place, one.since) for one in usual}
    cases = [
        (kind, size, target, problem.past + day * DAY)
        for target in range(len(problem.targets[HALF]))
        for kind in range(len(HARD))
        for size in range(3)
        for day in FIRST_DAYS[HALF]
    ]
    with get_context("fork").Pool() as pool:
        return [one for one in pool.map(_case, cases, chunksize=2) if one]


def _case(case: tuple[int, int, int, pd.Timestamp]) -> dict[str, Any] | None:
    """What is said of one fault of the table that it meets; nothing where it changes no row."""
    kind, size, first = HARD[case[0]], case[1], case[3]
    problem: Problem = _here["problem"]
    target = problem.targets[HALF][case[2]]
    rows = problem.tables[target.table]
    planted = kind.plant(rows, rows[target.time] >= first, target, kind.sizes[size]).reset_index(drop=True)
    if planted.equals(rows):
        return None
    said: dict[str, Any] = {"days": None, "named": False, "said": []}
    for days in AFTER:
        end = first + days * DAY
        as_ever = {one.name: one.rows for one in problem.watched(problem.tables, end)}
        tables = problem.watched({**problem.tables, target.table: planted}, end)
        met = [one for one in tables if not one.rows.equals(as_ever[one.name])]
        told = [one for one in _found(problem, met, end) if (one.place, one.since) not in _here["usual"]]
        if told:
            named = any(_named(one, kind, target, kind.sizes[size], first) for one in told)
            said = {"days": days, "named": named, "said": [one.summary for one in told[:2]]}
            break
    return {"kind": kind.name, "size": size, "table": target.table, "first": f"{first:%Y-%m-%d}", **said}


def table(found: dict[str, Any]) -> str:
    """Markdown: of each kind and problem how many of each size are told within 56 days, and named."""
    names = [name for name in found if found[name].get("hard")]
    lines = [f"| fault: small, middle, gross | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for kind in HARD:
        cells = []
        for name in names:
            own = [one for one in found[name]["hard"] if one["kind"] == kind.name]
            sizes = [[one for one in own if one["size"] == size] for size in range(3)]
            told = ", ".join(
                f"{sum(one['days'] is not None for one in size)} of {len(size)}" for size in sizes
            )
            cells.append(f"{told}; {sum(one['named'] for one in own)} named" if own else "-")
        lines.append(f"| {kind.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
