"""What a calibration found, for people: lines for the terminal, and a page with its figures in reports/."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loop.base import files
from loop.base.markup import render
from loop.base.template import fill
from loop.calibrate import calibration_figures, margins, power
from loop.calibrate.proposal import MARK

if TYPE_CHECKING:
    from loop.calibrate.calibrate import Calibration

PAGE, FIGURES = Path("reports/calibration.md"), Path("reports/calibration")


def write(found: "Calibration") -> None:
    """The page and its figures, as files."""
    for name, svg in calibration_figures.drawn(found).items():
        files.write_text(FIGURES / f"{name}.svg", svg)
    files.write_text(PAGE, markdown(found))


def markdown(found: "Calibration") -> str:
    """The page."""
    return render("loop.calibrate", "calibration.md.j2", _values(found))


def terminal(found: "Calibration", changed: bool, dry_run: bool) -> str:
    """What changed in params.yaml, what stayed and why, and how well it holds."""
    more = {"changed": changed, "dry_run": dry_run, "page": str(PAGE)}
    return fill("loop.calibrate", "calibrated.txt.j2", **(_values(found) | more))


def _values(found: "Calibration") -> dict[str, Any]:
    slices = found.power.get(power.IN_SLICE, [])
    return {
        "data": found.data,
        "numbers": found.numbers,
        "width": max(len(one.key) for one in found.numbers),
        "rates": found.rates,
        "widened": found.widened,
        "goal": margins.WORSE,
        "smallest": power.smallest(found.power[power.EVERYWHERE]),
        "in_slice": power.smallest(slices),
        "has_slices": bool(slices),
        "largest": max((point.loss for point in slices if np.isfinite(point.loss)), default=0.0),
        "alarms": found.alarms,
        "controls": found.controls,
        "passed": [one for one in found.controls if not one.refused],
        "moved": found.moved,
        "mark": MARK,
    }
