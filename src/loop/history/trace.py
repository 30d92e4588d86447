"""`loop lineage`: from a prediction or a version back to data and people, in one screen, from git alone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from loop.base.errors import LoopError
from loop.base.files import digest
from loop.history import model_origin
from loop.production import log
from loop.production import state as production
from loop.production.log import Transition
from loop.production.state import Challenger, Champion, Version
from loop.repo.commit import CHANGED, Commit
from loop.repo.git import git
from loop.settings import yaml_file
from loop.settings.paths import LINEAGE, MODEL, PARAMS

Find = Callable[[str], list[dict[str, Any]]]


def main(what: str | None, version: int | None, request: str | None, find: Find) -> str:
    """What is asked for: a version by its number, else a file, else a request by its id.

    `find` gives the predictions on record of a request id. Raises LoopError for what is none of these.
    """
    return log.clean(_asked(what, version, request, find))


def _asked(what: str | None, version: int | None, request: str | None, find: Find) -> str:
    ref = production.ref()
    known = log.versions(ref)
    if version is not None or (request is None and _is_number(what, known)):
        number = version if version is not None else int(what or "")
        return _of_version(production.one_of(known, number), log.transitions(ref))
    if request is None and (what is None or _is_file(what)):
        return _of_file(Path(what or MODEL), known)
    asked = request if request is not None else str(what)
    try:
        records = find(asked)
    except LoopError as error:
        if request is not None or not asked.isdigit():
            raise
        raise LoopError(
            f"there is no version {asked}, and {error.found}", error.expected, error.todo
        ) from None
    transitions = log.transitions(ref)
    return "\n\n".join(_of_prediction(record, known, transitions) for record in records)


def brief(record: dict[str, Any]) -> str:
    """A prediction, the version that made it, and who let that in: a few lines."""
    known = log.versions(production.ref())
    return log.clean("\n".join([*_prediction(record, known), *_origin(released(record, known), record)]))


def released(record: dict[str, Any], known: dict[int, Version]) -> Version | None:
    """The version that made a prediction: of its commit and model; else the newest with that model."""
    commit = (record["commit"] or "").removesuffix(CHANGED)
    same = [one for _, one in sorted(known.items()) if one.model.startswith(record["version"])]
    of_commit = [one for one in same if one.commit == commit]
    found = of_commit or same
    return found[-1] if found else None


def _is_number(what: str | None, known: dict[int, Version]) -> bool:
    return what is not None and what.isdecimal() and int(what) in known


def _is_file(what: str) -> bool:
    return Path(what).exists() or "/" in what or what.endswith(".skops")


def _of_file(path: Path, known: dict[int, Version]) -> str:
    traced = model_origin.screen(path)
    sha256 = digest(path, "sha256")
    numbers = [str(number) for number, one in sorted(known.items()) if one.model == sha256]
    if not numbers:
        return traced
    return f"version {', '.join(numbers)}  (`loop lineage {numbers[-1]}` says how it was released)\n{traced}"


def _of_prediction(record: dict[str, Any], known: dict[int, Version], transitions: list[Transition]) -> str:
    version = released(record, known)
    lines = _prediction(record, known)
    if version is None:
        return "\n".join([*lines, *_origin(None, record)])
    return "\n".join([*lines, "", _of_version(version, transitions)])


def _prediction(record: dict[str, Any], known: dict[int, Version]) -> list[str]:
    at, version = pd.Timestamp(record["at"]).tz_convert("UTC"), released(record, known)
    decision = {True: "yes", False: "no", None: "none: no threshold"}[record["decision"]]
    role = f" as {record['role']}" if version else ""  # a server started by hand has none
    lines = [
        f"request   {record['id']}",
        f"  at      {at:%Y-%m-%d %H:%M:%S}Z, answered{role} in {record['latency_ms']:.1f} ms",
        f"  score   {record['score']:.6f}, decision {decision}",
        f"  entity  {record['entity']}",
    ]
    commit = record["commit"] or ""
    if commit.endswith(CHANGED):
        lines.append("  note    its server ran in a checkout with changed files: no commit holds that code")
    if version is not None and version.commit != commit.removesuffix(CHANGED):
        lines.append(
            f"  note    the model is that of version {version.version}, the code of commit {commit[:12]}"
        )
    return lines


def _origin(version: Version | None, record: dict[str, Any]) -> list[str]:
    if version is None:
        commit = record["commit"] or "that is not on record"
        return [f"version   none: model {record['version']} of commit {commit} was never released"]
    return [f"version   {version.version}", *_people(version)]


def _of_version(version: Version, transitions: list[Transition]) -> str:
    return "\n".join(
        [
            f"version   {version.version}, {_now(version, transitions)}",
            *_deployed(version, transitions),
            *_people(version),
            *_made_of(version),
        ]
    )


def _now(version: Version, transitions: list[Transition]) -> str:
    state = next(
        (transition.state for transition in reversed(transitions) if transition.state is not None), None
    )
    if state is None:
        return "which serves nothing"
    for one in state.models:
        if one.version == version.version:
            return f"{one.role} with {one.weight} % of the requests"
    refused = [one for one in state.refused if one.version == version.version]
    return f"refused: {refused[-1].reason}" if refused else "retired"


def _deployed(version: Version, transitions: list[Transition]) -> Iterator[str]:
    """Each transition that changed what this version serves."""
    before = None
    for transition in transitions:
        if transition.state is None:  # it could not serve: the one before went on
            continue
        now = next((one for one in transition.state.models if one.version == version.version), None)
        if now != before or transition.version == version.version:
            when = f"{transition.at:%Y-%m-%d %H:%M}Z  {transition.commit[:8]}"
            yield f"  {when}  {_share(now):<26} {transition.kind} by {transition.who}"
        before = now


def _share(model: Champion | Challenger | None) -> str:
    if model is None:
        return "  0 % gone"
    stage = f", {model.stage.name}" if isinstance(model, Challenger) else ""
    return f"{model.weight:>3} % {model.role}{stage}"


def _people(version: Version) -> list[str]:
    try:
        form = "--format=%cd, %an: %s"
        about = git("log", "-1", form, "--date=format-local:%Y-%m-%d %H:%MZ", version.commit)
    except LoopError:
        about = "not in this clone: `git fetch origin`"
    pull = f"#{version.pull}" if version.pull else "none"
    return [
        f"model     {version.model}",
        f"image     {version.image or 'none: served from git'}",
        f"commit    {version.commit}",
        f"          {about}",
        f"pull      {pull} by {version.author or 'nobody known'}, approved by {version.approver or 'nobody'}",
        f"verdict   {version.verdict}, released {version.released:%Y-%m-%d %H:%M}Z",
    ]


def _made_of(version: Version) -> Iterator[str]:
    """Data, params and locks, as the version's commit has them."""
    yield "data"
    windows = yaml_file.parse(Commit(version.commit).words(PARAMS) or "{}").get("windows", {})
    for name in ("train", "holdout"):
        if name in windows:
            yield f"  {name:<32} {windows[name]['from']} until {windows[name]['until']}"
    made = json.loads(Commit(version.commit).words(LINEAGE) or "{}")
    for path, md5 in version.data.items():
        yield f"  {path:<32} {md5}"
    yield "params"
    dumped = yaml.safe_dump(made.get("params", {}).get("train", {}), sort_keys=False)
    yield from (f"  {line}" for line in dumped.splitlines())
    yield "locks"
    yield f"  {'dvc.lock':<32} {version.lock}"
    yield from (f"  {name:<32} {sha256}" for name, sha256 in made.get("environment", {}).items())
