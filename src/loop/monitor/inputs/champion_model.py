"""The champion: which commit's model serves, and that model at hand in a worktree of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from loop.base import files
from loop.base.errors import LoopError
from loop.data import score_columns
from loop.kit.types import Array
from loop.model import artifacts, lineage
from loop.model.artifacts import Stored
from loop.production import state
from loop.repo import remote
from loop.repo.commit import require
from loop.repo.dvc_lock import outs
from loop.repo.git import git
from loop.repo.worktree import Checkout, Scorer, checkout
from loop.settings import params
from loop.settings.paths import LINEAGE, MODEL, PARAMS, PIPELINE_LOCK
from loop.settings.yaml_file import load


@dataclass(frozen=True)
class Champion:
    """A model by its commit; `windows` are those that its params name."""

    name: str
    commit: str
    sha256: str
    windows: params.Windows
    home: Checkout
    scorer: Scorer

    def score(self, examples: pd.DataFrame) -> Array:
        """The model's scores of the examples, (rows,) or (rows, classes), by the code of its commit."""
        return self._ask(examples, {"score": "asked"})

    def refit(self, rows: pd.DataFrame, examples: pd.DataFrame) -> Array:
        """The same of another model, by the same code and params, fitted on `rows` with their labels."""
        files.write_table(self.home.path.parent / "fit.parquet", rows)
        return self._ask(examples, {"fit": str(self.home.path.parent / "fit.parquet"), "on": "asked"})

    def looked_at(
        self, examples: pd.DataFrame, seed: int
    ) -> tuple[dict[str, float], dict[str, list[int]]] | None:
        """What its estimator looks at, by importance, and what the Pipeline makes; None for no Pipeline.

        None also of a commit whose code does not know the question.
        """
        if self.scorer.version < 2:
            return None
        path = self.home.path.parent / "asked.parquet"
        files.write_table(path, examples.reset_index(drop=True))
        found = self.scorer.ask(look=str(path), seed=seed)["looked"]
        return (found["weights"], found["made"]) if found else None

    def make(self, examples: pd.DataFrame, columns: dict[str, list[int]]) -> pd.DataFrame:
        """The columns that its Pipeline makes of each example."""
        asked, to = (self.home.path.parent / name for name in ("asked.parquet", "made.parquet"))
        files.write_table(asked, examples.reset_index(drop=True))
        self.scorer.ask(make=str(asked), columns=columns, to=str(to))
        return files.read_table(to).set_axis(examples.index)

    def _ask(self, examples: pd.DataFrame, question: dict[str, str]) -> Array:
        asked, to = (self.home.path.parent / name for name in ("asked.parquet", "scores.parquet"))
        files.write_table(asked, examples.reset_index(drop=True))
        paths = {key: str(asked) if value == "asked" else value for key, value in question.items()}
        self.scorer.ask(**paths, to=str(to))
        return score_columns.array(files.read_table(to, score_columns.NAMES))


def which() -> tuple[str, str]:
    """Name and commit of the model that serves: production's champion; before the first release, main's.

    Where there is no main either, that of the commit that is checked out.
    """
    serving = state.read(state.ref()).state.champion
    if serving is not None:
        return f"version {serving.version}", serving.commit
    main = remote.main_ref() or "HEAD"
    return git("rev-parse", "--abbrev-ref", main), git("rev-parse", main)


@contextmanager
def of(name: str, commit: str, here: Path) -> Iterator[Champion]:
    """The model of a commit of the clone `here`, ready to score.

    Raises LoopError when it cannot be had or made again.
    """
    require(commit, name, here)
    with checkout(commit, here) as home:
        lock = home.path / PIPELINE_LOCK
        md5 = outs(load(lock)).get(str(MODEL)) if lock.is_file() else None
        if md5 is None:
            raise LoopError(
                f"{PIPELINE_LOCK} of {name} ({commit[:12]}) names no {MODEL}",
                "a model to look after",
                "`loop run`, and commit what it writes",
            )
        there = Stored(commit, home.path, here)
        if not there.bring(MODEL):
            artifacts.rebuild(home, there, md5, name)
        windows = params.of_commit("windows", load(home.path / PARAMS), params.Windows, home.path / PARAMS)
        made = lineage.load(home.path / LINEAGE)
        with home.scorer() as scorer:
            yield Champion(name, commit, made["model"]["sha256"], windows, home, scorer)
