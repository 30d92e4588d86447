"""What a version needs to run on this host: its code in a worktree, its locked environment, its model.

Kept for the versions used last, so that going back to one needs neither a network nor a build.
"""

import json
import os
import shutil
import sys
from pathlib import Path

from loop.base.errors import LoopError
from loop.base.files import digest, write_json
from loop.model.artifacts import Stored
from loop.production.state import Challenger, Champion, Version
from loop.repo import remote
from loop.repo.commit import Commit
from loop.repo.dvc_lock import outs
from loop.repo.git import git, has
from loop.repo.worktree import Checkout, install
from loop.settings.paths import ENVIRONMENT_LOCK, MODEL, PIPELINE_LOCK, REFERENCE

COMPILED = "models/compiled"  # where a server keeps trees as machine code, named by hash
KEPT = 5  # versions whose worktrees stay

Known = Champion | Challenger | Version  # what says where a version comes from


def bring(version: Known, folder: Path, *, model: bool = True) -> Checkout:
    """A version's worktree and environment below `folder`, with its model unless the caller declines it.

    Whatever else lies there than commit and lock name is removed, compiled trees aside. Made from the
    repository that is the working directory. Raises LoopError for a commit, a package or a model that cannot
    be had, and for a model with another hash than was released.
    """
    path = folder.absolute() / "versions" / str(version.version)
    if not _is_at(path, version.commit):
        _add(path, version)
    kept = [f"--exclude=/{one}" for one in (MODEL, REFERENCE, COMPILED)]
    git("clean", "-ffdxq", *kept, cwd=path)  # what no commit holds, ignored or not, and no hash names
    os.utime(path)
    home = Checkout(path, _python(path, folder.absolute()), None)
    if model:
        _model(home, version)
    return home


def prune(folder: Path, wanted: set[int]) -> None:
    """Remove the worktrees of all versions but those wanted and those used last, and their environments."""
    paths = sorted((folder / "versions").glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
    kept = [path for rank, path in enumerate(paths) if rank < KEPT or int(path.name) in wanted]
    for path in set(paths) - set(kept):
        git("worktree", "remove", "--force", str(path))
    named = {_lock(path) for path in kept}
    for environment in (folder / "environments").glob("*"):
        if environment.name not in named:
            shutil.rmtree(environment, ignore_errors=True)
    for mark in (folder / "complete").glob("*"):
        if mark.name not in named:
            mark.unlink()


def _is_at(path: Path, commit: str) -> bool:
    """Whether a worktree is there, at a commit, with no file of it changed."""
    if not (path / ".git").is_file():
        return False
    try:
        changed = git("status", "--porcelain", "--untracked-files=no", cwd=path)
        return not changed and git("rev-parse", "HEAD", cwd=path) == commit
    except LoopError:
        return False


def _add(path: Path, version: Known) -> None:
    if not has(version.commit):
        try:
            remote.fetch(version.commit)
        except LoopError as error:
            raise LoopError(
                f"commit {version.commit[:12]} of version {version.version} cannot be had: {error.found}",
                "a commit of this repository, or of origin",
                "`git fetch origin main`",
            ) from None
    if path.exists():
        shutil.rmtree(path)
    git("worktree", "prune")
    git("worktree", "add", "--quiet", "--detach", str(path), version.commit)


def _lock(path: Path) -> str:
    lock = path / ENVIRONMENT_LOCK
    return digest(lock, "sha256")[:16] if lock.is_file() else "none"


def _python(path: Path, folder: Path) -> Path:
    """A Python with the packages of the worktree's lock; versions with the same lock share it.

    Never the one that runs now: that changes under a server when this checkout moves on.
    """
    environment, mark = folder / "environments" / _lock(path), folder / "complete" / _lock(path)
    python = environment / "bin/python"
    if mark.is_file() and python.exists():
        made = json.loads(mark.read_text() or "{}")  # empty before November 2026
        there = _found_first(environment)
        for stray in there.keys() - made.keys() if made else ():
            shutil.rmtree(stray) if Path(stray).is_dir() else Path(stray).unlink()
        if made.items() <= there.items():
            return python
        shutil.rmtree(environment)
    install(Checkout(path, Path(sys.executable), None), environment, Path.cwd())
    write_json(mark, _found_first(environment))
    return python


def _found_first(environment: Path) -> dict[str, str]:
    """What a Python looks at to find any package: paths, and hashes of those that are files."""
    places = [environment / "pyvenv.cfg", *environment.glob("lib/python*/site-packages/*")]
    paths = [path for path in places if path.name != "__pycache__"]
    return {str(path): digest(path, "sha256") if path.is_file() else "" for path in paths}


def _model(home: Checkout, version: Known) -> None:
    """Bring the model and its reference from DVC's cache or remote, unless their hashes are those."""
    made = outs(Commit(version.commit).yaml(PIPELINE_LOCK))
    for path in (REFERENCE, MODEL):
        file = home.path / path
        if not file.is_file() or digest(file, "md5") != made.get(str(path)):
            Stored(version.commit, home.path).need(path)
    found = digest(home.path / MODEL, "sha256")
    if found != version.model:
        raise LoopError(
            f"the model of version {version.version}, of {version.commit[:12]}, has sha256 {found[:12]}…",
            f"{version.model[:12]}…, as it was released",
            f"`loop reproduce {version.version}` says which stage differs",
        )
