"""`loop lineage`: from a prediction or a version back to data and people, in one screen, from git alone."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from loop.base.errors import LoopError
from loop.base.template import fill
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
        return _screen(None, production.one_of(known, number), log.transitions(ref))
    if request is None and (what is None or _is_file(what)):
        return model_origin.screen(Path(what or MODEL), [one for _, one in sorted(known.items())])
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
    return "\n\n".join(_screen(record, released(record, known), transitions) for record in records)


def brief(record: dict[str, Any]) -> str:
    """A prediction, the version that made it, and who let that in: a few lines."""
    version = released(record, log.versions(production.ref()))
    return log.clean(_screen(record, version, None))


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


def _screen(
    record: dict[str, Any] | None, version: Version | None, transitions: list[Transition] | None
) -> str:
    """A prediction if there is one, and its version; without transitions only who let that in."""
    values: dict[str, Any] = {"record": record, "version": version, "brief": transitions is None}
    if record is not None:
        commit = record["commit"] or ""
        values |= {
            "at": f"{pd.Timestamp(record['at']).tz_convert('UTC'):%Y-%m-%d %H:%M:%S}Z",
            "commit": commit.removesuffix(CHANGED),
            "changed": commit.endswith(CHANGED),
        }
    if version is not None:
        values |= {"about": _about(version), "deployed": _deployed(version, transitions or ())}
    if version is not None and transitions is not None:
        there = Commit(version.commit)
        made = json.loads(there.words(LINEAGE) or "{}")
        dumped = yaml.safe_dump(made.get("params", {}).get("train", {}), sort_keys=False)
        values |= {
            "now": _now(version, transitions),
            "windows": yaml_file.parse(there.words(PARAMS) or "{}").get("windows", {}),
            "params": dumped.splitlines(),
            "environment": made.get("environment", {}),
        }
    return fill("loop.history", "lineage.txt.j2", **values).rstrip("\n")


def _about(version: Version) -> str:
    try:
        form = "--format=%cd, %an: %s"
        return git("log", "-1", form, "--date=format-local:%Y-%m-%d %H:%MZ", version.commit)
    except LoopError:
        return "not in this clone: `git fetch origin`"


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


def _deployed(version: Version, transitions: Iterable[Transition]) -> Iterator[dict[str, str]]:
    """Each transition that changed what this version serves."""
    before = None
    for transition in transitions:
        if transition.state is None:  # it could not serve: the one before went on
            continue
        now = next((one for one in transition.state.models if one.version == version.version), None)
        if now != before or transition.version == version.version:
            when = f"{transition.at:%Y-%m-%d %H:%M}Z  {transition.commit[:8]}"
            yield {"when": when, "share": _share(now), "what": f"{transition.kind} by {transition.who}"}
        before = now


def _share(model: Champion | Challenger | None) -> str:
    if model is None:
        return "  0 % gone"
    stage = f", {model.stage.name}" if isinstance(model, Challenger) else ""
    return f"{model.weight:>3} % {model.role}{stage}"
