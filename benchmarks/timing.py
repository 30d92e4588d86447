"""Times a piece of work several times and says the median, the least and the most."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Row:
    """One line of a table: what was measured, seconds of each run, and the goal if there is one."""

    what: str
    seconds: list[float]
    goal: float | None = None
    note: str = ""

    def cells(self) -> list[str]:
        """What, median, range, goal and note, as texts."""
        middle = median(self.seconds)
        goal = "" if self.goal is None else f"{self.goal:g} s: {'met' if middle <= self.goal else 'missed'}"
        spread = f"{min(self.seconds):.2f} to {max(self.seconds):.2f}" if len(self.seconds) > 1 else ""
        return [self.what, f"{middle:.2f} s", spread, goal, self.note]


def timed(work: Callable[[], object], runs: int) -> list[float]:
    """Seconds of each of so many runs, by the wall clock."""
    found = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return found


def peak_mb(command: list[str], cwd: Path, env: dict[str, str]) -> float:
    """Run a command; the most memory that any one process of it held, in MB."""
    code = (
        "import resource, subprocess, sys; "
        "subprocess.run(sys.argv[1:], check=True, capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=cwd, env=env, capture_output=True, text=True, check=True
    )
    return int(done.stdout) * (1 if sys.platform == "darwin" else 1024) / 1e6
