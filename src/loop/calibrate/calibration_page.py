"""What a calibration found, for people: lines for the terminal, and a page with its figures in reports/."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.base import files
from loop.base.markup import render
from loop.base.template import fill
from loop.calibrate import calibration_figures, margins
from loop.calibrate.calibration_record import RECORD
from loop.calibrate.proposal import MARK
from problem import metrics

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
    return {
        "data": found.data,
        "numbers": found.numbers,
        "width": max(len(one.key) for one in found.numbers),
        "rates": found.rates,
        "widened": found.widened,
        "by_seed": found.by_seed,
        "goal": margins.WORSE,
        "power": found.power,
        "titles": {name: metric.title for name, metric in metrics.METRICS.items()},
        "alarms": found.alarms,
        "controls": found.controls,
        "passed": [one for one in found.controls if not one.refused],
        "moved": found.moved,
        "mark": MARK,
        "record": RECORD,
    }
