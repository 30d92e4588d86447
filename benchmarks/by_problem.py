"""Figures by problem: each measured in a scratch repository, kept as JSON, and shown as a table of a page."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks import adopted, scratch
from loop.base import files

Measure = Callable[[Path, str, adopted.Files], dict[str, Any]]


def measured(names: Iterable[str], results: Path, measure: Measure) -> dict[str, Any]:
    """What was found of each problem, the earlier ones too; written after each."""
    names, found = list(names), json.loads(results.read_text()) if results.exists() else {}
    with scratch.place() as folder:
        shipped = adopted._download(folder) if {one.file for one in adopted.SETS} & set(names) else {}
        for name in names:
            found[name] = measure(folder / "work", name, shipped)
            files.write_json(results, found)
            print(name, json.dumps(found[name]), flush=True)
    return dict(found)


def show(page: Path, head: str, table: str) -> None:
    """Put a table in the place of the one with the same head."""
    old = re.escape(head) + r"\n(\|.*\n)+"
    page.write_text(re.sub(old, lambda _: table, page.read_text(encoding="utf-8")), encoding="utf-8")
