"""Evidently and NannyML with their defaults, on windows drawn as those of the power, the fault throughout.

One window of days drawn one by one, against the same baseline; every tenth row of both, because the peers
need seconds for each (their statistics at this size are distances, which do not grow with rows). Told is, for
Evidently, half of the columns drifted (its dataset drift) or any; for NannyML an alert of any column in any
chunk, a chunk of the estimated ROC AUC (CBPE), or one of the realised. Ours: one run, any signal.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.drift import PEERS, ROOT, _environment
from benchmarks.monitor.simulate import Monitor, after, draw
from benchmarks.monitor.world import World
from benchmarks.verdicts.data import share
from loop.data.features import DECIDED_AT

SEED, TURNS, UNCHANGED, EVERY = 3, 8, 3, 10
LIMIT = 270  # seconds for each peer; windows that it did not reach are left out
QUIET = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
HEAD = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd
began, folder, limit = time.time(), sys.argv[1], float(sys.argv[2])
before = pd.read_parquet(folder + "/baseline.parquet")
columns = [name for name in before if name not in ("label", "pred", "day")]
numbers = [name for name in columns if pd.api.types.is_numeric_dtype(before[name])]
categories = [name for name in columns if name not in numbers]
"""
TAIL = """
for line in sys.stdin:
    asked = json.loads(line)
    rows = pd.read_parquet(folder + "/" + asked["table"])
    days = dict(list(rows.groupby("day")))
    window = pd.concat([days[day] for day in asked["days"]], ignore_index=True)
    if time.time() - began > limit:
        break
    print("told", json.dumps({"table": asked["table"], **told(window)}), flush=True)
"""
SCRIPTS = {
    "evidently": """
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
of = Dataset.from_pandas(before[columns], data_definition=definition)
def told(window):
    after = Dataset.from_pandas(window[columns], data_definition=definition)
    found = Report([DataDriftPreset()]).run(after, of).dict()["metrics"]
    count = next(one["value"] for one in found if one["metric_name"].startswith("DriftedColumnsCount"))
    return {"dataset drift": count["share"] >= 0.5, "any column": count["count"] > 0}
""",
    "nannyml": """
import nannyml
names = dict(y_pred_proba="score", y_pred="pred", y_true="label", problem_type="classification_binary")
drift = nannyml.UnivariateDriftCalculator(column_names=columns, treat_as_categorical=categories).fit(before)
expected = nannyml.CBPE(metrics=["roc_auc"], **names).fit(before)
realised = nannyml.PerformanceCalculator(metrics=["roc_auc"], **names).fit(before)
def alerts(found):
    found = found.filter(period="analysis").to_df()
    return bool(found[[name for name in found if name[-1] == "alert"]].to_numpy().any())
def told(window):
    return {
        "any column": alerts(drift.calculate(window)),
        "CBPE": alerts(expected.estimate(window)),
        "realised": alerts(realised.calculate(window)),
    }
""",
}


def measure(world: World) -> dict[str, Any]:
    """Share of windows told of, by rule, with nothing planted and with the largest size of each fault."""
    rng = np.random.default_rng(SEED)
    training = world.before(world.trained)
    tables = {"nothing 0": training}
    for fault in world.faults():
        tables |= {f"{fault.name} {size:g}": world.planted(fault, size) for size in fault.sizes[-1:]}
    days = int(_day(training).max()) + 1
    width = world.settings.window_days
    asked = [
        (name, [int(day) for day in draw(rng, days, width, 1)])
        for _ in range(TURNS)
        for name in [*["nothing 0"] * (UNCHANGED - 1), *tables]
    ]
    found = {"ours": _ours(world, tables, asked)} | _theirs(world, tables, asked)
    return {
        "seed": SEED,
        "every": EVERY,
        "versions": [PEERS[name][0] for name in SCRIPTS],
        "reported": {name: _shares(some) for name, some in found.items()},
    }


def _theirs(world: World, tables: dict[str, pd.DataFrame], asked: list[Any]) -> dict[str, list[Any]]:
    """What each peer told of each window; both run side by side."""
    columns = [*world.importance, "score", "label"]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        past = world.before(world.baseline)
        _write(past[past["label"].notna()], columns, home / "baseline.parquet")
        for name, rows in tables.items():
            _write(rows, columns, home / f"{name}.parquet")
        lines = "".join(json.dumps({"table": f"{name}.parquet", "days": days}) + "\n" for name, days in asked)
        (home / "asked").write_text(lines)
        running = {}
        for name, script in SCRIPTS.items():
            python = _environment(Path(os.environ.get("PEERS", folder)), name)
            with (home / "asked").open() as questions, (home / f"{name}.out").open("w") as out:
                running[name] = subprocess.Popen(
                    [str(python), "-c", HEAD + script + TAIL, folder, str(LIMIT)],
                    cwd=ROOT, env={**os.environ, **QUIET}, stdin=questions, stdout=out,
                )  # fmt: skip
        for process in running.values():
            process.wait()
        return {name: _told(home / f"{name}.out") for name in SCRIPTS}


def _told(path: Path) -> list[Any]:
    lines = [line.removeprefix("told ") for line in path.read_text().splitlines() if line.startswith("told ")]
    found = [json.loads(line) for line in lines]
    return [(one.pop("table").removesuffix(".parquet"), one) for one in found]


def _ours(world: World, tables: dict[str, pd.DataFrame], asked: list[Any]) -> list[Any]:
    """One monitoring run at the same windows, without hysteresis."""
    monitor = Monitor(world)
    kept = {name: monitor.table(rows, world.trained) for name, rows in tables.items()}
    wait = after(world.settings)[0] - world.settings.window_days
    stretches = [kept[name].take([*days, *days[:wait]]) for name, days in asked]
    found = []
    for stretch, (name, days) in zip(stretches, asked, strict=True):
        found_runs = monitor.run([stretch], [len(days), len(days) + wait])[0]
        inputs = any(bool(one.alarm[0]) for one in found_runs.series if one.kind != "concept")
        concept = any(bool(one.alarm[-1]) for one in found_runs.series if one.kind == "concept")
        found.append((name, {"any signal": inputs or concept}))
    return found


def _shares(found: list[Any]) -> dict[str, Any]:
    """Table -> rule -> share of windows told of."""
    by_table: dict[str, list[dict[str, bool]]] = {}
    for name, one in found:
        by_table.setdefault(name, []).append(one)
    return {
        name: {rule: share(sum(one[rule] for one in some), len(some)) for rule in some[0]}
        for name, some in by_table.items()
    }


def _write(rows: pd.DataFrame, columns: list[str], path: Path) -> None:
    kept = rows[columns].assign(pred=(rows["score"] > 0.5).astype(int), day=_day(rows))
    kept.iloc[::EVERY].to_parquet(path)


def _day(rows: pd.DataFrame) -> np.ndarray:
    day = rows[DECIDED_AT].dt.floor("D")
    return np.asarray((day - day.min()) // pd.Timedelta(days=1), np.int64)
