"""What the branch changed: params, policy, code by stage, data, environment, training time."""

import hashlib
import json
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from pandas.api.types import is_datetime64_any_dtype

from loop.base import json_text
from loop.model import tracking
from loop.repo import closure, dvc_lock, dvc_yaml, uv_lock
from loop.repo.closure import reached
from loop.repo.commit import Commit
from loop.repo.dvc_lock import named, outs
from loop.repo.dvc_yaml import Stage
from loop.repo.git import git
from loop.repo.inert import inert, steers
from loop.review.base import Base
from loop.review.champion import Champion
from loop.review.verdict import NO_CHANGES, Change, Changes
from loop.settings import params, renamed
from loop.settings.paths import ENVIRONMENT_LOCK, LINEAGE, PARAMS, PIPELINE, PIPELINE_LOCK, PREDICTIONS
from loop.settings.yaml_file import load
from loop.stats.psi import psi

POLICY = "review"  # the section of params.yaml that no stage reads
JUDGES = ("loop.review.review", "loop.review.import_error", "loop.scorer")  # what a verdict comes from
JUDGED = "src/problem/"  # but for its metrics, which judge
METRICS = "src/problem/metrics.py"
DVC = ".dvc"
DRIFTED = 0.1  # a PSI below it is not worth a line


def in_git(base: Base) -> Changes:
    """What git alone can tell: nothing of it needs the pipeline's results."""
    old, new = renamed.current(base.yaml(PARAMS, base.merge_base) or {}), params.whole()
    changed = base.changed()
    stages = _stages(base)
    made = {path for stage in stages for path in stage.outs}
    code: dict[str, list[str]] = {}
    known = {str(PARAMS), str(PIPELINE_LOCK), str(ENVIRONMENT_LOCK)}
    for path in changed:
        if _within(path, made) and not path.endswith(DVC):  # which names data that no stage made
            known.add(path)
        elif path not in known and (stage := _first(path, stages)):
            code.setdefault(stage, []).append(path)
    judge = judging(base).intersection(changed)
    other = [path for path in changed if path not in known.union(judge, *code.values())]
    return NO_CHANGES.model_copy(
        update={
            "params": moved(*(_without_policy(values) for values in (old, new))),
            "policy": moved(*(tracking.flat({POLICY: values.get(POLICY) or {}}) for values in (old, new))),
            "judge": sorted(judge),
            "code": {stage: _lines(base, paths) for stage, paths in code.items()},
            "environment": _packages(base),
            "sources": sources(base.text(ENVIRONMENT_LOCK, base.merge_base), _text(ENVIRONMENT_LOCK)),
            "unlisted": [path for path in other if not inert(path)],
            "other": [path for path in other if inert(path)],
        }
    )


def _first(path: str, stages: list[Stage]) -> str | None:
    """The first stage that reads a file, or a folder that it lies in."""
    if path == str(PIPELINE):
        return "the pipeline"
    return next((stage.name for stage in stages if _within(path, set(stage.deps))), None)


def judging(base: Base) -> set[str]:
    """Files that a verdict comes from, of this tree and of the base: what the review and the scorer reach."""
    parted = Commit(base.merge_base)
    texts = parted.texts("src") if parted.blobs("src") else {}
    files = reached(JUDGES, closure.here) | reached(JUDGES, texts.get)
    return {path for path in files if not path.startswith(JUDGED)} | {METRICS}


def touch_the_model(base: Base, found: Changes) -> bool:
    """Whether what a stage reads or writes, or what steers it, is not as it was at the merge base."""
    here: set[str] = {str(PIPELINE), str(PIPELINE_LOCK)}
    for stage in _stages(base):
        here |= {*stage.deps, *stage.outs}
        here |= {dvc_yaml.named(key) for key in stage.params if isinstance(key, dict) and _moved(key, base)}
    return bool(found.params) or any(_within(path, here) or steers(path) for path in base.changed())


def _moved(entry: dict[str, list[str]], base: Base) -> bool:
    """Whether a stage reads other values of another file than params.yaml than at the merge base."""
    ((file, keys),) = entry.items()
    if not keys or not Path(file).is_file():
        return True
    was, now = base.yaml(Path(file), base.merge_base) or {}, load(Path(file))
    return any(was.get(key) != now.get(key) for key in {key.split(".")[0] for key in keys})


def _stages(base: Base) -> list[Stage]:
    """Stages of the branch, then of the base: what only the base read counts too."""
    return [*dvc_yaml.of(), *dvc_yaml.stages(base.yaml(PIPELINE, base.merge_base))]


def _within(path: str, places: set[str]) -> bool:
    parents = [str(parent) for parent in Path(path).parents]
    return not places.isdisjoint([path, path.removesuffix(DVC), *parents])


class Made(Protocol):
    """What a pipeline made: its examples of the training window, if they are known, and of the holdout."""

    @property
    def train(self) -> pd.DataFrame | None: ...  # noqa: D102

    @property
    def holdout(self) -> pd.DataFrame: ...  # noqa: D102


def with_results(
    found: Changes, base: Base, candidate: Made, champion: Champion | None, cluster: str
) -> Changes:
    """The same with what the pipeline's results tell: data, drift of the training set, training time."""
    before = _data(base.yaml(PIPELINE_LOCK) or {}) if champion else {}
    data = moved(before, _data(dvc_lock.read()))
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


def _data(lock: dict[str, Any]) -> dict[str, str]:
    """Path -> md5 of the data of a lock: what stages made, and read of elsewhere; no predictions."""
    made = outs(lock)
    found = {path: md5 for path, md5 in named(lock).items() if path in made or not _within(path, set(made))}
    return {path: md5 for path, md5 in found.items() if path.startswith("data/") and path != str(PREDICTIONS)}


def moved(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """Every key whose value differs, in the order of keys; null is a value, not an absence."""
    known = {key: (_text_of(old, key), _text_of(new, key)) for key in sorted(old.keys() | new.keys())}
    return [
        Change(name=key, old=was and was.strip('"'), new=now and now.strip('"'))
        for key, (was, now) in known.items()
        if was != now
    ]


def packages(old: str | None, new: str | None, first: frozenset[str] = frozenset()) -> list[Change]:
    """Packages whose lock moved, of texts of uv.lock: each its versions, or what else of it is another.

    Other files or hashes of the same version are named by a hash of the entry, before all; then the `first`.
    """
    was, now = (
        {name: uv_lock.held(some) for name, some in uv_lock.packages(text).items()} for text in (old, new)
    )
    told: list[dict[str, str]] = [{}, {}]
    for name in was.keys() | now.keys():
        same = uv_lock.versions(was.get(name, [])) == uv_lock.versions(now.get(name, []))
        if was.get(name) != now.get(name):
            for text, lock in zip(told, (was, now), strict=True):
                if name in lock:
                    text[name] = uv_lock.versions(lock[name]) + (
                        f", files {_hash(lock[name])}" if same else ""
                    )
    return sorted(moved(*told), key=lambda row: ("files" not in (row.new or ""), row.name not in first))


def sources(old: str | None, new: str | None) -> list[Change]:
    """Packages from elsewhere than in the old lock, new ones than any of it; of texts of uv.lock."""
    was, now = uv_lock.packages(old), uv_lock.packages(new)
    if not was:
        return []
    if new and (why := uv_lock.unread(new)):
        return [Change(name=str(ENVIRONMENT_LOCK), old=None, new=why)]
    known = uv_lock.origins([entry for entries in was.values() for entry in entries])
    found = []
    for name, entries in sorted(now.items()):
        before = uv_lock.origins(was[name]) if name in was else known
        if places := sorted(uv_lock.origins(entries) - before):
            had = ", ".join(sorted(before)) if name in was else None
            found.append(Change(name=name, old=had, new=", ".join(places)))
    return found


def _packages(base: Base) -> list[Change]:
    """Packages that moved, and the rest of the lock where it did, such as its options."""
    old, new = base.text(ENVIRONMENT_LOCK, base.merge_base), _text(ENVIRONMENT_LOCK)
    found = packages(old, new, _of_the_problem(base))
    rest = [None if text is None else _hash(uv_lock.rest(text)) for text in (old, new)]
    if None in rest or rest[0] == rest[1]:
        return found
    return [Change(name=str(ENVIRONMENT_LOCK), old=rest[0], new=rest[1]), *found]


def _of_the_problem(base: Base) -> frozenset[str]:
    """Packages that the problem imports, here or at the merge base: views may be among them."""
    there = Commit(base.merge_base)
    texts = [path.read_text("utf-8") for path in Path(JUDGED).rglob("*.py")]
    texts += there.texts(JUDGED).values() if there.blobs(JUDGED) else []
    tops = {name.partition(".")[0] for text in texts for name in closure.loaded(text, "problem")}
    owners = packages_distributions()
    return frozenset(uv_lock.plain(one) for top in tops for one in owners.get(top, [top]))


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _without_policy(values: dict[str, Any]) -> dict[str, Any]:
    return tracking.flat({key: value for key, value in values.items() if key != POLICY})


def _text_of(values: dict[str, Any], key: str) -> str | None:
    return json.dumps(values[key], default=str, ensure_ascii=False) if key in values else None


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _short(md5: str | None) -> str | None:
    return md5 and md5[:12]


def _lines(base: Base, paths: list[str]) -> list[str]:
    """Each path with the lines added and removed; a new file has only its name."""
    known = git(
        "--literal-pathspecs", "diff", "--numstat", "-z", "--no-renames", base.merge_base, "--", *paths
    )
    parts = [line.split("\t", 2) for line in known.split("\0") if line]
    counts = {path: "binary" if added == "-" else f"+{added} -{removed}" for added, removed, path in parts}
    return [f"{path} {counts.get(path, 'new')}" for path in paths]


def _rows(what: str, old: pd.DataFrame | None, new: pd.DataFrame | None) -> list[Change]:
    counts = [None if frame is None else f"{len(frame):,}" for frame in (old, new)]
    return [] if counts[0] == counts[1] else [Change(name=f"rows in {what}", old=counts[0], new=counts[1])]


def _columns(champion: Champion | None, candidate: Made) -> list[Change]:
    if champion is None:
        return []
    old, new = set(champion.examples.columns), set(candidate.holdout.columns)
    gone = [Change(name=f"column {name}", old="there", new=None) for name in sorted(old - new)]
    come = [Change(name=f"column {name}", old=None, new="there") for name in sorted(new - old)]
    return gone + come


def _drift(old: pd.DataFrame | None, new: pd.DataFrame | None, cluster: str) -> list[str]:
    """The three columns of the training set that moved most, by PSI; times and clusters always move."""
    if old is None or new is None:
        return []
    still = [
        name for name in new if name in old and name != cluster and not is_datetime64_any_dtype(new[name])
    ]
    found = sorted(((psi(old[name], new[name]), str(name)) for name in still), reverse=True)
    return [f"{name} PSI {value:.2f}" for value, name in found[:3] if value >= DRIFTED]


def _training(base: Base | None) -> Change | None:
    """Seconds that training took, where the tracker knows them."""
    text = base.text(LINEAGE) if base else None
    try:
        hashes = [json_text.parse(t)["model"]["sha256"] if t else None for t in (text, _text(LINEAGE))]
    except (ValueError, KeyError, TypeError):
        return None
    seconds = [tracking.training_seconds(sha256) if sha256 else None for sha256 in hashes]
    if not any(seconds):
        return None
    old, new = ("unknown" if value is None else f"{value:.1f}" for value in seconds)
    return Change(name="seconds", old=old, new=new)
