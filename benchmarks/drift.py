"""Drift of 20 mixed columns, a million rows before and a million after, from Parquet; whole processes.

Ours: both files read into one frame, then what `loop monitor` runs on it (`drift.profiled`, `drift.drift`):
PSI, KS, Jensen-Shannon, Cramer's V and missing share of each column, and how far their correlations moved, in
each of four weeks, with limits from past weeks and corrected p-values. Peers, each in an environment of its
own: univariate drift as it is by default.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import duckdb

from benchmarks.timing import Row, spent
from loop.data.features import DECIDED_AT

ROOT = Path(__file__).parent.parent
MILLION = 1_000_000
PINNED = ["pandas==2.3.3", "numpy==2.4.6", "pyarrow==25.0.1", "scikit-learn==1.9.1", "scipy==1.17.1"]
PEERS = {  # both as of November 2026, when Evidently did not run on pandas 3
    "evidently": ["evidently==0.7.23", *PINNED],
    "nannyml": ["nannyml==0.13.1", "statsmodels==0.15.0", *PINNED],
}
SCRIPTS = {
    "ours": """
import sys
from pathlib import Path
import numpy as np
import pandas as pd
from loop.base import files
from loop.monitor.signals import drift
from loop.settings import monitor_settings
columns = sys.argv[3].split(",")
rows = pd.concat([files.read_table(Path(path)) for path in sys.argv[1:3]], ignore_index=True)
settings = monitor_settings.read().model_copy(update={"window_days": 7, "step_days": 1})
use = dict.fromkeys(columns, 1 / len(columns))
runs = ["2024-02-05", "2024-02-12", "2024-02-19", "2024-02-26"]
found = drift.drift(drift.profiled(rows, "2024-01-29", columns), "2024-01-29", runs, use, settings)
assert found.adjusted.shape == (20, 4) and np.isfinite(found.adjusted).all()
assert (found.dependence < 0.1).all()
""",
    "evidently": """
import sys
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
columns = sys.argv[3].split(",")
sides = [pd.read_parquet(path, columns=columns) for path in sys.argv[1:3]]
numbers, categories = [[name for name in columns if name[0] == kind] for kind in "nc"]
definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
before, after = [Dataset.from_pandas(side, data_definition=definition) for side in sides]
assert len(Report([DataDriftPreset()]).run(after, before).dict()["metrics"]) > 20
""",
    "nannyml": """
import sys
import pandas as pd
import nannyml
columns = sys.argv[3].split(",")
before, after = [pd.read_parquet(path) for path in sys.argv[1:3]]
categories = [name for name in columns if name[0] == "c"]
of = nannyml.UnivariateDriftCalculator(column_names=columns, treat_as_categorical=categories)
assert len(of.fit(before).calculate(after).to_df())
""",
}
NORMAL = "sqrt(-2 * ln(1 - random())) * cos(6.2831853 * random())"
NUMBERS = [
    *[NORMAL] * 5,
    *["-10 * ln(1 - random())"] * 3,
    *["100 * random()"] * 2,
    *[f"exp({NORMAL})"] * 2,
    "floor(30 * random())",
    "floor(-5 * ln(1 - random()))",
]
CATEGORIES = [
    *["5 * random()", "20 * random() * random()", "50 * random() * random()"],
    *["200 * random()", "3 * random()", "-4 * ln(1 - random())"],
]
NAMES = [*(f"n{place}" for place in range(len(NUMBERS))), *(f"c{place}" for place in range(len(CATEGORIES)))]


def measure(runs: int) -> list[Row]:
    """Seconds, processor time and memory of each, in turns: what else the machine does meets them alike."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sides = [place / "before.parquet", place / "after.parquet"]
        for path, seed, first in zip(sides, (0.1, 0.2), ("2024-01-01", "2024-01-29"), strict=True):
            _write(path, seed, first)
        pythons = {"ours": Path(sys.executable), **{name: _environment(place, name) for name in PEERS}}
        turns = [{name: _run(name, python, sides) for name, python in pythons.items()} for _ in range(runs)]
    found = {name: [turn[name] for turn in turns] for name in pythons}
    faster = min(PEERS, key=lambda name: median(seconds for seconds, _, _ in found[name]))
    times, processor = ([turn[faster][of] / turn["ours"][of] for turn in turns] for of in (0, 1))
    return [
        *_rows("1,000,000 rows each side", found["ours"], "all statistics, limits and p-values"),
        *[row for name in PEERS for row in _rows(f"peer: {name}", found[name], PEERS[name][0])],
        Row(f"times faster than the faster peer, {faster}", times, unit=""),
        Row("the same, of processor time", processor, unit=""),
    ]


def _rows(what: str, found: list[tuple[float, float, float]], note: str) -> list[Row]:
    seconds, processor, memory = map(list, zip(*found, strict=True))
    return [
        Row(what, seconds, note=note),
        Row(f"{what}: processor time", processor),
        Row(f"{what}: memory at the peak", memory, unit="GiB"),
    ]


def _run(name: str, python: Path, sides: list[Path]) -> tuple[float, float, float]:
    arguments = [*map(str, sides), ",".join(NAMES)]
    quiet = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}  # a peer would send what it is used for
    env = {**os.environ, **quiet} | ({"PYTHONPATH": str(ROOT / "src")} if name == "ours" else {})
    before = _processor()
    seconds, memory = spent([str(python), "-c", SCRIPTS[name], *arguments], ROOT, env)
    return seconds, _processor() - before, memory


def _processor() -> float:
    """Seconds of processor time of all that this process started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment(place: Path, name: str) -> Path:
    """A Python that has the peer; made once."""
    home = place / name
    python = home / "bin/python"
    if not python.exists():
        uv = shutil.which("uv") or str(ROOT / ".tools/bin/uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, home], check=True)
        env = {key: value for key, value in os.environ.items() if key != "UV_PYTHON"}
        install = [uv, "pip", "install", "--quiet", "--python", python, *PEERS[name]]
        subprocess.run(install, env={**env, "VIRTUAL_ENV": str(home)}, check=True)
        spent(
            [str(python), "-c", f"import {name}"], ROOT, {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1"}
        )  # compiled before it is timed
    return python


def _write(path: Path, seed: float, first: str) -> None:
    """A million rows of four weeks, in order of time; 2 % of numbers, 1 % of texts missing."""
    numbers = [f"if(random() < 0.02, null, {of}) n{place}" for place, of in enumerate(NUMBERS)]
    texts = [
        f"if(random() < 0.01, null, 'v' || floor({of})::int) c{place}" for place, of in enumerate(CATEGORIES)
    ]
    at = f"timestamptz '{first} 00:00:00+00' + to_microseconds(i * {28 * 86_400}) as {DECIDED_AT}"
    rows = f"select {', '.join([at, *numbers, *texts])} from range({MILLION}) of (i)"  # noqa: S608
    with duckdb.connect(config={"threads": 1}) as engine:  # else the seed would not give the same rows
        engine.execute(f"select setseed({seed})")
        engine.execute(f"copy ({rows}) to '{path}' (format parquet)")
