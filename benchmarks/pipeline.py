"""The whole run from an empty cache, and a run with nothing to do, beside plain DVC.

In a scratch copy with an environment of its own, where Python keeps compiled modules as it does by default.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from sys import executable

from benchmarks.timing import Row, spent

ROOT = Path(__file__).parent.parent
# Settings of the shell at hand that would change the figures.
SETTINGS = ("PYTHON", "MLFLOW_", "DVC_", "LOOP_", "VIRTUAL_ENV")
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
        make = ["make", f"PYTHON={os.path.realpath(executable)}"]
        spent([*make, "setup"], repo, env)  # an environment of its own, untimed

        def several(
            *command: str, cwd: Path = repo, before: Callable[[], None] = lambda: None
        ) -> tuple[list[float], list[float]]:
            found = []
            for _ in range(runs):
                before()
                found.append(spent([*command], cwd, env))
            seconds, memory = zip(*found, strict=True)
            return list(seconds), list(memory)

        first, _ = spent(["loop", "run"], repo, env)
        whole, memory = several("loop", "run", before=lambda: _forget(repo))
        spent(["dvc", "status", "--quiet"], repo, env)  # fails unless there is nothing to do
        return [
            Row("whole run, the first in a fresh clone", [first], goal=60, note="compiles modules too"),
            Row("whole run, empty cache", whole, goal=60),
            Row("its largest process", memory, goal=2, unit="GiB"),
            Row("`loop run`, nothing to do", several("loop", "run")[0]),
            Row("`make run`, nothing to do", several(*make, "run")[0], goal=3),
            Row("plain `dvc repro` in the same place", several("dvc", "repro")[0]),
            Row(
                "peer: `dvc repro`, five stages that copy a file",
                several("dvc", "repro", cwd=toy, before=lambda: _toy(toy, env))[0],
            ),
            Row("peer: the same, nothing to do", several("dvc", "repro", cwd=toy)[0]),
        ]


def _copy(target: Path) -> None:
    listed = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():  # a deleted file is listed until that is committed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)


def _env(repo: Path) -> dict[str, str]:
    """The environment of a person who works in `repo`; only uv may come from here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    path = os.pathsep.join([f"{repo}/.venv/bin", os.environ["PATH"], f"{ROOT}/.tools/bin"])
    site = str(repo / ".dvc/tmp/site")  # else DVC leaves a folder on this machine for each scratch repository
    return {**kept, "PATH": path, "PYTHONPATH": f"{repo}/src", "DVC_SITE_CACHE_DIR": site}


def _forget(repo: Path) -> None:
    """Remove all that git ignores (caches, outputs, runs), but not the environment."""
    kept = ["-e", "!/.venv/", "-e", "!/.venv/**"]  # the second, because uv has it ignore itself
    subprocess.run(["git", "clean", "-fdXq", *kept], cwd=repo, check=True)


def _toy(toy: Path, env: dict[str, str]) -> None:
    shutil.rmtree(toy, ignore_errors=True)
    toy.mkdir()
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        spent(command, toy, env)
    shutil.copy(ROOT / ".dvc/config", toy / ".dvc/config")
    (toy / "f0").write_text("x")
    (toy / "dvc.yaml").write_text("stages:\n" + "".join(STAGE.format(m=n, n=n + 1) for n in range(5)))
