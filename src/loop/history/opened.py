"""What a commit's pipeline made, as frames and a model: `loop.open()` for notebooks.

Nothing is trained and nothing in the working tree changes; each part is brought when it is asked for.
"""

import tempfile
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from loop.base import files
from loop.base.errors import LoopError
from loop.model import model_file
from loop.model.artifacts import Stored
from loop.repo import dvc_lock
from loop.repo.commit import Commit
from loop.repo.git import ask, commit_of, git
from loop.settings import yaml_file
from loop.settings.paths import (
    ENVIRONMENT_LOCK,
    HOLDOUT,
    LINEAGE,
    METRICS,
    MODEL,
    PARAMS,
    PIPELINE_LOCK,
    PREDICTIONS,
    TRAIN,
    VALID,
)

CODE = (ENVIRONMENT_LOCK, Path("src/problem"), Path("src/loop/kit"))  # by which a model file becomes a model


class Opened:
    """Tables, examples, model, predictions and metrics of a commit, or of the working tree (`commit` None).

    A part raises LoopError where it cannot be had as dvc.lock names it.
    """

    def __init__(self, name: str | None = None) -> None:
        self.root = Path(git("rev-parse", "--show-toplevel"))
        self.name, self.commit = name, commit_of(name, self.root) if name is not None else None
        if name is not None and self.commit is None:
            raise LoopError(
                f"{name!r} is no commit, branch or tag of {self.root}",
                "a name that git knows here, or none for the working tree",
                "look at `git branch --all` and `git tag`; `git fetch --tags` brings those of the remote",
            )

    def __repr__(self) -> str:
        of = f"{self.name}, commit {self.commit[:12]}" if self.commit else "the working tree"
        return f"<{of} of {self.root.name}: tables, examples, predictions, model, metrics, params>"

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The raw tables after repairs and checks, by name."""
        folder = self._file(VALID)
        return {path.stem: files.read_table(path) for path in sorted(folder.glob("*.parquet"))}

    @cached_property
    def examples(self) -> dict[str, pd.DataFrame]:
        """The rows that trained the model, and those held out: key, inputs, features and label."""
        return {path.stem: files.read_table(self._file(path)) for path in (TRAIN, HOLDOUT)}

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """The scores of the rows held out, with their labels."""
        return files.read_table(self._file(PREDICTIONS))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Each metric's value on the rows held out, with its interval; how many rows and clusters."""
        return self._json(METRICS)

    @cached_property
    def params(self) -> dict[str, Any]:
        """params.yaml as plain values."""
        if self.commit is None:
            return yaml_file.load(self.root / PARAMS)
        return dict(Commit(self.commit, self.root).yaml(PARAMS))

    @cached_property
    def model(self) -> Any:
        """The fitted Pipeline, loaded once its hash was compared; it warns where other code loads it."""
        from problem import model as problem_model

        sha256 = self._json(LINEAGE)["model"]["sha256"]
        if self.commit and (other := self._other_code()):
            warnings.warn(
                f"the model of {self.name} is loaded by code that differs from its own ({', '.join(other)}): "
                f"what it answers may differ too; `predictions` are those of its own",
                stacklevel=3,
            )
        return model_file.read(self._file(MODEL), sha256, problem_model.TRUSTED)

    def _json(self, path: Path) -> dict[str, Any]:
        """A result that git keeps, as plain values."""
        if self.commit:
            return dict(Commit(self.commit, self.root).json(path))
        return dict(files.read_json(self._file(path), "what a stage wrote", "`loop run --force`"))

    def _other_code(self) -> list[str]:
        """Which of the code that makes a model of its file differs in the working tree."""
        differs = ("diff", "--quiet", str(self.commit), "--")
        return [str(path) for path in CODE if ask(*differs, str(path), cwd=self.root).code]

    @cached_property
    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="loop-open-")  # gone with this object

    @cached_property
    def _stored(self) -> Stored:
        return Stored(str(self.commit), Path(self._folder.name), self.root)

    def _file(self, path: Path) -> Path:
        """Where a part lies, as dvc.lock names it. Raises LoopError where it cannot be had."""
        if self.commit:
            place = Path(self._folder.name, path)
            if not place.exists():
                self._stored.need(path)
            return place
        place, lock = self.root / path, self.root / PIPELINE_LOCK
        named = dvc_lock.named(yaml_file.load(lock)) if lock.is_file() else {}
        if not place.exists() or named.get(path.as_posix()) != files.md5(place):
            state = "is not what dvc.lock names" if place.exists() else "is missing"
            raise LoopError(
                f"{path} {state}",
                "what the last run made, whole",
                "`loop run` makes it, or `dvc pull` brings it from the remote",
            )
        return place
