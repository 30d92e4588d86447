"""What made a model: hashes of its data, code, params and environment, beside its own.

The lineage is a function of contents alone. It names no commit, because the commit that holds
a lineage cannot be written inside it, and a rebuild must give the same bytes: git finds the
commit by the model's hash (`loop lineage`).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from loop.base.errors import LoopError
from loop.base.files import digest
from loop.repo.git import git
from loop.settings.paths import ENVIRONMENT_LOCK, LINEAGE, PIPELINE, PIPELINE_LOCK
from loop.settings.yaml_file import load as load_yaml


def links(stage: str, params: dict[str, Any]) -> dict[str, Any]:
    """Everything that `stage` itself reads, by DVC's own hashes, as dvc.yaml lists it.

    data and code: md5 of each file; params: the keys read; environment: sha256 of the lock. What
    earlier stages read is in the dvc.lock of the same commit: naming it here as well would
    make the file depend on more than its stage does, and go stale.
    """
    spec = load_yaml(PIPELINE)["stages"][stage]
    return {
        "data": {dep: md5(Path(dep)) for dep in sorted(spec["deps"]) if dep.startswith("data/")},
        "code": {dep: md5(Path(dep)) for dep in sorted(spec["deps"]) if dep.startswith("src/")},
        "params": {key: _value(params, key) for key in sorted(spec["params"])},
        "environment": {str(ENVIRONMENT_LOCK): digest(ENVIRONMENT_LOCK, "sha256")},
    }


def _value(params: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        params = params[part]
    return params


def load(path: Path = LINEAGE) -> dict[str, Any]:
    """The lineage as written. Raises LoopError when it is missing or not one."""
    try:
        lineage: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lineage["model"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoopError(
            f"{path} cannot be used: {type(error).__name__}",
            "the lineage that `train` writes beside the model",
            f"`git checkout {path}` for the committed one, or `dvc repro --force train`",
        ) from None
    return lineage


def md5(path: Path) -> str:
    """The hash that dvc.lock holds for a file, or for a folder (its files' hashes, by name)."""
    if not path.is_dir():
        return digest(path)
    entries = [
        {"md5": digest(file), "relpath": file.relative_to(path).as_posix()}
        for file in path.rglob("*")
        if file.is_file()
    ]
    listing = json.dumps(sorted(entries, key=lambda entry: entry["relpath"]), sort_keys=True)
    return hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest() + ".dir"


def trace(model: Path) -> str:
    """One screen about a model file: which commit holds it, and what made it.

    Raises LoopError when the file is missing, or no commit reachable here names its hash.
    """
    if not model.is_file():
        raise LoopError(f"{model} is missing", "a model file", "`dvc checkout` or `loop run` brings it")
    sha256 = digest(model, "sha256")
    commits = git("log", "--all", "--reverse", "--format=%H", f"-S{sha256}", "--", str(LINEAGE)).split()
    found = [commit for commit in commits if sha256 in git("show", f"{commit}:{LINEAGE.as_posix()}")]
    here = LINEAGE.is_file() and sha256 in LINEAGE.read_text(encoding="utf-8")
    if not found and not here:
        raise LoopError(
            f"{model} has sha256 {sha256}, which no {LINEAGE} here names",
            "a model that this repository made",
            "`git fetch --all`, or `git fetch --unshallow` in a shallow clone, then ask again",
        )
    commit = found[0] if found else None
    about = (
        git("log", "-1", "--format=%H%n        %ad, %an: %s", "--date=iso", commit) if commit else "none yet"
    )
    made = json.loads(_file(LINEAGE, commit))
    stages = yaml.safe_load(_file(PIPELINE_LOCK, commit))["stages"]
    data = {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}
    links = {name: value for name, value in data.items() if name.startswith("data/")} | made["data"]
    return "\n".join(
        [
            f"model   {model}  sha256 {sha256}",
            f"commit  {about}",
            f"rows    {made['rows']:,}",
            *(f"  {name:<32} {value}" for name, value in (links | made["environment"]).items()),
            f"code    {len(made['code'])} files",
            *(f"  {name:<32} {value}" for name, value in made["code"].items()),
            "params",
            *(f"  {line}" for line in yaml.safe_dump(made["params"], sort_keys=False).splitlines()),
        ]
    )


def _file(path: Path, commit: str | None) -> str:
    return git("show", f"{commit}:{path.as_posix()}") if commit else path.read_text(encoding="utf-8")
