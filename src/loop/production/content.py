"""What of a commit reaches production: its model, and what the image holds beside it.

That is the code that the service reaches by its imports, how the image is built, the locked packages of its
group `serve`, and the section `serve` of params.yaml. Docs, tests, other params and packages, and the
rollout policy reach no server.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from loop.base import environment, program
from loop.base.errors import LoopError
from loop.repo.closure import SRC, reached
from loop.repo.commit import Commit
from loop.repo.worktree import uv
from loop.settings.paths import ENVIRONMENT_LOCK, LINEAGE, PARAMS

SERVICE, PROGRAM = "loop.serve.service", "loop.serve.container"
PROBLEM = f"{SRC}/problem/"
BUILD = ("bentofile.yaml", "deploy/Dockerfile.j2", "requirements-uv.txt")
PACKAGES = ("pyproject.toml", str(ENVIRONMENT_LOCK))
PATHS = (SRC, *BUILD, *PACKAGES, str(PARAMS), str(LINEAGE))  # a commit without a change here changes nothing
SERVE = f"{PARAMS}: serve"
LOCKED = f"{ENVIRONMENT_LOCK}: serve"
EXPORT = ("export", "--quiet", "--only-group", "serve", "--no-emit-project")  # what the image installs


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
    if str(ENVIRONMENT_LOCK) in blobs:
        served[LOCKED] = _locked(there) or blobs[str(ENVIRONMENT_LOCK)]
    return Content(there.model(), served)


def in_image(texts: Mapping[str, str]) -> set[str]:
    """Files of `src` that the image holds: what the service reaches, and data of the problem's own.

    `texts` are all files of `src` by path. Packages' own files are held too, and say nothing.
    """
    data = {path for path in texts if path.startswith(PROBLEM) and not path.endswith(".py")}
    return reached([SERVICE, PROGRAM], texts.get) | data


def _serve(there: Commit) -> str | None:
    """The hash of what params.yaml says of serving; None where it is no YAML."""
    try:
        found = there.yaml(PARAMS)
    except LoopError:
        return None
    section = found.get("serve") if isinstance(found, dict) else found
    return hashlib.sha256(json.dumps(section, sort_keys=True, default=str).encode()).hexdigest()


def _locked(there: Commit) -> str | None:
    """The hash of the locked packages that the image installs; None where uv cannot tell."""
    with TemporaryDirectory(prefix="loop-lock-") as folder:
        for name in PACKAGES:
            Path(folder, name).write_bytes(there.file(name) or b"")
        form = ("--frozen", "--offline", "--no-header", "--no-annotate", "--python", sys.executable)
        try:
            done = program.ask(
                [uv(Path.cwd()), *EXPORT, *form], seconds=60, cwd=Path(folder), env=environment.child()
            )
        except LoopError:  # there is no uv here
            return None
    return None if done.code else hashlib.sha256(done.out.encode()).hexdigest()
