"""The review job of `review.yml`, executed by act from checkout to artifact, environment installed.

Against a GitHub of the tests' own on loopback. Nothing is there but the commit: no DVC cache, no remote.
"""

import sys
import time
from typing import Any

from benchmarks import scratch
from benchmarks.timing import Row

CHANGES = {
    "docs only": ("docs/data.md", "", "\nMore.\n", 15),
    "review policy": ("params.yaml", "limit: 0.68", "limit: 0.69", 20),
    "metrics code": ("src/problem/metrics.py", "", "\n# edited\n", 30),
    "params of the model": ("params.yaml", "trees: 200", "trees: 210", 60),
    "a feature": ("src/problem/features.py", "", "\nEDITED = True\n", 90),
}


def measure(runs: int) -> list[Row]:
    """Wall time of the review job for each kind of change."""
    with scratch.place() as place:
        from conftest import copy_sources
        from workflows.act import ACT, Runner
        from workflows.conftest import Change
        from workflows.double import git, serve

        if ACT is None:
            sys.exit("error: no act: `make test` builds it, with Go")
        home = copy_sources(place / "home")
        home.run("loop", "run")
        home.commit()
        (place / "github").mkdir()
        with serve(place / "github") as github:
            git(home.path, "push", "--quiet", str(github.repo()), "main")
            runner = Runner(github, place / "runner")
            rows = []
            for what, (file, old, new, goal) in CHANGES.items():
                (place / what).mkdir()
                change = Change(github, place / what, what.replace(" ", "-"))
                text = change.repo.text(file)
                (change.repo.path / file).write_text(text.replace(old, new, 1) if old else text + new)
                change.push()
                seconds = [_seconds(runner, change.number) for _ in range(runs)]
                rows.append(Row(what, seconds, goal=goal))
            return rows


def _seconds(runner: Any, number: int) -> float:
    started = time.perf_counter()
    run = runner.review(number, "review")
    seconds = time.perf_counter() - started
    found = runner.double.runs[run]
    if not runner.double.artifacts.get(run):
        sys.exit(f"error: the review of #{number} left no artifact\n{found['log'][-3000:]}")
    return seconds
