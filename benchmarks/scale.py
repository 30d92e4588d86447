"""Each stage on the example's year once and ten times over: seconds, and memory of its process at the peak.

The flights are repeated under other numbers, so that every day, route and origin has as many times more:
336,746 requests, and 3,367,460; `ingest` and `examples` also take 33,674,600. They come a month at a time.
The model is trained on January to November and judged on December.
"""

import re
import sys
import tempfile
from pathlib import Path

from benchmarks.pipeline import _copy, _env
from benchmarks.timing import Row, spent
from loop.base import files
from loop.data import raw

STAGES = ("ingest", "validate", "examples", "train", "evaluate")
TIMES = {1: STAGES, 10: STAGES, 100: ("ingest", "examples")}
MEMORY = 4  # GiB, at every size but in the fit
AGAIN = """

_once = _flights


def _flights(airports: pd.DataFrame):
    whole = _once(airports)
    for _, month in whole.groupby(whole["scheduled_departure"].dt.strftime("%Y-%m")):
        parts = [month.assign(flight=month["flight"] + 10_000 * turn) for turn in range({times})]
        yield pd.concat(parts, ignore_index=True)
"""
WINDOWS = """windows:
  since: "2013-01-01T00:00Z"
  train:
    from: "2013-01-01T00:00Z"
    until: "2013-12-01T00:00Z"
  holdout:
    from: "2013-12-01T00:00Z"
    until: "2014-01-01T00:00Z"
  as_of: "2014-01-03T00:00Z"
"""


def measure(runs: int) -> list[Row]:
    """The stages one after the other, each size in a scratch repository of its own, and once."""
    rows = []
    for times, stages in TIMES.items():
        with tempfile.TemporaryDirectory() as folder:
            repo = Path(folder)
            _copy(repo)
            _grow(repo, times)
            env = _env(repo)
            for name in stages:
                if name == "examples" and "validate" not in stages:
                    _repair(repo)
                seconds, memory = spent([sys.executable, "src/loop/stage.py", name], repo, env)
                print(f"{times} times: {name} {seconds:.0f} s, {memory:.2f} GiB", file=sys.stderr, flush=True)
                rows.append(Row(f"{name}, {times} times the flights", [seconds]))
                goal = None if name == "train" else MEMORY
                rows.append(Row("its memory at the peak", [memory], goal=goal, unit="GiB"))
    return rows


def _repair(repo: Path) -> None:
    """data/valid as `validate` leaves it, which holds it whole: here flights are repaired month by month."""
    for folder in sorted((repo / "data/raw").iterdir()):
        months = sorted(folder.iterdir()) if folder.name == "flights" else [folder]
        repaired = (raw.repair(folder.name, files.read_table(month))[0] for month in months)
        files.write_slices(repo / "data/valid" / f"{folder.name}.parquet", repaired)


def _grow(repo: Path, times: int) -> None:
    """The example's sources changed to so many times the flights, of the whole year."""
    source, schema, params = (
        repo / name for name in ("src/problem/source.py", "src/problem/schema.py", "params.yaml")
    )
    source.write_text(source.read_text() + AGAIN.format(times=times))
    schema.write_text(
        schema.read_text().replace("contracts.number(1, 9999, ", f"contracts.number(1, {times}9999, ")
    )
    params.write_text(re.sub(r"(?ms)^windows:.*?\n(?=\S)", WINDOWS + "\n", params.read_text(), count=1))
