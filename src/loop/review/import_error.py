"""The verdict on a branch whose code does not even load: written without loading any of it."""

import json
import sys
from dataclasses import asdict
from typing import Any

from loop.base import files
from loop.base.errors import LoopError, mistake
from loop.base.markup import fitted, plain, render
from loop.review.base import Base, judged, resolve
from loop.settings.paths import REVIEW

EXIT_CODE = 2
NOTHING: dict[str, Any] = {  # of a verdict that compared no models
    "confidence": None,
    "champion": "",
    "holdout": None,
    "metrics": [],
    "slices": [],
    "slices_compared": 0,
    "checks": [],
    "notes": [],
}
_NO_CHANGES: dict[str, Any] = {"training": None, "code": {}} | dict.fromkeys(
    ("params", "policy", "judge", "data", "drift", "environment", "sources", "unlisted", "other"), ()
)
_NO_TABLES: dict[str, Any] = {"bad": [], "gains": "", "gaps": "", "glance": {}, "steering": [], "judge": []}


def main(against: str, error: Exception) -> int:
    """Write an "inconclusive" with the error to review/; say it; the exit code of "inconclusive"."""
    known = mistake(error)
    what = known.found if known else f"{type(error).__name__} in the branch's own code: {error}"
    base, tree = Base(against, "", ""), judged()
    try:
        base = resolve(against)
    except LoopError as other:
        what += f"; and {other.found}"
    verdict = {
        "schema_version": 2,
        "verdict": "inconclusive",
        "sentence": what,
        "todo": "fix the code until `loop run` loads it, then review again",
        "base": {"name": base.name, "commit": base.commit, "dirty": False},
        "candidate": asdict(tree),
        "changes": _NO_CHANGES,
        "reproduce": base.again(tree),
        **NOTHING,
    }
    values = {**verdict, **_NO_TABLES, "headline": "Inconclusive: a person decides"}
    files.write_text(REVIEW / "verdict.json", json.dumps(verdict, indent=2) + "\n")
    files.write_text(REVIEW / "report.md", fitted(render("loop.review", "review.md.j2", values), 55_000, ""))
    print(f"Inconclusive: {plain(what)}", file=sys.stderr)
    return EXIT_CODE
