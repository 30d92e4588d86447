"""The champion: the model that the base's dvc.lock names, scored by the code and lock of its commit.

What is stored of it (model, predictions, examples) is taken from DVC's cache or remote where
it is what the review needs. What is not is made again in the checkout: the model only if it
comes out with the hash that dvc.lock names.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from loop.base import files
from loop.base.errors import LoopError
from loop.model.artifacts import Stored, rebuild, run
from loop.repo import dvc_lock
from loop.repo.dvc_lock import outs
from loop.repo.git import git
from loop.repo.worktree import Checkout
from loop.review.base import Base
from loop.settings import params, yaml_file
from loop.settings.paths import HOLDOUT, MODEL, PARAMS, PIPELINE_LOCK, PREDICTIONS, RAW, TRAIN
from loop.settings.yaml_file import load


@dataclass(frozen=True)
class Champion:
    """Its model's md5 and bytes, its own examples and predictions of the judged window, and how they came."""

    md5: str
    examples: pd.DataFrame
    predictions: pd.DataFrame
    train: pd.DataFrame | None
    windows: params.Windows
    how: str


def bring(
    base: Base, home: Checkout, windows: params.Windows, beside: dict[str, Any] | None = None
) -> Champion:
    """The champion on the candidate's holdout, from the first row that it was not trained on.

    `windows` are the candidate's, `beside` its dvc.lock, this tree's by default. Raises LoopError when there
    is no such row, when the model cannot be had or rebuilt with its hash, and when it does not score.
    """
    lock = _lock(base)
    md5 = outs(lock).get(str(MODEL))
    if md5 is None:
        raise LoopError(
            f"{PIPELINE_LOCK} on {base.name} names no {MODEL}",
            "the lock of a pipeline that has run",
            f"run `loop run` on {base.name} and commit {PIPELINE_LOCK}",
        )
    own = params.of_commit("windows", load(home.path / PARAMS), params.Windows, home.path / PARAMS)
    _as_trained(base, lock)
    stored = Stored(base.commit, home.path)
    how = [] if stored.bring(MODEL) else [rebuild(home, stored, md5, base.name)]
    judged = _judged(windows, own)
    candidates = outs(dvc_lock.read() if beside is None else beside)
    same_data = outs(lock).get(str(RAW)) == candidates.get(str(RAW))
    usable = judged == own and same_data and _as_locked(home, lock)
    if usable and all(stored.bring(path) for path in (HOLDOUT, PREDICTIONS)):
        how.append("its stored predictions, made by the same code on the same data")
    else:
        if not (usable and stored.bring(HOLDOUT)):
            how += _tables(home, stored)
            _examples(home, judged if judged != own else None)
        _score(home)
        how.append(f"scored in a worktree of {base.commit[:12]} by its own code")
    known = (home.path / TRAIN).is_file() or stored.bring(TRAIN)
    return Champion(
        md5=md5,
        examples=files.read_table(home.path / HOLDOUT),
        predictions=files.read_table(home.path / PREDICTIONS),
        train=files.read_table(home.path / TRAIN) if known else None,
        windows=own,
        how="; ".join(how),
    )


def _lock(base: Base) -> dict[str, Any]:
    lock = base.yaml(PIPELINE_LOCK)
    if not isinstance(lock, dict) or not isinstance(lock.get("stages"), dict):
        raise LoopError(
            f"{PIPELINE_LOCK} on {base.name} is not a lock of DVC",
            "a mapping with `stages`, as `dvc repro` writes it",
            f"run `loop run` on {base.name} and commit {PIPELINE_LOCK}",
        )
    return lock


def _as_trained(base: Base, lock: dict[str, Any]) -> None:
    """Raise LoopError when params on the base are others than those that its dvc.lock was made with."""
    values = base.yaml(PARAMS)
    for stage, made in lock["stages"].items():
        for key, value in made.get("params", {}).get(str(PARAMS), {}).items():
            here: Any = values
            for part in key.split("."):
                here = here.get(part) if isinstance(here, dict) else None
            if here != value:
                raise LoopError(
                    f"{PIPELINE_LOCK} on {base.name} is older than its {PARAMS}: {stage} had another `{key}`",
                    "a champion that was made with the params beside it",
                    f"run `loop run` on {base.name} and commit what it writes",
                )


def _judged(windows: params.Windows, own: params.Windows) -> params.Windows:
    """The champion's windows with the candidate's holdout, less what the champion was trained on."""
    since = max(windows.holdout.since, own.train.until)
    if since >= windows.holdout.until:
        raise LoopError(
            f"the champion was trained until {own.train.until:%Y-%m-%d %H:%MZ}, "
            f"the holdout ends {windows.holdout.until:%Y-%m-%d %H:%MZ}",
            "rows that neither model was trained on",
            "move windows.holdout in params.yaml to after the champion's training",
        )
    holdout = {"from": since, "until": windows.holdout.until}
    values = {**own.model_dump(by_alias=True), "holdout": holdout, "as_of": windows.as_of}
    return params.parse("windows", values, params.Windows)


def _as_locked(home: Checkout, lock: dict[str, Any]) -> bool:
    """Whether every file of code that made the stored predictions is the one in the commit."""
    deps = [dep for stage in lock["stages"].values() for dep in stage.get("deps", [])]
    code = [dep for dep in deps if not dep["path"].startswith(("data/", "models/"))]
    return all(
        (home.path / dep["path"]).exists() and files.md5(home.path / dep["path"]) == dep["md5"]
        for dep in code
    )


def _tables(home: Checkout, stored: Stored) -> list[str]:
    """Bring the tables that .dvc files track; ours, where its own are in no cache or remote.

    Returns a line for people where a table is ours.
    """
    ours = []
    for listed in git("ls-files", "--", "*.dvc", cwd=home.path).splitlines():
        path = Path(listed.removesuffix(".dvc"))
        if stored.bring(path) or not (path.exists() and Path(listed).is_file()):
            continue
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        copy(path, home.path / path)
        shutil.copyfile(listed, home.path / listed)
        ours.append(f"{path} as the candidate has it, since its own is in no cache or remote")
    return ours


def _examples(home: Checkout, windows: params.Windows | None) -> None:
    """Make the examples of the judged windows, or of its own."""
    if windows:
        path = home.path / PARAMS
        dumped = windows.model_dump(by_alias=True)
        values = {**load(path), "windows": _texts(dumped)}
        path.write_text(yaml_file.dump(values), encoding="utf-8")
    model = (home.path / MODEL).read_bytes()
    run(home, HOLDOUT)
    (home.path / MODEL).write_bytes(model)


def _score(home: Checkout) -> None:
    with home.scorer() as scorer:
        scorer.ask(score=str(home.path / HOLDOUT), to=str(home.path / PREDICTIONS))


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _texts(part) for key, part in value.items()}
    return value.isoformat()
