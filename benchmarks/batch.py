"""Scoring a file: Parquet in, Parquet out, by `loop score`; beside the Pipeline on a frame read whole.

The file repeats the holdout, features as columns among the request's. Start of the process and load of
the model are counted in.
"""

import os
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.timing import Row, spent
from loop.settings.paths import HOLDOUT

ROOT = Path(__file__).parent.parent
MILLION = 1_000_000
OUTCOME = ["label", "label_known_at"]
PEER = """
import sys
import pandas as pd
from loop.model import lineage, model_file
from loop.settings.paths import MODEL
from problem import model
pipeline = model_file.read(MODEL, lineage.load()["model"]["sha256"], model.TRUSTED)
frame = pd.read_parquet(sys.argv[1])
frame.assign(score=model.score(pipeline, frame)).to_parquet(sys.argv[2])
"""


def measure(runs: int) -> list[Row]:
    """Rows per second and memory at one and at ten million rows."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        small, large = place / "1.parquet", place / "10.parquet"
        _write(small, MILLION)
        _write(large, 10 * MILLION)
        score, whole = [str(Path(sys.executable).parent / "loop"), "score"], [sys.executable, "-c", PEER]
        ours, memory = _several(score, small, MILLION, runs)
        ours_large, memory_large = _several(score, large, 10 * MILLION, runs)
        peer, memory_peer = _several(whole, small, MILLION, runs)
        growth = [more / less for more, less in zip(memory_large, memory, strict=True)]
        return [
            Row("1,000,000 rows", ours, unit="rows/s", least=100_000, note=_size(small)),
            Row("10,000,000 rows", ours_large, unit="rows/s", least=100_000, note=_size(large)),
            Row("1,000,000 rows, memory at the peak", memory, unit="GiB"),
            Row("10,000,000 rows, memory at the peak", memory_large, unit="GiB"),
            Row("the latter in times of the former", growth, goal=1.2, unit=""),
            Row("peer: the Pipeline on a frame, 1,000,000 rows", peer, unit="rows/s"),
            Row("peer: the same, memory at the peak", memory_peer, unit="GiB"),
        ]


def _write(path: Path, rows: int) -> None:
    """The holdout's requests with their features, again and again: a row group each time."""
    table = pq.read_table(ROOT / HOLDOUT)
    table = table.drop_columns(OUTCOME)
    with pq.ParquetWriter(path, table.schema) as writer:
        for start in range(0, rows, len(table)):
            writer.write_table(table.slice(0, min(len(table), rows - start)))


def _several(command: list[str], file: Path, rows: int, runs: int) -> tuple[list[float], list[float]]:
    """Rows per second and GiB of each run. Every row must have its score."""
    target = file.with_name("scores.parquet")
    found = [spent([*command, str(file), str(target)], ROOT, dict(os.environ)) for _ in range(runs)]
    assert pq.read_metadata(target).num_rows == rows, "rows were lost"
    assert pa.types.is_floating(pq.read_schema(target).field("score").type)
    target.unlink()
    return [rows / seconds for seconds, _ in found], [memory for _, memory in found]


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.0f} MiB of Parquet"
