"""`loop calibrate` on problems that it was not made on: how well its numbers hold, and how long it takes.

`python -m benchmarks.calibrated [SET...]` calibrates the example, the second problem and adopted data sets,
each in a scratch repository, and writes benchmarks/calibrated.json and the table of docs/calibrate.md. Every
figure is of models, or of years, that chose no number, unless margins had to be widened by the same pairs.
"""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import adopted, by_problem

ROOT = Path(__file__).parent.parent
RESULTS, PAGE = Path(__file__).with_suffix(".json"), ROOT / "docs/calibrate.md"
SETS = (
    "rides.csv",
    "wage.csv",
    "flow.csv",
    "segments.csv",
    "diabetes.csv",
)  # of all tasks and grains of time
COLUMNS = (
    *("problem", "rows that trained", "equal models called worse", "inconclusive", "smallest loss caught"),
    *("false alarms a year", "faults refused", "minutes"),
)
HEAD = f"| {' | '.join(COLUMNS)} |"


def main(asked: list[str]) -> None:
    names = asked or ("the example", "the second problem", *SETS)
    found = by_problem.measured(names, RESULTS, _calibrated)
    by_problem.show(PAGE, HEAD, _table(found))


def problem(folder: Path, name: str, shipped: adopted.Files) -> Any:
    """A scratch repository of one of the problems."""
    from conftest import copy_sources

    repo = copy_sources(folder / "repo")
    if name == "the second problem":
        shutil.rmtree(repo.path / "src/problem")
        shutil.copytree(ROOT / "tests/second_problem/problem", repo.path / "src/problem")
        shutil.copy(ROOT / "tests/second_problem/params.yaml", repo.path)
    elif name != "the example":
        one = next(one for one in adopted.SETS if one.file == name)
        data, frame = folder / one.file, one.made(shipped)
        frame.to_parquet(data) if data.suffix == ".parquet" else frame.to_csv(data, index=False)
        adopted._said(repo, "init", str(data), *one.options)
    return repo


def _calibrated(folder: Path, name: str, shipped: adopted.Files) -> dict[str, Any]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    repo = problem(folder, name, shipped)
    adopted._said(repo, "run")
    started = time.perf_counter()
    adopted._said(repo, "calibrate")
    minutes = (time.perf_counter() - started) / 60
    record = json.loads(repo.text("reports/calibration.json"))
    return {"rows": record["data"]["train_rows"], "minutes": round(minutes, 1), **record["held"]}


def _table(found: dict[str, Any]) -> str:
    rows = [HEAD, "|---" * len(COLUMNS) + "|"]
    for name, one in found.items():
        verdicts, least, alarms = one["verdicts"], one["smallest_loss_caught"], one["false_alarms_a_year"]
        seen = " (margins widened by these pairs)" if one["margins_widened_by_the_same_pairs"] else ""
        cells = (
            name,
            f"{one['rows']:,}",
            f"{verdicts['worse']:.1%} of {one['pairs']}{seen}",
            f"{verdicts['inconclusive']:.1%}",
            "none that was tried" if least is None else f"{least:.3g}",
            "not measured" if alarms is None else f"{alarms:.2g}",
            f"{one['faults'] - len(one['faults_not_refused'])} of {one['faults']}",
            f"{one['minutes']:g}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
