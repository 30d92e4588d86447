"""Drift of 20 mixed columns over 28 days, from Parquet on both sides; whole processes.

Ours: both sides profiled, then PSI, KS, Jensen-Shannon, Cramer's V and missing share of each column, and
how far their correlations moved. Peers, each in an environment of its own: univariate drift as it is by
default. Reference kept: its profile is read from JSON. More rows: the same file on both sides.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

from benchmarks.timing import Row, spent

ROOT = Path(__file__).parent.parent
MILLION = 1_000_000
LARGE = [10, 100]  # million rows
PINNED = ["pandas==2.3.3", "numpy==2.4.6", "pyarrow==25.0.1", "scikit-learn==1.9.1", "scipy==1.17.1"]
PEERS = {  # both as of November 2026, when Evidently did not run on pandas 3
    "evidently": ["evidently==0.7.23", *PINNED],
    "nannyml": ["nannyml==0.13.1", "statsmodels==0.15.0", *PINNED],
}
SCRIPTS = {
    "ours": """
import json, sys
from loop.stats import dependence, distance
from loop.stats.profile import Profile, bins, profile
baseline, window, kept, columns = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4].split(",")
if kept == "kept":
    before = Profile.from_json(json.load(open(baseline)))
else:
    before = profile(baseline, bins(baseline, columns), "at")
if kept == "keep":
    json.dump(before.as_json(), open(window, "w"))
else:
    was, now = before.total(), profile(window, before.bins, "at").total()
    found = {
        name: distance.distances(was.counts[name], now.counts[name], ordered=of.ordered)
        for name, of in before.bins.items()
    }
    assert len(found) == 20 and dependence.distance(was, now) < 0.1
""",
    "evidently": """
import sys
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
columns = sys.argv[4].split(",")
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
columns = sys.argv[4].split(",")
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
    """Seconds and memory at a million rows, beside peers; then at ten and a hundred million."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sides = [place / "before.parquet", place / "after.parquet"]
        for seed, path in zip((0.1, 0.2), sides, strict=True):
            _write(path, seed)
        kept = place / "before.json"
        _run("ours", sys.executable, sides[0], kept, "keep")
        ours = [_run("ours", sys.executable, *sides, "no") for _ in range(runs)]
        again = [_run("ours", sys.executable, kept, sides[1], "kept") for _ in range(runs)]
        theirs = {
            name: [_run(name, _environment(place, name), *sides, "no") for _ in range(runs)] for name in PEERS
        }
        fastest = min((sorted(s for s, _ in found)[len(found) // 2] for found in theirs.values()), default=0)
        times = [fastest / seconds for seconds, _ in ours]
        size = f"{sides[0].stat().st_size / 2**20:.0f} MiB of Parquet each side"
        rows = [
            *_rows("1,000,000 rows each side", ours, size),
            *_rows("the same, the baseline kept", again, f"{kept.stat().st_size / 2**20:.1f} MiB of JSON"),
            *[row for name, found in theirs.items() for row in _rows(f"peer: {name}", found, PEERS[name][0])],
            Row("times faster than the faster peer", times, unit="", least=20),
        ]
        return rows + [row for millions in LARGE for row in _large(sides[0], millions, ours[0][1])]


def _large(small: Path, millions: int, memory: float) -> list[Row]:
    """The small file's rows so many times over, once: the file is large."""
    path = small.with_name("large.parquet")
    free = shutil.disk_usage(path.parent).free
    if free < 1.5 * millions * small.stat().st_size:
        return [Row(f"{millions},000,000 rows: no room on the disk", [float("nan")], unit="")]
    rows = f"from read_parquet({[str(small)] * millions})"  # not a cross join: its values would compress
    with duckdb.connect(config={"memory_limit": "4GB", "preserve_insertion_order": False}) as engine:
        engine.execute(f"copy ({rows}) to '{path}' (format parquet)")
    found = [_run("ours", sys.executable, path, path, "no")]
    path.unlink()
    what = f"{millions},000,000 rows each side"
    time, peak = _rows(what, found, "", goal=300 if millions == 100 else None)
    return [time, peak, Row(f"{what}: memory in times of that of a million", [found[0][1] / memory], unit="")]


def _rows(what: str, found: list[tuple[float, float]], note: str, goal: float | None = None) -> list[Row]:
    return [
        Row(what, [seconds for seconds, _ in found], goal, note),
        Row(f"{what}: memory at the peak", [memory for _, memory in found], unit="GiB"),
    ]


def _run(name: str, python: str | Path, baseline: Path, window: Path, kept: str) -> tuple[float, float]:
    arguments = [str(baseline), str(window), kept, ",".join(NAMES)]
    quiet = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}  # a peer would send what it is used for
    env = {**os.environ, **quiet} | ({"PYTHONPATH": str(ROOT / "src")} if name == "ours" else {})
    return spent([str(python), "-c", SCRIPTS[name], *arguments], ROOT, env)


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


def _write(path: Path, seed: float) -> None:
    """A million rows in order of time: one in fifty numbers and one in a hundred texts missing."""
    numbers = [f"if(random() < 0.02, null, {of}) n{place}" for place, of in enumerate(NUMBERS)]
    texts = [
        f"if(random() < 0.01, null, 'v' || floor({of})::int) c{place}" for place, of in enumerate(CATEGORIES)
    ]
    at = f"timestamptz '2024-01-01 00:00:00+00' + to_microseconds(i * {28 * 86_400}) as \"at\""
    rows = f"select {', '.join([at, *numbers, *texts])} from range({MILLION}) of (i)"  # noqa: S608
    with duckdb.connect(config={"threads": 1}) as engine:  # else the seed would not give the same rows
        engine.execute(f"select setseed({seed})")
        engine.execute(f"copy ({rows}) to '{path}' (format parquet)")
