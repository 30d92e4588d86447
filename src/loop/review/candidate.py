"""The candidate: what the working tree's pipeline has made, checked to be of one piece."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from loop import files, lineage, model_file, params
from loop.errors import LoopError
from loop.paths import HOLDOUT, MODEL, PREDICTIONS, TRAIN, VALIDATION
from problem import model as problem_model

NEEDED = (MODEL, HOLDOUT, TRAIN, PREDICTIONS)


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
        """The score of each example, one per row."""
        return problem_model.score(self.model, examples)


def breaches() -> list[dict[str, Any]]:
    """The rules that the newest raw data broke, as `validate` found them; none without a report."""
    if not VALIDATION.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(VALIDATION.read_text(encoding="utf-8")).get("breaches", [])
    return found


def take() -> Candidate:
    """The candidate as the pipeline left it. Raises LoopError for a stage out of date or a missing file."""
    _up_to_date()
    made = lineage.load()
    return Candidate(
        model=model_file.read(MODEL, made["model"]["sha256"], problem_model.TRUSTED),
        md5=lineage.md5(MODEL),
        megabytes=MODEL.stat().st_size / 1e6,
        holdout=files.read_table(HOLDOUT),
        train=files.read_table(TRAIN),
        predictions=files.read_table(PREDICTIONS),
        windows=params.section("windows", params.Windows),
    )


def _up_to_date() -> None:
    command = [str(Path(sys.executable).parent / "dvc"), "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        stages = json.loads(done.stdout)
    except ValueError:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise LoopError(
            f"`dvc status` failed: {lines[-1]}", "a pipeline that DVC can read", "mend it"
        ) from None
    stale = [f"{stage}: {what}" for stage, told in stages.items() for what in _stale(told)]
    missing = [str(path) for path in NEEDED if not path.exists()]
    if stale or missing:
        found = f"out of date: {'; '.join(stale[:3])}" if stale else f"missing: {', '.join(missing)}"
        raise LoopError(
            f"the pipeline's results are {found}",
            "results of the code, data and params as they are",
            "`loop run`, then review again",
        )


def _stale(told: list[Any]) -> list[str]:
    """What changed; an output that merely is not here, because it was not pulled, does not count."""
    changed = []
    for entry in told:
        for kind, names in entry.items() if isinstance(entry, dict) else ():
            for name, state in names.items():
                if isinstance(state, dict):  # params.yaml: each key has its own state
                    changed += [f"{name} {key} is {how}" for key, how in state.items()]
                elif state != "deleted" or (kind == "changed deps" and not name.startswith("data/")):
                    changed.append(f"{name} is {state}")
    return changed
