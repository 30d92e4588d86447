"""Each job of the workflows, executed by act in `tests/workflows` on the small problem, against its limit.

The longest run of each; the environment is installed before. The goal is half of `timeout-minutes`.
The job `audit` asks PyPI for itself. A job that is not here is executed by no test.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from benchmarks.scratch import ROOT
from benchmarks.timing import Row


def measure(_: int) -> list[Row]:
    """The longest of each job."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "seconds")
        texts = {path: path.read_text(encoding="utf-8") for path in ROOT.glob("tests/workflows/test_*.py")}
        tests = sorted(str(path) for path, text in texts.items() if re.search(r"\.(act|review)\(", text))
        command = [str(Path(sys.executable).with_name("pytest")), "-q", *tests]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "JOB_SECONDS": str(record)}, check=False)
        if done.returncode:
            sys.exit("error: a test of tests/workflows failed; its output is above")
        found = [json.loads(line) for line in record.read_text().splitlines()]
    return sorted([*rows(found), *_audit()], key=lambda row: row.what)


def _audit() -> Iterator[Row]:
    """`make audit` as the jobs of that name run it. Where PyPI is silent, three tries: the longest way."""
    start = time.perf_counter()
    code = subprocess.run(["make", "audit"], cwd=ROOT, check=False).returncode
    seconds = time.perf_counter() - start
    for workflow, job, _, limit in jobs():
        if job == "audit":
            note = f"{seconds / limit:.1%} of {limit / 60:g} min{', PyPI was silent' if code else ''}"
            yield Row(f"{workflow}, {job}", [seconds], goal=limit / 2, note=note)


def rows(found: list[tuple[str, str, float]]) -> list[Row]:
    """A row for each job that ran, of runs as file, name and seconds."""
    made = []
    for workflow, job, named, limit in jobs():
        if seconds := [one[2] for one in found if one[0] == workflow and named.match(one[1])]:
            note = f"{max(seconds) / limit:.1%} of {limit / 60:g} min"
            made.append(Row(f"{workflow}, {job}", [max(seconds)], goal=limit / 2, note=note))
    return made


def jobs() -> Iterator[tuple[str, str, re.Pattern[str], float]]:
    """File, job, what act calls it, and its limit in seconds."""
    for file in sorted(ROOT.glob(".github/workflows/*.yml")):
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            shown = re.escape(re.sub(r"\$\{\{.*?\}\}", "\0", job.get("name", name))).replace("\0", ".*")
            yield file.name, name, re.compile(f"{shown}(-[0-9]+)?$"), job["timeout-minutes"] * 60
