"""monitor: what arrived since training, whether it hurts, and what to do: one decision with its evidence.

Everything is taken as known at `now`. Nothing is written but monitor/.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from loop import files, params, settings, watch
from loop.errors import LoopError
from loop.features import DECIDED_AT
from loop.monitor import (
    attempts,
    backtest,
    champion,
    decide,
    drift,
    estimate,
    feed,
    finding,
    outcomes,
    page,
    performance,
    reference,
    report,
    served,
    tell,
    use,
    windows,
)
from loop.monitor.champion import Champion
from loop.monitor.decide import Case, Decision
from loop.monitor.feed import Feed
from loop.monitor.finding import EXIT_CODES, FINDING, FOLDER, Breach, Event, Finding, Gain, Model, Point, Window
from loop.monitor.outcomes import Joined
from loop.monitor.performance import Daily
from loop.monitor.series import Series
from loop.params import Resampling
from loop.policy import Policy
from loop.stats import bootstrap
from loop.watch import Settings
from problem import metrics, schema, source

DAY = pd.Timedelta(days=1)
LOOKS_MAX = 60


def main(folders: Sequence[Path], now: pd.Timestamp, with_issue: bool) -> int:
    """Look, write monitor/, print one screen; the exit code is the decision's."""
    found = look(folders, now)
    files.write_text(FINDING, found.model_dump_json(indent=2) + "\n")
    files.write_text(FOLDER / "report.md", report.markdown(found))
    files.write_text(FOLDER / "report.html", page.page(found))
    print(report.terminal(found))
    if with_issue:
        tell.tell(found)
    return EXIT_CODES[found.decision]
