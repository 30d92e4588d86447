"""What moved within one slice while it did not over all rows: a drift that the whole hides.

Each slice is compared with its own past, by the distances of drift.py; p-values are corrected for all slices
and columns that were asked, by the weight of the column. It decides nothing, and says where to look.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from loop.base import files
from loop.data.features import DECIDED_AT
from loop.kit import groups
from loop.monitor.inputs.windows import Days, start, window
from loop.monitor.schema import SliceDrift
from loop.monitor.signals import drift
from loop.monitor.signals.drift import SCORE, TESTS, Drift
from loop.settings.monitor_settings import Settings
from loop.stats import thresholds
from problem import metrics

ROWS = (
    100  # of a slice in the newest window, and in the past for each window of it, below which it is not asked
)
SLICES = 30  # of a cut, the most frequent


def moved(rows: pd.DataFrame, whole: Drift, when: Days, setup: Settings) -> list[SliceDrift]:
    """The slices of the problem's own cuts in which a feature or the score moved, the surest first.

    Columns that alarm over all rows (`whole`) are not asked: every slice of them would. The score counts as
    much as all features together.
    """
    weights = whole.importance | {SCORE: sum(whole.importance.values())}
    told = {one.name for one in whole.features() if one.alarm}
    told |= {one.name for one in whole.series() if one.name == SCORE and one.alarm[-1]}
    asked = {name: weight for name, weight in weights.items() if name not in told and weight > 0}
    found, p, weight = [], [], []
    for cut, value, part in _slices(rows, when, setup):
        profile = drift.profiled(part, when.baseline, [name for name in asked if name != SCORE])
        for name, one in drift.columns(profile, when.baseline, [when.until], setup).items():
            if name in asked:
                least = TESTS[int(np.nan_to_num([one.tests[test][0] for test in TESTS], nan=1.0).argmin())]
                newest = len(window(part, when.until, setup))
                far = float(one.values[least][0])
                found.append((cut, value, name, newest, least, far, one.limits[least]))
                p.append(float(one.p[0]))
                weight.append(asked[name])
    adjusted = thresholds.benjamini_hochberg(p, weight)
    return [
        SliceDrift(
            **dict(zip(("cut", "value", "column", "rows", "distance"), found[place][:5], strict=True)),
            far=files.rounded(found[place][5]),
            limit=files.rounded(found[place][6]),
            p=files.rounded(float(adjusted[place])),
        )
        for place in np.argsort(adjusted, kind="stable").tolist()
        if adjusted[place] < setup.alpha
    ]


def _slices(rows: pd.DataFrame, when: Days, setup: Settings) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Cut, value and rows of each slice that had rows enough before, and has them now."""
    past = (start(when.baseline) - start(when.since)) / pd.Timedelta(days=setup.window_days)
    before = rows[DECIDED_AT] < start(when.baseline)
    ways: Mapping[str, groups.By] = {**metrics.SLICES, **metrics.SUBGROUPS}
    for cut, way in ways.items():
        try:
            values = way(rows)
        except (KeyError, ValueError, TypeError):  # of a label that has not come, or what the log dropped
            continue
        newest = window(rows.assign(value=values), when.until, setup)["value"].value_counts()
        for value in newest[newest >= ROWS].index[:SLICES]:
            inside = values == value
            if (inside & before).sum() >= ROWS * past:
                yield cut, str(value), rows[inside]
