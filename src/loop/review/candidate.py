"""The candidate: what the working tree's pipeline has made, checked to be of one piece."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.base import files, json_text, program
from loop.base.errors import LoopError
from loop.data import features, score_columns
from loop.model import lineage, model_file
from loop.repo import dvc_lock, dvc_yaml
from loop.settings import params
from loop.settings.paths import HOLDOUT, LINEAGE, MODEL, PREDICTIONS, TRAIN, VALIDATION
from problem import model as problem_model

NEEDED = (MODEL, HOLDOUT, TRAIN, PREDICTIONS)
_NOT_HERE = ("deleted", "not in cache")  # DVC's words for an output that nobody pulled


@dataclass(frozen=True)
class Candidate:
    """Its model, ready to score, with md5 and size; its examples and its predictions of the holdout."""

    model: Any
    md5: str
    megabytes: float
    holdout: pd.DataFrame
    train: pd.DataFrame
    predictions: pd.DataFrame
    windows: params.Windows

    def score(self, examples: pd.DataFrame) -> Any:
        """The score of each example: (rows,), or (rows, classes)."""
        return problem_model.score(self.model, features.known(examples))


def breaches() -> list[dict[str, Any]]:
    """The rules that the newest raw data broke, as `validate` found them; none without a report."""
    if not VALIDATION.is_file():
        return []
    try:
        found: list[dict[str, Any]] = json_text.parse(VALIDATION.read_text(encoding="utf-8"))["breaches"]
    except (ValueError, KeyError, TypeError):
        raise LoopError(
            f"{VALIDATION} is not what `validate` writes", "its report", "`dvc repro --force validate`"
        ) from None
    return found


def take() -> Candidate:
    """The candidate as the pipeline left it, read from files that dvc.lock names, to the byte.

    Raises LoopError for a stage out of date, and for a file that is missing or another.
    """
    _up_to_date()
    made = lineage.load()
    lock = dvc_lock.read()
    dvc_lock.hold(dvc_lock.named(lock))
    dvc_lock.hold_added(lock)
    dvc_lock.hold(made["data"], LINEAGE)
    found = Candidate(
        model=model_file.read(MODEL, made["model"]["sha256"], problem_model.TRUSTED),
        md5=files.md5(MODEL),
        megabytes=MODEL.stat().st_size / 1e6,
        holdout=files.read_table(HOLDOUT),
        train=files.read_table(TRAIN),
        predictions=files.read_table(PREDICTIONS),
        windows=params.section("windows", params.Windows),
    )
    _agree(found)
    return found


def _agree(candidate: Candidate) -> None:
    """Raise LoopError when the predictions are not the model's own: the report would speak of another."""
    stored, fresh = score_columns.array(candidate.predictions), candidate.score(candidate.holdout)
    if len(stored) != len(fresh) or not np.allclose(stored, fresh, rtol=0, atol=1e-9):
        raise LoopError(
            f"{PREDICTIONS} are not what {MODEL} predicts for {HOLDOUT}",
            "predictions of this model, row by row",
            "`loop run --force evaluate`, then run this again",
        )


def _up_to_date() -> None:
    command = [str(Path(sys.executable).parent / "dvc"), "status", "--json"]
    done = program.ask(command, seconds=3600)
    try:
        stages = json_text.parse(done.out)
    except ValueError:
        raise LoopError(
            f"`dvc status` failed: {done.gist()}", "a pipeline that DVC can read", "fix it"
        ) from None
    frozen = [stage.name for stage in dvc_yaml.of() if stage.frozen]
    stale = [f"stage {name}: is frozen" for name in frozen]
    stale += [f"stage {stage}: {what}" for stage, entries in stages.items() for what in _stale(entries)]
    missing = [str(path) for path in NEEDED if not path.exists()]
    if stale or missing:
        found = f"out of date: {'; '.join(stale[:3])}" if stale else f"missing: {', '.join(missing)}"
        raise LoopError(
            f"the pipeline's results are {found}",
            "results of the code, data and params as they are",
            "`loop run`, then run this again",
        )


def _stale(entries: list[Any]) -> list[str]:
    """What changed; an output that merely is not here, because it was not pulled, does not count."""
    changed = []
    for entry in entries:
        if not isinstance(entry, dict):  # such as "changed command"
            changed.append("its command was changed" if entry == "changed command" else str(entry))
            continue
        for kind, names in entry.items():
            for name, state in names.items():
                if isinstance(state, dict):  # params.yaml: each key has its own state
                    changed += [f"{name} {key} {_said(how)}" for key, how in state.items()]
                elif state not in _NOT_HERE or (kind == "changed deps" and not name.startswith("data/")):
                    changed.append(f"{name} {_said(state)}")
    return changed


def _said(state: str) -> str:
    """A state of DVC's in our words."""
    return {"modified": "was changed", "deleted": "is gone"}.get(state, f"is {state}")
