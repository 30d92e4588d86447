"""monitor: what arrived since training, whether it hurts, and what to do: one decision with its evidence.

Everything is taken as known at `now`. Nothing is written but monitor/.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from loop import files
from loop.monitor import (
    page,
    report,
    tell,
)
from loop.monitor.finding import (
    EXIT_CODES,
    FINDING,
    FOLDER,
)

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
