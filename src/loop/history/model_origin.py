"""From a model file alone to the commit that holds it, and to what made it: `loop lineage MODEL`."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from loop.base.errors import LoopError
from loop.base.files import digest
from loop.base.template import fill
from loop.model import lineage
from loop.production.state import Version
from loop.repo import dvc_lock
from loop.repo.commit import Commit, of_model
from loop.repo.git import git
from loop.settings.paths import LINEAGE, PIPELINE_LOCK


def screen(model: Path, versions: Iterable[Version] = ()) -> str:
    """One screen about a model file: which of the versions and commits hold it, and what made it.

    Raises LoopError when the file is missing, or no commit reachable here names its hash.
    """
    if not model.is_file():
        raise LoopError(f"{model} is missing", "a model file", "`dvc checkout` or `loop run` brings it")
    sha256 = digest(model, "sha256")
    found = of_model(sha256)
    here = LINEAGE.is_file() and sha256.encode() in LINEAGE.read_bytes()
    if not found and not here:
        raise LoopError(
            f"{model} has sha256 {sha256}, which no {LINEAGE} here names",
            "a model that this repository made",
            "`git fetch --all`, or `git fetch --unshallow` in a shallow clone, then ask again",
        )
    commit = found[0] if found else None
    made = Commit(commit).json(LINEAGE) if commit else lineage.load()
    lock = Commit(commit).yaml(PIPELINE_LOCK) if commit else dvc_lock.read()
    links = {name: md5 for name, md5 in dvc_lock.outs(lock).items() if name.startswith("data/")} | made[
        "data"
    ]
    return fill(
        "loop.history",
        "model.txt.j2",
        versions=[one.version for one in versions if one.model == sha256],
        model=model,
        sha256=sha256,
        about=_about(found),
        made=made,
        links=links | made["environment"],
        params=yaml.safe_dump(made["params"], sort_keys=False).splitlines(),
    ).rstrip("\n")


def _about(found: list[str]) -> str:
    """The first of the commits that record a model, and how many later ones do, whose files may differ."""
    if not found:
        return "none yet"
    about = git("log", "-1", "--format=%H%n        %ad, %an: %s", "--date=iso", found[0])
    later = f"; so do {len(found) - 1} later, the last {found[-1][:12]}" if found[1:] else ""
    return f"{about}\n        the first to record this model, with the files below{later}"
