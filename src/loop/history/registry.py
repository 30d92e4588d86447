"""`loop registry sync`: MLflow's registry as a picture of git; lost, it is drawn again from git.

Versions keep the numbers that git gave them: MLflow counts from 1, so they are made in that order. What
another made in the registry is never touched; where it stands in the way, everything else is brought
up to date and then the error says what to do.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loop.base import files
from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.base.warning import warn
from loop.history import native_model as native
from loop.history import version_run
from loop.model import tracking
from loop.production import branch
from loop.production.state import Production, Version
from loop.repo.commit import require

DATA = "data "
FORGOTTEN = Path("data/forgotten.json")  # the record of erasures
OURS = (
    *("commit", "model_sha256", "lock_sha256", "verdict", "pull_request", "author", "approver"),
    *("image", "released", "state", "refused_at", "refused_because", "learned_from_forgotten"),
)
ALIASES = ("champion", "challenger")
ANEW = (
    "what is there is only a picture of git: delete the model {name} in MLflow, or name another in "
    "MLFLOW_REGISTERED_MODEL_NAME, and run `loop registry sync`"
)


@dataclass
class Synced:
    """What a sync did: versions made, versions whose tags changed, aliases moved, and what is in the way."""

    name: str
    versions: int
    made: list[int] = field(default_factory=list)
    tagged: list[int] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    completed: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        changes = [f"{len(self.made)} made", f"{len(self.tagged)} tagged anew", *self.moved]
        changes += [f"{counted(len(self.completed), 'model')} added"] * bool(self.completed)
        changed = self.made or self.tagged or self.moved or self.completed
        done = ", ".join(changes) if changed else "nothing to do"
        return f"registry: {counted(self.versions, 'version')} of {self.name} as git has them: {done}"


def main() -> None:
    """Bring MLflow's registry up to date with `production` as it is now."""
    print(sync(branch.fetch()))


def follow(after: Production) -> None:
    """Let MLflow follow a transition on `production`; one that is down stops nothing, and is reported.

    A workflow without a server has none to tell: its own file of runs is gone when it ends.
    """
    if os.environ.get("GITHUB_ACTIONS") and not tracking.server():
        print("no MLflow server is set (MLFLOW_TRACKING_URI): git alone is the registry")
        return
    try:
        print(sync(after), flush=True)
    except Exception as error:  # whatever a client of a server that is down raises
        warn(f"MLflow does not follow yet: {tracking.gist(error)}; `loop registry sync` fixes it")


def sync(production: Production) -> Synced:
    """Let the registry say what git says; a second time changes nothing.

    Raises LoopError when MLflow does not answer, when a commit is not in this clone, and, after all else
    is done, for what the registry holds that git does not know.
    """
    client, _ = tracking.connect()
    try:
        done = _sync(client, production)
    except LoopError:
        raise
    except tracking.troubles() as error:
        raise LoopError(
            f"MLflow's registry refused: {plain(tracking.gist(error), 200)}",
            "a registry that can be written",
            "look at the server and at your rights, then run `loop registry sync`",
        ) from None
    if done.wrong:
        raise LoopError("; ".join(done.wrong), "versions as git numbers them", ANEW.format(name=done.name))
    return done


def _sync(client: Any, production: Production) -> Synced:
    name = os.environ.get("MLFLOW_REGISTERED_MODEL_NAME") or "loop"
    done = Synced(name, len(production.versions))
    there = _there(client, name)
    for number, version in production.versions.items():
        if number not in there:  # nothing is registered by halves
            require(version.commit, f"version {number}")
    _ensure(client, name)
    right, newest = set(), max(there, default=0)
    serving = {one.version for one in production.state.models}
    for number, version in sorted(production.versions.items()):
        tags = wanted(production, version)
        if number not in there:
            if number < newest:  # which MLflow gave once, and gives no more
                done.wrong.append(f"version {number} of {name} is gone from MLflow")
            elif _make(client, done, version, tags):
                right.add(number)
        elif _is(there[number], version):
            right.add(number)
            if number in serving and native.put(client, there[number].run_id, version):
                done.completed.append(number)
            if _tag(client, name, there[number], tags):
                done.tagged.append(number)
        else:
            done.wrong.append(f"version {number} of {name} in MLflow is not the one that git released")
    alien = sorted(there.keys() - production.versions.keys())
    done.wrong += [f"version {number} of {name} in MLflow was never released" for number in alien]
    _point(client, done, production, right)
    return done


def wanted(production: Production, version: Version) -> dict[str, str]:
    """The tags of a version, by name; what is unknown has none."""
    state = production.state
    serving = next((one for one in state.models if one.version == version.version), None)
    refused = next((one for one in state.refused if one.version == version.version), None)
    tags: dict[str, Any] = {
        **version.model_dump(include={"commit", "verdict", "author", "approver", "image"}),
        "model_sha256": version.model,
        "lock_sha256": version.lock,
        "pull_request": version.pull,
        "released": f"{version.released:%Y-%m-%dT%H:%M:%SZ}",
        "state": serving.role if serving else "refused" if refused else "retired",
        "refused_at": f"{refused.at:%Y-%m-%dT%H:%M:%SZ}" if refused else None,
        "refused_because": plain(refused.reason) if refused else None,
        "learned_from_forgotten": forgotten().get(version.model[:12]),
        **{f"{DATA}{path}": md5 for path, md5 in version.data.items()},
    }
    return {key: str(value) for key, value in tags.items() if value is not None}


def forgotten() -> dict[str, str]:
    """The last day on which one was forgotten from whom a model had learned, by 12 signs of its hash."""
    days = sorted((one["day"], named) for one in erasures() for named in one["trained models"])
    return {named.partition(" ")[0]: day for day, named in days}


def erasures() -> list[dict[str, Any]]:
    """The record of erasures, an entry for each person. Raises LoopError for what is no record."""
    if not os.path.lexists(FORGOTTEN):
        return []
    whose, todo = "the record that `loop forget` writes", f"`git checkout HEAD -- {FORGOTTEN}`"
    found = files.read_json(FORGOTTEN, whose, todo)
    keys = {"person", "day", "trained models"}
    if not isinstance(found, list) or not all(isinstance(one, dict) and keys <= one.keys() for one in found):
        raise LoopError(f"{FORGOTTEN} is no list of erasures", whose, todo)
    return found


def tag_forgotten() -> list[int]:
    """Tag the versions of MLflow whose model learned from one who was forgotten; which these are."""
    if not (tracking.server() or Path(tracking.FILE).is_file()):
        return []
    client, _ = tracking.connect()
    name, days = os.environ.get("MLFLOW_REGISTERED_MODEL_NAME") or "loop", forgotten()
    found = []
    for number, one in sorted(_there(client, name).items()):
        if day := days.get(one.tags.get("model_sha256", "")[:12]):
            client.set_model_version_tag(name, str(number), "learned_from_forgotten", day)
            found.append(number)
    return found


def _there(client: Any, name: str) -> dict[int, Any]:
    """The versions of the registry by number."""
    found: list[Any] = []
    token = None
    while True:
        page = client.search_model_versions(f"name='{name}'", max_results=1000, page_token=token)
        found, token = [*found, *page], page.token
        if not token:
            return {int(one.version): one for one in found}


def _ensure(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        client.create_registered_model(
            name, description="Drawn from git by `loop registry sync`: change it by `loop`, not here."
        )


def _make(client: Any, done: Synced, version: Version, tags: dict[str, str]) -> bool:
    """Register a version under its own number; False, and nothing made, where MLflow gives another."""
    run = version_run.of(client, version)
    native.put(client, run, version)
    made = client.create_model_version(done.name, f"runs:/{run}/model", run_id=run, tags=tags)
    if int(made.version) == version.version:
        done.made.append(version.version)
        return True
    client.delete_model_version(done.name, str(made.version))
    done.wrong.append(f"MLflow numbers the next version {made.version}, git {version.version}")
    return False


def _is(found: Any, version: Version) -> bool:
    same: bool = (found.tags.get("commit"), found.tags.get("model_sha256")) == (version.commit, version.model)
    return same


def _tag(client: Any, name: str, found: Any, tags: Mapping[str, str]) -> bool:
    """Set our tags, and take away those that no longer hold; whether anything changed."""
    new = {key: value for key, value in tags.items() if found.tags.get(key) != value}
    old = [key for key in found.tags if (key in OURS or key.startswith(DATA)) and key not in tags]
    for key, value in new.items():
        client.set_model_version_tag(name, str(found.version), key, value)
    for key in old:
        client.delete_model_version_tag(name, str(found.version), key)
    return bool(new or old)


def _point(client: Any, done: Synced, production: Production, right: set[int]) -> None:
    """Let the aliases name what serves; one that would name a wrong version is taken away."""
    serving = {one.role: one.version for one in production.state.models if one.version in right}
    aliases = {name: int(at) for name, at in client.get_registered_model(done.name).aliases.items()}
    for alias in ALIASES:
        if alias in serving and aliases.get(alias) != serving[alias]:
            client.set_registered_model_alias(done.name, alias, str(serving[alias]))
            done.moved.append(f"{alias} is {serving[alias]}")
        elif alias in aliases and alias not in serving:
            client.delete_registered_model_alias(done.name, alias)
            done.moved.append(f"{alias} is none")
