"""What made a model: hashes of its data, code, params and environment, beside its own.

The lineage is a function of contents alone. It names no commit, because the commit that holds
a lineage cannot be written inside it, and a rebuild must give the same bytes: git finds the
commit by the model's hash (`loop lineage`).
"""

import json
from pathlib import Path
from typing import Any

from loop.base import environment
from loop.base.errors import LoopError
from loop.base.files import digest, md5
from loop.repo import dvc_yaml
from loop.settings.paths import ENVIRONMENT_LOCK, LINEAGE, PIPELINE


def links(stage: str, params: dict[str, Any]) -> dict[str, Any]:
    """Everything that `stage` itself reads, by DVC's own hashes, as dvc.yaml lists it.

    data and code: md5 of each file; params: the keys read; environment: sha256 of the lock. What
    earlier stages read is in the dvc.lock of the same commit: naming it here as well would
    make the file depend on more than its stage does, and go stale.
    """
    if place := environment.foreign():
        raise LoopError(
            f"the code that runs is of {place}",
            f"that of {Path('src').absolute()}, which the lineage would name",
            "run it by `loop`, or by `dvc repro`",
        )
    spec = next((one for one in dvc_yaml.of() if one.name == stage), None)
    if spec is None:
        raise LoopError(
            f"{PIPELINE} has no stage {stage}", "the stages of the template", f"`git checkout {PIPELINE}`"
        )
    return {
        "data": {dep: md5(Path(dep)) for dep in sorted(spec.deps) if dep.startswith("data/")},
        "code": {dep: md5(Path(dep)) for dep in sorted(spec.deps) if dep.startswith("src/")},
        "params": {key: _value(params, key) for key in sorted(spec.params)},
        "environment": {str(ENVIRONMENT_LOCK): digest(ENVIRONMENT_LOCK, "sha256")},
    }


def _value(params: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        params = params[part]
    return params


def load(path: Path = LINEAGE) -> dict[str, Any]:
    """The lineage, or the card, as written. Raises LoopError when it is missing or not one."""
    try:
        lineage: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lineage["model"]["sha256"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise LoopError(
            f"{path} cannot be used: {type(error).__name__}",
            "what the pipeline wrote beside the model",
            f"`git checkout {path}` for the committed one, or `make run`",
        ) from None
    return lineage
