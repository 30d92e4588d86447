"""What the branch changed: params, policy, code by stage, data, environment, training time."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_datetime64_any_dtype

from loop import tracking
from loop.errors import LoopError
from loop.git import git
from loop.paths import ENVIRONMENT_LOCK, LINEAGE, PARAMS, PIPELINE, PIPELINE_LOCK, PREDICTIONS
from loop.review.base import Base
from loop.review.candidate import Candidate
from loop.review.champion import Champion, outs
from loop.review.verdict import NO_CHANGES, Changes, Moved
from loop.stats.psi import psi
from loop.yaml_file import load

POLICY = "review"  # the section of params.yaml that no stage reads
JUDGE = (
    "src/loop/review/",
    "src/loop/stats/",
    "src/loop/policy.py",
    "src/loop/scorer.py",
    "src/problem/metrics.py",
)
DRIFTED = 0.1  # a PSI below it is not worth a word
SHOWN = 40  # of a kind: the report is to be read


def in_git(base: Base) -> Changes:
    """What git alone can tell: nothing of it needs the pipeline's results."""
    old, new = base.yaml(PARAMS, base.parted) or {}, load(PARAMS)
    changed = base.changed()
    stages = load(PIPELINE)["stages"]
    first = {str(PIPELINE): "the pipeline"}  # path -> the first stage that runs it
    for name, spec in stages.items():
        for path in spec.get("deps", []):
            first.setdefault(path, name)
    code = {
        stage: _lines(
            base,
            [
                p
                for p in changed
                if first.get(p) == stage and not p.startswith(("data/", "models/", str(ENVIRONMENT_LOCK)))
            ],
        )
        for stage in ("the pipeline", *stages)
    }
    results = ("reports/", "models/", str(PARAMS), str(PIPELINE_LOCK))
    return NO_CHANGES.model_copy(
        update={
            "params": moved(*(_without_policy(values) for values in (old, new))),
            "policy": moved(*(tracking.flat({POLICY: values.get(POLICY) or {}}) for values in (old, new))),
            "judge": [path for path in changed if path.startswith(JUDGE)],
            "code": {name: lines for name, lines in code.items() if lines},
            "environment": packages(base.text(ENVIRONMENT_LOCK, base.parted), _text(ENVIRONMENT_LOCK)),
            "other": len([path for path in changed if path not in first and not path.startswith(results)]),
        }
    )


def touch_the_model(base: Base, found: Changes) -> bool:
    """Whether anything that a stage reads or writes is not as it was where the branch parted."""
    stages = load(PIPELINE)["stages"]
    read = {str(PIPELINE_LOCK), *(path for spec in stages.values() for path in spec.get("deps", []))}
    return bool(
        found.params
        or read & set(base.changed())
        or (base.yaml(PIPELINE, base.parted) or {}).get("stages") != stages
    )


def with_results(
    found: Changes, base: Base, candidate: Candidate, champion: Champion | None, cluster: str
) -> Changes:
    """The same with what the pipeline's results tell: data, drift of the training set, training time."""
    before = outs(base.yaml(PIPELINE_LOCK) or {}) if champion else {}
    after = outs(load(PIPELINE_LOCK))
    data = [
        row for row in moved(before, after) if row.name.startswith("data/") and row.name != str(PREDICTIONS)
    ]
    short = [row.model_copy(update={"old": _short(row.old), "new": _short(row.new)}) for row in data]
    old, theirs = (champion.train, champion.examples) if champion else (None, None)
    return found.model_copy(
        update={
            "data": [
                *_rows("training", old, candidate.train),
                *_rows("holdout", theirs, candidate.holdout),
                *_columns(champion, candidate),
                *short,
            ],
            "drift": _drift(old, candidate.train, cluster),
            "training": _training(base if champion else None),
        }
    )


def moved(old: dict[str, Any], new: dict[str, Any]) -> list[Moved]:
    """Every key whose value differs, in the order of keys."""
    return [
        Moved(name=key, old=_said(old.get(key)), new=_said(new.get(key)))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def packages(old: str | None, new: str | None) -> list[Moved]:
    """Packages whose locked version moved; of texts of uv.lock."""
    versions = []
    for text in (old, new):
        try:
            listed = tomllib.loads(text or "").get("package", [])
        except tomllib.TOMLDecodeError:
            listed = []
        versions.append({entry["name"]: entry.get("version", "local") for entry in listed if "name" in entry})
    return moved(*versions)


def _without_policy(values: dict[str, Any]) -> dict[str, Any]:
    return tracking.flat({key: value for key, value in values.items() if key != POLICY})


def _said(value: Any) -> str | None:
    return None if value is None else str(value)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _short(md5: str | None) -> str | None:
    return md5 and md5[:12]


def _lines(base: Base, paths: list[str]) -> list[str]:
    """Each path with the lines added and removed; a new file has only its name."""
    if not paths:
        return []
    told = git("--literal-pathspecs", "diff", "--numstat", "-z", "--no-renames", base.parted, "--", *paths)
    parts = [line.split("\t", 2) for line in told.split("\0") if line]
    counts = {path: f"+{added} -{removed}" for added, removed, path in parts}
    return [f"{path} {counts.get(path, 'new')}" for path in paths if not path.startswith("data/")]


def _rows(what: str, old: pd.DataFrame | None, new: pd.DataFrame) -> list[Moved]:
    counts = [None if frame is None else f"{len(frame):,}" for frame in (old, new)]
    return [] if counts[0] == counts[1] else [Moved(name=f"rows in {what}", old=counts[0], new=counts[1])]


def _columns(champion: Champion | None, candidate: Candidate) -> list[Moved]:
    if champion is None:
        return []
    old, new = set(champion.examples.columns), set(candidate.holdout.columns)
    gone = [Moved(name=f"column {name}", old="there", new=None) for name in sorted(old - new)]
    come = [Moved(name=f"column {name}", old=None, new="there") for name in sorted(new - old)]
    return gone + come


def _drift(old: pd.DataFrame | None, new: pd.DataFrame, cluster: str) -> list[str]:
    """The three columns of the training set that moved most, by PSI; times and clusters always move."""
    if old is None:
        return []
    still = [
        name for name in new if name in old and name != cluster and not is_datetime64_any_dtype(new[name])
    ]
    found = sorted(((psi(old[name], new[name]), str(name)) for name in still), reverse=True)
    return [f"{name} PSI {value:.2f}" for value, name in found[:3] if value >= DRIFTED]


def _training(base: Base | None) -> Moved | None:
    """Seconds that training took, where the tracker knows them."""
    text = base.text(LINEAGE) if base else None
    hashes = [json.loads(t)["model"]["sha256"] if t else None for t in (text, _text(LINEAGE))]
    try:
        seconds = [tracking.training_seconds(sha256) if sha256 else None for sha256 in hashes]
    except LoopError:
        return None
    if not any(seconds):
        return None
    old, new = ("unknown" if value is None else f"{value:.1f}" for value in seconds)
    return Moved(name="seconds", old=old, new=new)
