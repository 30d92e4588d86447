"""The whole run from an empty cache, and a run with nothing to do, beside plain DVC."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import Row, peak_mb, timed

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
TOY = """stages:
{}"""
STAGE = """  s{n}:
    cmd: python -c "import shutil; shutil.copy('f{m}', 'f{n}')"
    deps: [f{m}]
    outs: [f{n}]
"""


def measure(runs: int) -> list[Row]:
    """Wall time of `loop run`, `make run` and `dvc repro`, in scratch repositories."""
    with tempfile.TemporaryDirectory() as folder:
        repo, toy = Path(folder) / "repo", Path(folder) / "toy"
        _copy(repo)
        env = _env(repo)

        def run(*command: str, cwd: Path = repo) -> None:
            subprocess.run(command, cwd=cwd, env=env, check=True, capture_output=True)

        def forget() -> None:
            for name in (".dvc/cache", ".dvc/tmp", "data/raw", "data/valid", "data/examples", "mlruns"):
                shutil.rmtree(repo / name, ignore_errors=True)
            for name in ("mlflow.db", "models/model.skops", "data/predictions.parquet"):
                (repo / name).unlink(missing_ok=True)

        def from_nothing() -> None:
            forget()
            run("loop", "run")

        rows = [Row("whole run, empty cache", timed(from_nothing, runs), goal=60)]
        forget()
        memory = peak_mb(["loop", "run"], repo, env)
        rows[0] = Row(rows[0].what, rows[0].seconds, 60, f"largest process {memory:,.0f} MB, goal 2,048")
        run("make", "setup")  # the copy's own environment, once
        rows.append(Row("`make run`, nothing to do", timed(lambda: run("make", "run"), runs), goal=3))
        rows.append(Row("`dvc repro` in the same place", timed(lambda: run("dvc", "repro"), runs)))
        _toy(toy, run)
        force = timed(lambda: run("dvc", "repro", "--force", cwd=toy), runs)
        rows.append(Row("peer: `dvc repro`, five stages that copy a file", force))
        idle = timed(lambda: run("dvc", "repro", cwd=toy), runs)
        rows.append(Row("peer: the same, nothing to do", idle))
    return rows


def _copy(target: Path) -> None:
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, names.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)


def _env(repo: Path) -> dict[str, str]:
    path = os.pathsep.join([str(BIN), str(ROOT / ".tools/bin"), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(repo / "src")}


def _toy(toy: Path, run) -> None:  # type: ignore[no-untyped-def]
    toy.mkdir()
    (toy / "f0").write_text("x")
    (toy / "dvc.yaml").write_text(TOY.format("".join(STAGE.format(m=n, n=n + 1) for n in range(5))))
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "repro"]):
        run(*command, cwd=toy)
