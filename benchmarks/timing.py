"""Measures work several times, and says the median, the least and the most."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

# A process of its own, because the memory of children is kept as one maximum per process.
HELPER = """
import resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
seconds = time.perf_counter() - started
if done.returncode:
    sys.exit(done.stdout)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(seconds, used.ru_maxrss, used.ru_utime + used.ru_stime)
"""


@dataclass(frozen=True)
class Row:
    """One line of a table: what was measured, the value of each run, and the goal if there is one.

    A `goal` is not to be passed, a `least` is to be reached.
    """

    what: str
    values: list[float]
    goal: float | None = None
    note: str = ""
    unit: str = "s"
    least: float | None = None

    def cells(self) -> list[str]:
        """What, median, range, goal and note, as texts."""
        middle = median(self.values)
        met = ""
        if self.goal is not None:
            met = self._goal(f"{self.goal:g}", middle <= self.goal)
        if self.least is not None:
            met = self._goal(f"at least {self.least:g}", middle >= self.least)
        spread = f"{_text(min(self.values))} to {_text(max(self.values))}" if len(self.values) > 1 else "once"
        return [self.what, self._with_unit(_text(middle)), spread, met, self.note]

    def _goal(self, text: str, met: bool) -> str:
        return f"{self._with_unit(text)}: {'' if met else 'not '}met"

    def _with_unit(self, text: str) -> str:
        return f"{text} {self.unit}".rstrip()


def _text(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"


def timed(work: Callable[[], object], runs: int) -> list[float]:
    """Seconds of each of so many runs, by the wall clock."""
    found = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return found


def spent(command: list[str], cwd: Path, env: dict[str, str]) -> tuple[float, float]:
    """Run a command: its seconds by the wall clock, and GiB of the largest process under it.

    Ends the benchmark with the command's output if it fails.
    """
    return used(command, cwd, env)[:2]


def used(command: list[str], cwd: Path, env: dict[str, str]) -> tuple[float, float, float]:
    """As `spent`, and seconds of the processor, which depend less on what else the machine does."""
    done = subprocess.run(
        [sys.executable, "-c", HELPER, *command],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"error: `{' '.join(command)}` failed in {cwd}; its output is above")
    seconds, memory, processor = map(float, done.stdout.split())
    return seconds, memory * (1 if sys.platform == "darwin" else 1024) / 2**30, processor
