"""`python -m benchmarks.feed_faults.peers`: what ready-made drift checks say of the same gross faults.

Evidently's preset and NannyML's univariate checks, with their defaults, on the table that a fault meets: the
past against the 14 days from its first day on, without keys and instants, which they do not take; and on the
same days without the fault. Both get the held-out half; where one ends in an error, as of an empty column, it
counts as told. Added to benchmarks/feed_faults.json.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.drift import PEERS, ROOT, _environment
from benchmarks.feed_faults.__main__ import DAY, FIRST_DAYS, RESULTS, RUNS
from benchmarks.feed_faults.kinds import KINDS, Target
from benchmarks.feed_faults.problems import PROBLEMS, Problem

HALF, GROSS = "held out", 2
ROWS = 20_000  # of the past, every so many: the peers need seconds for each window
QUIET = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
HEAD = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import pandas as pd
folder = sys.argv[1]
for asked in map(json.loads, sys.stdin):
    before, after = (pd.read_parquet(folder + "/" + asked[name]) for name in ("before", "after"))
    numbers = [name for name in before if pd.api.types.is_numeric_dtype(before[name])]
    categories = [name for name in before if name not in numbers]
    try:
        found = told()
    except Exception:  # of an empty column: whoever sees that knows
        found = {"dataset": True, "columns": len(before.columns)}
    print("told", json.dumps({"case": asked["after"], **found}), flush=True)
"""
SCRIPTS = {
    "evidently": """
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
def told():
    of = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    both = [Dataset.from_pandas(rows, data_definition=of) for rows in (after, before)]
    found = Report([DataDriftPreset()]).run(*both).dict()["metrics"]
    count = next(one["value"] for one in found if one["metric_name"].startswith("DriftedColumnsCount"))
    return {"dataset": count["share"] >= 0.5, "columns": count["count"]}
""",
    "nannyml": """
import nannyml
def told():
    of = nannyml.UnivariateDriftCalculator(column_names=list(before), treat_as_categorical=categories)
    found = of.fit(before).calculate(after).filter(period="analysis").to_df()
    alerts = found[[name for name in found if name[-1] == "alert"]]
    columns = {name[0] for name in alerts if alerts[name].any()}
    return {"dataset": len(columns) >= before.shape[1] / 2, "columns": len(columns)}
""",
}


def main() -> None:
    """Ask both peers, and add what they said."""
    found = json.loads(RESULTS.read_text())
    for name, make in reversed(PROBLEMS.items()):
        problem = make()
        found[name]["peers"] = {
            "versions": [PEERS[peer][0] for peer in SCRIPTS],
            **{f"{target.table}": _asked(problem, target) for target in problem.targets[HALF]},
        }
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


def _asked(problem: Problem, target: Target) -> dict[str, Any]:
    """Of each peer: windows without a fault and faults, and how many of both it told."""
    with tempfile.TemporaryDirectory() as folder:
        asked = []
        rows = problem.tables[target.table]
        past = rows[rows[target.time] < problem.past]
        _write(past.iloc[:: max(1, len(past) // ROWS)], target, Path(folder) / "before")
        weeks = range(0, (problem.until - problem.past).days - RUNS[-1] + 1, RUNS[-1])
        for day in sorted({*weeks, *FIRST_DAYS[HALF]}):
            first = problem.past + day * DAY
            after = rows[target.time] >= first
            kinds = KINDS if day in FIRST_DAYS[HALF] else []
            planted = [kind.plant(rows, after, target, kind.sizes[GROSS]) for kind in kinds]
            for place, table in enumerate([rows, *planted]):
                at = table[target.time]
                window = table[(at >= first) & (at < first + RUNS[-1] * DAY)]
                if len(window):
                    name = f"{day} {place}"
                    _write(window, target, Path(folder) / name)
                    asked.append(json.dumps({"before": "before", "after": name}))
        (Path(folder) / "asked").write_text("\n".join(asked))
        return {peer: _of(peer, Path(folder)) for peer in SCRIPTS}


def _write(rows: pd.DataFrame, target: Target, path: Path) -> None:
    kept = [
        name
        for name in rows
        if name not in (*target.key, target.time) or name == target.category
        if not pd.api.types.is_datetime64_any_dtype(rows[name])
    ]
    rows[kept].to_parquet(path)


def _of(peer: str, folder: Path) -> dict[str, int]:
    python = _environment(Path(os.environ.get("PEERS", folder)), peer)
    with (folder / "asked").open() as asked:
        done = subprocess.run(
            [str(python), "-c", SCRIPTS[peer] + HEAD, str(folder)],
            cwd=ROOT, env={**os.environ, **QUIET}, stdin=asked, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    lines = [line.removeprefix("told ") for line in done.stdout.splitlines() if line.startswith("told ")]
    told = {one["case"]: one for one in map(json.loads, lines)}
    faults = [case for case in told if not case.endswith(" 0")]
    usual = [case for case in told if case.endswith(" 0")]
    return {
        "usual": len(usual),
        "usual_dataset": sum(told[case]["dataset"] for case in usual),
        "usual_columns": sum(told[case]["columns"] > 0 for case in usual),
        "faults": len(faults),
        "faults_dataset": sum(told[case]["dataset"] for case in faults),
        "faults_columns": sum(told[case]["columns"] > 0 for case in faults),
        "apart": sum(told[case]["columns"] > told[f"{case.split()[0]} 0"]["columns"] for case in faults),
    }


def table(found: dict[str, Any]) -> str:
    """Markdown: of each feed and peer, how many windows were called."""
    lines = [
        "| feed | peer | usual windows: dataset drift, any column | gross faults: dataset drift, any column "
        "| faults of which it calls more columns than of the usual window |",
        "|---|---|---|---|--:|",
    ]
    for name, one in found.items():
        for feed, peers in one.get("peers", {}).items():
            if feed == "versions":
                continue
            for peer, said in peers.items():
                usual, faults = (
                    f"{said[f'{of}_dataset']}, {said[f'{of}_columns']} of {said[of]}"
                    for of in ("usual", "faults")
                )
                apart = f"{said['apart']} of {said['faults']}"
                lines.append(f"| {name} {feed} | {peer} | {usual} | {faults} | {apart} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
