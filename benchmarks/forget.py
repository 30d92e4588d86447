"""A person erased from a year of rows: the table, DVC's cache and a remote, each with every row.

A problem that `loop init` makes of 327,346 visits with names, as many rows as the example's year has flights;
its tables are made and pushed, then `loop forget` erases one who has a few visits.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import scratch
from benchmarks.timing import Row, spent

ROOT = Path(__file__).parents[1]
ROWS, PERSONS = 327_346, 100_000
WHO = " ".join(("person", "00007"))  # in parts: this file lies in the history that is searched
KEY = "5f" * 32


def measure(runs: int) -> list[Row]:
    """Wall time of `loop forget`, and its largest memory."""
    seconds, memory = [], []
    for _ in range(runs):
        with scratch.place() as folder:
            repo = _clinic(folder)
            program = str(Path(sys.executable).with_name("loop"))
            env = repo.environment() | {"LOOP_PERSONAL_KEY": KEY}
            asked = ["forget", f"patient_name={WHO}", "--now", "2025-01-10"]
            one = spent([program, *asked], repo.path, env)
            seconds.append(one[0])
            memory.append(one[1])
    return [
        Row("one person, everywhere", seconds, goal=120, note=f"{ROWS:,} rows"),
        Row("its largest process", memory, unit="GiB"),
    ]


def _clinic(folder: Path) -> Any:
    """A repository whose tables are made, pushed to a remote, and committed."""
    from conftest import copy_sources

    visits().to_csv(folder / "visits.csv", index=False)
    repo = copy_sources(folder / "repo")
    repo.git("config", "user.name", "ann")
    repo.git("config", "user.email", "ann@clinic.example")
    repo.run(
        *("loop", "init", str(folder / "visits.csv"), "--label", "progression", "--time", "visited_at"),
        *("--label-after", "10 days", "--key", "visit,patient_name"),
    )
    repo.run("loop", "run", "examples")
    repo.run("dvc", "remote", "add", "--default", "store", str(folder / "remote"))
    repo.commit()
    repo.run("dvc", "push")
    return repo


def visits() -> pd.DataFrame:
    """A year of visits of patients with a name; progression follows the age."""
    rng = np.random.default_rng(3)
    at = pd.Timestamp("2024-01-01T00:00Z") + pd.to_timedelta(np.arange(ROWS) * 96, unit="s")
    age = rng.integers(20, 80, ROWS).astype("float64")
    return pd.DataFrame(
        {
            "visit": np.arange(ROWS) + 100_000,
            "patient_name": [f"person {one:05d}" for one in rng.integers(0, PERSONS, ROWS)],
            "visited_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "clinic": np.array(["east", "north", "west"])[np.arange(ROWS) % 3],
            "age": age,
            "progression": (2 * age + rng.normal(0, 9, ROWS)).round(1),
        }
    )
