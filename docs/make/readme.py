"""The outputs in README.md: what the code of today says of the example's card and verdict in docs/example."""

import json
import re
import sys
from pathlib import Path

from pydantic import ValidationError

from loop.pipeline import run
from loop.review import review_report
from loop.review.verdict import Verdict

ROOT = Path(__file__).parents[2]
PAGE = Path("README.md")
CUT = "…\n"  # for the lines of the stages, before
_BLOCK = r"(<!-- output: {name} -->\n```text\n).*?(\n```)"


def page(text: str) -> str:
    """README.md with its outputs as the commands print them."""
    for name, output in outputs().items():
        block = re.compile(_BLOCK.format(name=name), re.DOTALL)
        text, count = block.subn(lambda found, output=output: f"{found[1]}{output}{found[2]}", text)
        if count != 1:
            raise ValueError(f"{PAGE} has {count} blocks of output for {name}, not one")
    return text


def outputs() -> dict[str, str]:
    """What `make run` and `make review` print after the lines of the stages, by task."""
    card = json.loads((ROOT / "docs/example/card.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs/example/verdict.json").read_text(encoding="utf-8")
    try:
        verdict = Verdict.model_validate_json(text)
    except ValidationError:
        sys.exit("error: docs/example/verdict.json is of another version\n  to do: make docs PICTURES=1")
    return {"make run": CUT + run.summary(card).strip(), "make review": CUT + review_report.terminal(verdict)}


def main() -> None:
    """Write the page."""
    path = ROOT / PAGE
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
