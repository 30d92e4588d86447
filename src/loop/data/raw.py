"""Raw tables, repaired by named rules and held against their contract: all at once, nothing written."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from loop.data import breach_place, contract, day_hashes, personal
from loop.data.contract import Breach
from loop.kit.types import RawTable, Rule
from loop.settings import params
from problem import schema, source


class Params(params.Section):
    """`validate` of params.yaml."""

    limits: schema.Limits


def tables(since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """The source's tables, whole, also those that it gives in parts."""
    found: Mapping[str, RawTable] = source.tables(since, until, as_of)
    return {
        name: one if isinstance(one, pd.DataFrame) else pd.concat(one, ignore_index=True)
        for name, one in found.items()
    }


def repair(table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The frame after every repair of its table, and what each changed: rule, why, rows."""
    log = []
    for rule in schema.REPAIRS:
        if rule.table == table:
            fixed = rule.fix(frame)
            log.append({"table": table, "rule": rule.name, "why": rule.why, "rows": _changed(frame, fixed)})
            frame = fixed.reset_index(drop=True)
    return frame, log


def validate(
    tables: Mapping[str, pd.DataFrame],
    limits: schema.Limits,
    *,
    since: pd.Timestamp,
    until: pd.Timestamp,
    as_of: pd.Timestamp,
) -> tuple[dict[str, pd.DataFrame], dict[str, Any], list[Breach]]:
    """Repaired tables, a report, and every breach of the contract; tables come in as ingested, one by one.

    Rows are those decided in [since, until) as known at `as_of`, all in UTC.

    A table with a wrong structure is neither repaired nor checked further, and then no rule
    across tables is asked either.
    """
    contracts = schema.raw(as_of, limits)
    of_structure: list[Breach] = []
    breaches: list[Breach] = []
    valid, rows, repairs = {}, dict.fromkeys(tables, 0), []
    for name, expected in contracts.items():
        frame = tables.get(name)
        broken = _structure(frame, expected, name)
        if frame is not None:
            rows[name] = len(frame)
        if frame is None or broken:
            of_structure += broken
            continue
        valid[name], log = repair(name, frame)
        del frame
        repairs += log
        time = day_hashes.dated(name, valid[name])
        find = partial(breach_place.placed, time=time) if time else None
        breaches += contract.check(valid[name], expected, name, find)
    breaches = [*of_structure, *breaches]
    if not of_structure:
        breaches += [
            _breach(rule, since, until)
            for rule in schema.rules(valid, limits, since=since, until=until, as_of=as_of)
            if len(rule.offenders)
        ]
    report = {
        "passed": not breaches,
        "as_of": as_of.isoformat(),
        "rows": rows,
        "repairs": repairs,
        "breaches": [breach.as_json() for breach in breaches],
    }
    return valid, report, breaches


def _structure(frame: pd.DataFrame | None, expected: Any, name: str) -> list[Breach]:
    if frame is None:
        return [Breach(name, "table missing", "", 0, (), "return it from src/problem/source.py")]
    if frame.empty:
        return [Breach(name, "table is empty", "", 0, (), "look at windows in params.yaml and at the source")]
    return contract.structure(frame, expected, name)


def _breach(rule: Rule, since: pd.Timestamp, until: pd.Timestamp) -> Breach:
    """A rule that is broken; where its offenders are of days, since when, and examples are of then."""
    own = rule.offenders.astype("str")
    began = breach_place.of_days(own, since, until)
    if began is not None:
        own = own[own >= began.since]
    some = tuple(own.drop_duplicates().iloc[: contract.EXAMPLES])
    examples = (contract.HIDDEN,) if rule.column in personal.marks() else some
    found = Breach(rule.table, rule.name, rule.column, len(rule.offenders), examples, rule.todo)
    return replace(found, since=began.since, before=began.before, after=began.after) if began else found


def _changed(before: pd.DataFrame, after: pd.DataFrame) -> int:
    if len(before) != len(after):
        return abs(len(before) - len(after))
    old, new = before.reset_index(drop=True), after.reset_index(drop=True)
    same = old.eq(new) | (old.isna() & new.isna())
    return int((~same.all(axis=1)).sum())
