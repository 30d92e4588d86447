"""What of a commit reaches production: its model, and what the image holds beside it.

That is the code that bentofile.yaml takes in, how the image is built, the locked packages, and the section
`serve` of params.yaml. Docs, tests, other params and the rollout policy reach no server.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from typing import Any

import yaml

from loop.repo.git import git
from loop.settings.paths import ENVIRONMENT_LOCK, LINEAGE, PARAMS

BENTOFILE = "bentofile.yaml"
BUILD = (BENTOFILE, "deploy/Dockerfile.j2", "requirements-uv.txt", str(ENVIRONMENT_LOCK))
PATHS = ("src", *BUILD, str(PARAMS), str(LINEAGE))  # a commit that touches none of these changes nothing
SERVE = f"{PARAMS}: serve"


@dataclass(frozen=True)
class Content:
    """The model's sha256, None where there is none, and the hash of each thing that is served beside it."""

    model: str | None
    served: Mapping[str, str]

    def differing(self, other: "Content") -> list[str]:
        """What is served beside the model and is not the same in both, by name."""
        names = self.served.keys() | other.served.keys()
        return sorted(name for name in names if self.served.get(name) != other.served.get(name))


@cache
def of(commit: str) -> Content:
    """The content of a commit that git has."""
    blobs = _blobs(commit)
    taken = _taken(_yaml(commit, BENTOFILE) if BENTOFILE in blobs else None)
    served = {
        path: blob
        for path, blob in blobs.items()
        if path in BUILD or (path.startswith("src/") and taken(path.removeprefix("src/")))
    }
    if str(PARAMS) in blobs:
        found = _yaml(commit, str(PARAMS))
        section = found.get("serve") if isinstance(found, dict) else blobs[str(PARAMS)]
        served[SERVE] = hashlib.sha256(json.dumps(section, sort_keys=True, default=str).encode()).hexdigest()
    return Content(_model(commit) if str(LINEAGE) in blobs else None, served)


def _blobs(commit: str) -> dict[str, str]:
    """Path -> blob of the files that may count."""
    lines = git("ls-tree", "-r", "-z", commit, "--", *PATHS).split("\0")
    return {path: meta.split()[2] for meta, path in (line.split("\t", 1) for line in lines if line)}


def _taken(bentofile: Any) -> Any:
    """Whether a path below src/ gets into the image, as bentofile.yaml says."""
    found = bentofile if isinstance(bentofile, dict) else {}
    include, exclude = found.get("include") or ["**"], found.get("exclude") or []
    return lambda path: (
        any(fnmatch(path, str(pattern)) for pattern in include)
        and not any(fnmatch(path, str(pattern)) for pattern in exclude)
    )


def _yaml(commit: str, path: str) -> Any:
    """A YAML file of a commit; None where it is not YAML."""
    try:
        return yaml.safe_load(git("show", f"{commit}:{path}"))
    except yaml.YAMLError:
        return None


def _model(commit: str) -> str | None:
    try:
        return str(json.loads(git("show", f"{commit}:{LINEAGE.as_posix()}"))["model"]["sha256"])
    except (ValueError, KeyError, TypeError):
        return None
