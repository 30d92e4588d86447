"""The stage `examples` of the example, and `loop score` of a million requests, by each engine.

Without Spark that is one process, with it two executors on the same cores. Each in a process of its own, the
start of Spark, the labels and the load of the model included; what comes out is compared.
"""

import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from benchmarks import batch
from benchmarks.pipeline import ROOT, _copy, _env
from benchmarks.timing import Row, spent
from loop.base import files
from loop.settings.paths import MODEL

ENGINES = {"DuckDB": "duckdb", "Spark, local-cluster[2,1,1024]": '{spark: "local-cluster[2,1,1024]"}'}
STAGE = [sys.executable, "src/loop/stage.py"]
SCORE = [sys.executable, "-m", "loop.cli", "score", "requests.parquet", "scores"]


def measure(runs: int) -> list[Row]:
    """Seconds and memory of Python's process by each engine, on the same valid tables and requests."""
    if find_spec("pyspark") is None:
        sys.exit("benchmarks: no Spark here; `uv sync --locked --group spark` installs it")
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        _copy(repo)
        for name in ("ingest", "validate"):
            spent([*STAGE, name], repo, _env(repo))
        shutil.copytree((ROOT / MODEL).parent, repo / MODEL.parent, dirs_exist_ok=True)
        batch._write(repo / "requests.parquet", batch.MILLION)
        return [
            *_by_engine(repo, "examples", [*STAGE, "examples"], "data/examples", runs),
            *_by_engine(repo, f"score {batch.MILLION:,} rows", SCORE, "scores", runs),
        ]


def _by_engine(repo: Path, what: str, command: list[str], made: str, runs: int) -> list[Row]:
    rows, seen = [], set()
    params = (ROOT / "params.yaml").read_text()
    for engine, setting in ENGINES.items():
        (repo / "params.yaml").write_text(params.replace("engine: duckdb", f"engine: {setting}"))
        found = [spent(command, repo, _env(repo)) for _ in range(runs)]
        seen.add(tuple(files.md5(path) for path in sorted((repo / made).glob("*.parquet"))))
        same = "the same files" if len(seen) == 1 else "files DIFFER"
        rows.append(Row(f"{what} by {engine}", [seconds for seconds, _ in found], note=same))
        rows.append(Row("its largest process", [memory for _, memory in found], unit="GiB"))
    return rows
