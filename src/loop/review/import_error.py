"""The verdict on a branch whose code does not even load: written without loading any of src/problem."""

import sys

from loop.base import exit_codes, files
from loop.base.errors import LoopError, mistake
from loop.base.markup import plain
from loop.review import review_report
from loop.review.base import Base, resolve
from loop.review.verdict import NO_CHANGES, conclude
from loop.settings.paths import REVIEW


def main(against: str, error: Exception) -> int:
    """Write an "inconclusive" with the error to review/; say it; the exit code of "inconclusive"."""
    known = mistake(error)
    what = known.found if known else f"{type(error).__name__} in the branch's own code: {error}"
    base = Base(against, "", "")
    try:
        base = resolve(against)
    except LoopError as other:
        what += f"; and {other.found}"
    todo = "fix the code until `loop run` loads it, then run this again"
    found = conclude(base, NO_CHANGES, "inconclusive", what, todo=todo)
    files.write_text(REVIEW / "verdict.json", found.model_dump_json(indent=2) + "\n")
    files.write_text(REVIEW / "report.md", review_report.markdown(found))
    print(f"Inconclusive: {plain(what)}", file=sys.stderr)
    return exit_codes.REVIEW[found.verdict]
