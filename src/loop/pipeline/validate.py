"""validate: raw tables, repaired by named rules and held against their contract, and what changed in them.

All breaches are collected in reports/validation.json before anything is refused; clean
tables are written to data/valid only if there are none. A change from one day to the next is a warning until
a person has explained it.
"""

import pandas as pd

from loop.base import files
from loop.base.errors import LoopError
from loop.base.warning import warn
from loop.data import day_hashes, feed_changes, feed_tables
from loop.data.contract import ContractError
from loop.data.raw import Params, validate
from loop.settings import monitor_settings, params
from loop.settings.paths import RAW, VALID, VALIDATION
from problem import source


def main() -> None:
    """Read data/raw, write reports/validation.json, and data/valid if all is well."""
    windows = params.section("windows", params.Windows)
    limits = params.section("validate", Params).limits
    if not RAW.is_dir():
        raise LoopError(f"{RAW} is missing", "the output of `ingest`", "run `loop ingest`, or `loop run`")
    span = {"since": windows.since, "until": windows.holdout.until, "as_of": windows.as_of}
    valid, report, breaches = validate(files.Tables(RAW, source.TIME), limits, **span)
    found = [] if breaches else feed_tables.tables(valid, windows.as_of)
    own = [one for one in monitor_settings.read().accepted if _within(one.since, windows)]
    strange = [one for one in own if found and not feed_changes.named(one, found)]
    changes = feed_changes.find(found, windows.since, None, windows.holdout.until, accepted=own)
    unexplained = [one for one in changes if one.accepted is None]
    report["changes"] = [one.as_json() for one in unexplained]
    report["accepted"] = [one.model_dump() for one in own if one not in strange]
    report["days"] = {} if breaches else day_hashes.of(valid)
    files.write_json(VALIDATION, report)
    if breaches:
        raise ContractError(breaches, f"raw data in {RAW}")
    with files.replacing(VALID) as draft:
        for name, frame in valid.items():
            files.write_table(draft / f"{name}.parquet", frame)
    for other in strange:
        said = f"params.yaml: monitor.accepted names {other.change}, which no table has: it explains nothing"
        warn(f"{said}{feed_changes.nearest(other, found)}")
    for one in unexplained:
        warn(f"the feed changed from one day to the next: {one.summary}")
    fixed = sum(entry["rows"] for entry in report["repairs"])
    print(f"validate: {sum(report['rows'].values()):,} rows kept their contract, {fixed} repaired by rule")


def _within(day: str, windows: params.Windows) -> bool:
    """Whether a day trains or judges this model."""
    return windows.since.floor("D") <= pd.Timestamp(day, tz="UTC") < windows.holdout.until
