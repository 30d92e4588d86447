"""Why one model does better than another: `loop compare`. It gives no verdict."""

from dataclasses import dataclass

from loop.base import files
from loop.base.errors import LoopError
from loop.compare import changed_rows, compare_page, counted_looks, sides
from loop.compare.changed_rows import ChangedRow
from loop.compare.same_rows import Both, both
from loop.compare.sides import Side
from loop.review import compare, conclusion
from loop.review.verdict import Calibration, Metric, Slice
from loop.settings import params
from loop.settings.paths import PARAMS
from loop.settings.review_policy import Policy


@dataclass(frozen=True)
class Compared:
    """Two sides on the same rows: metrics, the slices and those that moved, calibration, rows."""

    sides: Both
    confidence: float
    cluster: str
    metrics: list[Metric]
    slices: list[compare.Slice]
    moved: list[Slice]
    calibration: Calibration | None
    rows: list[ChangedRow]


def main(first: str, second: str | None) -> int:
    """Compare, write compare/, print the lines that matter."""
    if not PARAMS.is_file():
        raise LoopError(f"{PARAMS} is missing", "a file of params", "run from the repository's root")
    found = compared(sides.named(first), sides.named(second) if second else sides.TREE)
    files.write_text(compare_page.FOLDER / "report.md", compare_page.markdown(found))
    files.write_text(compare_page.FOLDER / "report.html", compare_page.html(found))
    print(compare_page.terminal(found))
    return 0


def compared(first: Side, second: Side) -> Compared:
    """Both sides by the metrics, margins and slices of this tree. Raises LoopError as `both` does."""
    policy, settings = params.section("review", Policy), params.section("evaluate", params.Resampling)
    with both(first, second, settings) as found:
        counted_looks.keep(found)
        slices = compare.slices(found.rows, policy, settings)
        return Compared(
            sides=found,
            confidence=settings.confidence,
            cluster=settings.cluster,
            metrics=conclusion.table(policy, compare.gains(found.rows, settings)),
            slices=slices,
            moved=conclusion.moved(slices, policy.slices.alpha),
            calibration=conclusion.calibration(found.rows),
            rows=changed_rows.find(found),
        )
