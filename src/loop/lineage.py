"""What made a model: hashes of its data, code, params and environment, beside its own.

The lineage is a function of contents alone. It names no commit, because the commit that holds
a lineage cannot be written inside it, and a rebuild must give the same bytes: git finds the
commit by the model's hash (`loop lineage`).
"""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from loop.errors import LoopError
from loop.files import digest
from loop.paths import ENVIRONMENT_LOCK, LINEAGE, PIPELINE
from loop.yaml_file import load as load_yaml


def links(stage: str, params: dict[str, Any]) -> dict[str, Any]:
    """Everything that `stage` and the stages before it read, by DVC's own hashes.

    data: md5 of each input and output of data; code: md5 of each source file; params: the
    sections read; environment: sha256 of the lock.
    """
    stages = load_yaml(PIPELINE)["stages"]
    chain = _upstream(stage, stages)
    deps = {dep for name in chain for dep in stages[name]["deps"]}
    sections = {key.split(".")[0] for name in chain for key in stages[name].get("params", [])}
    return {
        "data": {dep: md5(Path(dep)) for dep in sorted(deps) if dep.startswith("data/")},
        "code": {dep: md5(Path(dep)) for dep in sorted(deps) if dep.startswith("src/")},
        "params": {name: params[name] for name in sorted(sections)},
        "environment": {str(ENVIRONMENT_LOCK): digest(ENVIRONMENT_LOCK, "sha256")},
    }


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


def _upstream(stage: str, stages: dict[str, Any]) -> list[str]:
    """`stage` and all whose outputs it needs, directly or not."""
    chain, todo = [], [stage]
    while todo:
        name = todo.pop()
        if name in chain:
            continue
        chain.append(name)
        deps = stages[name]["deps"]
        todo += [other for other, spec in stages.items() if any(_makes(spec, dep) for dep in deps)]
    return chain


def _makes(spec: dict[str, Any], dep: str) -> bool:
    outs = [next(iter(out)) if isinstance(out, dict) else out for out in spec.get("outs", [])]
    return any(dep == out or dep.startswith(f"{out}/") for out in outs)


def trace(model: Path) -> str:
    """One screen about a model file: which commit holds it, and what made it.

    Raises LoopError when the file is missing, or no commit reachable here names its hash.
    """
    if not model.is_file():
        raise LoopError(f"{model} is missing", "a model file", "`dvc checkout` or `loop run` brings it")
    sha256 = digest(model, "sha256")
    commits = _git("log", "--all", "--reverse", "--format=%H", f"-S{sha256}", "--", str(LINEAGE)).split()
    found = [commit for commit in commits if sha256 in _git("show", f"{commit}:{LINEAGE.as_posix()}")]
    here = LINEAGE.is_file() and sha256 in LINEAGE.read_text(encoding="utf-8")
    if not found and not here:
        raise LoopError(
            f"{model} has sha256 {sha256}, which no {LINEAGE} here names",
            "a model that this repository made",
            "`git fetch --all`, or `git fetch --unshallow` in a shallow clone, then ask again",
        )
    text = _git("show", f"{found[0]}:{LINEAGE.as_posix()}") if found else LINEAGE.read_text(encoding="utf-8")
    about = (
        _git("log", "-1", "--format=%H%n        %ad, %an: %s", "--date=iso", found[0])
        if found
        else "not committed yet"
    )
    made = json.loads(text)
    links = {**made["data"], **made["environment"]}
    return "\n".join(
        [
            f"model   {model}  sha256 {sha256}",
            f"commit  {about}",
            f"rows    {made['rows']:,}",
            *(f"  {name:<32} {value}" for name, value in links.items()),
            f"code    {len(made['code'])} files",
            *(f"  {name:<32} {value}" for name, value in made["code"].items()),
            "params",
            *(f"  {line}" for line in yaml.safe_dump(made["params"], sort_keys=False).splitlines()),
        ]
    )


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        detail = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[0]
        raise LoopError(f"git failed: {detail}", "a git repository", "run from a clone's root") from None
    return done.stdout.strip()
