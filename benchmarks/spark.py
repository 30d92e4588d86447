"""The stage `examples` of the example by each engine: DuckDB in one process, Spark with two executors.

Each in a process of its own, the start of Spark and the labels included; what comes out is compared.
"""

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from benchmarks.pipeline import _copy, _env
from benchmarks.timing import Row, spent
from loop.base import files

ENGINES = {"DuckDB": "duckdb", "Spark, local-cluster[2,1,1024]": '{spark: "local-cluster[2,1,1024]"}'}
MADE = ("data/examples/train.parquet", "data/examples/holdout.parquet")


def measure(runs: int) -> list[Row]:
    """Seconds and memory of Python's process by each engine, on the same valid tables."""
    if find_spec("pyspark") is None:
        sys.exit("benchmarks: no Spark here; `uv sync --locked --group spark` installs it")
    rows, made = [], set()
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        _copy(repo)
        env = _env(repo)
        params = (repo / "params.yaml").read_text()
        for name in ("ingest", "validate"):
            spent([sys.executable, "src/loop/stage.py", name], repo, env)
        for engine, setting in ENGINES.items():
            (repo / "params.yaml").write_text(params.replace("engine: duckdb", f"engine: {setting}"))
            found = [spent([sys.executable, "src/loop/stage.py", "examples"], repo, env) for _ in range(runs)]
            made.add(tuple(files.md5(repo / path) for path in MADE))
            same = "the same files" if len(made) == 1 else "files DIFFER"
            rows.append(Row(f"examples by {engine}", [seconds for seconds, _ in found], note=same))
            rows.append(Row("its largest process", [memory for _, memory in found], unit="GiB"))
    return rows
