"""What of a commit reaches production: its model, and what the image holds beside it.

That is the code that the service reaches by its imports, how the image is built, the locked packages, and
the section `serve` of params.yaml. Docs, tests, other params and the rollout policy reach no server.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from loop.base.errors import LoopError
from loop.repo.closure import SRC, reached
from loop.repo.commit import Commit
from loop.settings.paths import ENVIRONMENT_LOCK, LINEAGE, PARAMS

SERVICE = "loop.serve.service"
PROBLEM = f"{SRC}/problem/"
BUILD = ("bentofile.yaml", "deploy/Dockerfile.j2", "requirements-uv.txt", str(ENVIRONMENT_LOCK))
PATHS = (SRC, *BUILD, str(PARAMS), str(LINEAGE))  # a commit that touches none of these changes nothing
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
    there = Commit(commit)
    blobs = there.blobs(*PATHS)
    code = in_image(there.texts(SRC) if any(path.startswith(f"{SRC}/") for path in blobs) else {})
    served = {path: blob for path, blob in blobs.items() if path in BUILD or path in code}
    if str(PARAMS) in blobs:
        served[SERVE] = _serve(there) or blobs[str(PARAMS)]
    return Content(there.model(), served)


def in_image(texts: Mapping[str, str]) -> set[str]:
    """Files of `src` that the image holds: what the service reaches, and data of the problem's own.

    `texts` are all files of `src` by path. Packages' own files are held too, and say nothing.
    """
    data = {path for path in texts if path.startswith(PROBLEM) and not path.endswith(".py")}
    return reached([SERVICE], texts.get) | data


def _serve(there: Commit) -> str | None:
    """The hash of what params.yaml says of serving; None where it is no YAML."""
    try:
        found = there.yaml(PARAMS)
    except LoopError:
        return None
    section = found.get("serve") if isinstance(found, dict) else found
    return hashlib.sha256(json.dumps(section, sort_keys=True, default=str).encode()).hexdigest()
