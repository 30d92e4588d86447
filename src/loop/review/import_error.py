"""The verdict on a branch whose code does not even load: written without loading any of it."""

import json
import sys
from dataclasses import asdict
from typing import Any

from loop.base import files
from loop.base.errors import LoopError, mistake
from loop.base.markup import plain, prose
from loop.review.base import Base, judged, resolve
from loop.settings.paths import REVIEW

EXIT_CODE = 2


def main(against: str, error: Exception) -> int:
    """Write an "inconclusive" with the error to review/; say it; the exit code of "inconclusive"."""
    known = mistake(error)
    what = known.found if known else f"{type(error).__name__} in the branch's own code: {error}"
    base, tree = Base(against, "", ""), judged()
    try:
        base = resolve(against)
    except LoopError as other:
        what += f"; and {other.found}"
    verdict: dict[str, Any] = {
        "schema_version": 2,
        "verdict": "inconclusive",
        "sentence": what,
        "todo": "fix the code until `loop run` loads it, then review again",
        "base": {"name": base.name, "commit": base.commit, "dirty": False},
        "candidate": asdict(tree),
        "changes": {"training": None, "code": {}} | dict.fromkeys(_CHANGES, ()),
        "reproduce": base.again(tree),
        **_NOTHING,
    }
    files.write_text(REVIEW / "verdict.json", json.dumps(verdict, indent=2) + "\n")
    report = f"## Inconclusive: a person decides\n\n{prose(what)}\n\n**To do:** {verdict['todo']}\n"
    files.write_text(REVIEW / "report.md", report)
    print(f"Inconclusive: {plain(what)}", file=sys.stderr)
    return EXIT_CODE


_CHANGES = ("params", "policy", "judge", "data", "drift", "environment", "other")
_NOTHING: dict[str, Any] = {
    "confidence": None,
    "champion": "",
    "holdout": None,
    "metrics": [],
    "slices": [],
    "slices_compared": 0,
    "checks": [],
    "notes": [],
}
