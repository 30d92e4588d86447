"""What a version needs to run on this host: its code in a worktree, its locked environment, its model.

Kept for the versions used last, so that going back to one needs neither a network nor a build.
"""

import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from loop.base import json_text
from loop.base.errors import LoopError
from loop.base.files import digest, write_json
from loop.model.artifacts import Stored, named
from loop.production.state import Challenger, Champion, Version
from loop.repo import remote
from loop.repo.git import damage, git, has
from loop.repo.worktree import Checkout, install
from loop.settings.paths import ENVIRONMENT_LOCK, MODEL, REFERENCE

KEPT = 5  # versions whose worktrees stay
_OF_A_SERVER = "models/compiled/"  # what one leaves itself that was released before December 2026

Known = Champion | Challenger | Version  # what says where a version comes from


def bring(version: Known, folder: Path, *, model: bool = True) -> Checkout:
    """A version's worktree and environment below `folder`, with its model unless the caller declines it.

    Whatever else lies there than commit and lock name is removed. Made from the repository that is the
    working directory. Raises LoopError for a commit, a package or a model that cannot be had, and for a model
    with another hash than was released.
    """
    path = path_of(version, folder)
    if _cleaned(path, version.commit) is None:
        _add(path, version)
        if _cleaned(path, version.commit) is None:
            raise LoopError(
                f"git makes other files of version {version.version} than {version.commit[:12]} holds",
                "files as they are committed",
                "take away the filter that changes them: `cat $(git rev-parse --git-path info/attributes)`",
            )
    os.utime(path)
    home = Checkout(path, _python(path, folder.absolute()), None, held=True)
    if model:
        _model(home, version)
    return home


def path_of(version: Known, folder: Path) -> Path:
    """Where a version's worktree is, or would be."""
    return folder.absolute() / "versions" / str(version.version)


def holds(version: Known, folder: Path) -> bool:
    """Whether what a process of a version runs from is as commit and lock name it: its next worker reads it.

    What else lies there is removed.
    """
    path = path_of(version, folder)
    strays = _cleaned(path, version.commit)
    if strays is None or any(not name.endswith(_OF_A_SERVER) for name in strays) or _other(path, version):
        return False
    return _as_installed(*_environment(path, folder.absolute()))


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


def _cleaned(path: Path, commit: str) -> list[str] | None:
    """What lay in a worktree that no commit holds, ignored or not, and no hash names: it is removed.

    None where no worktree of ours is there, at that commit with no file of it changed.
    """
    if not _is_ours(path):
        return None
    kept = [f"--exclude=/{one}" for one in (MODEL, REFERENCE)]
    with TemporaryDirectory() as folder:
        try:
            own = _view(Path(folder), path, commit)
            removed = git("clean", "-ffdx", *kept, cwd=path, env=own).splitlines()
            changed = git("status", "--porcelain", "--untracked-files=no", cwd=path, env=own)
            if changed or git("rev-parse", "HEAD", cwd=path) != commit:
                return None
        except LoopError:
            return None
    return [line.removeprefix("Removing ") for line in removed]


def _view(folder: Path, path: Path, commit: str) -> dict[str, str]:
    """Variables by which git sees a worktree by a commit alone, from a folder of ours.

    The worktree's own index may name what no commit has, or have been told to look away; attributes beside
    the repository may have a filter make a changed file the committed one.
    """
    common = Path(git("rev-parse", "--path-format=absolute", "--git-common-dir"))
    (folder / "HEAD").write_text(f"{commit}\n", encoding="utf-8")
    (folder / "refs").mkdir()
    for name in ("objects", "config"):
        (folder / name).symlink_to(common / name)
    own = {"GIT_DIR": str(folder), "GIT_WORK_TREE": str(path)}
    git("read-tree", commit, cwd=path, env=own)
    return own


def _is_ours(path: Path) -> bool:
    """Whether a folder is a worktree of this repository: another's settings could name other files as its."""
    named, common = path / ".git", git("rev-parse", "--path-format=absolute", "--git-common-dir")
    if not named.is_file():
        return False
    home = (path / named.read_text(errors="replace").removeprefix("gitdir: ").rstrip("\n")).resolve()
    return home.parent == (Path(common) / "worktrees").resolve()


def _add(path: Path, version: Known) -> None:
    if not has(version.commit):
        try:
            remote.fetch(version.commit)
        except LoopError as error:
            raise LoopError(
                f"commit {version.commit[:12]} of version {version.version} cannot be had: {error.found}",
                "a commit of this repository, or of origin",
                "`git fetch origin`",
            ) from None
    if told := damage(version.commit):
        raise LoopError(
            f"commit {version.commit[:12]} of version {version.version} is damaged: {told}",
            "objects of git that are what their hashes say",
            "clone the repository anew, and move .deploy there",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parents[1]) as aside:  # no cache may have these any more
        whole = {MODEL, REFERENCE}.difference(_other(path, version)) if path.exists() else set()
        for one in whole:
            shutil.move(path / one, Path(aside, one.name))
        _remove(path)
        git("worktree", "prune")
        git("worktree", "add", "--quiet", "--detach", str(path), version.commit)
        for one in whole:
            shutil.move(Path(aside, one.name), path / one)


def _lock(path: Path) -> str:
    lock = path / ENVIRONMENT_LOCK
    return digest(lock, "sha256")[:16] if lock.is_file() else "none"


def _environment(path: Path, folder: Path) -> tuple[Path, Path]:
    """Where the environment of a worktree's lock is, and what says how it was installed."""
    return folder / "environments" / _lock(path), folder / "complete" / _lock(path)


def _python(path: Path, folder: Path) -> Path:
    """A Python with the packages of the worktree's lock; versions with the same lock share it.

    Never the one that runs now: that changes under a server when this checkout moves on.
    """
    environment, mark = _environment(path, folder)
    if not _as_installed(environment, mark):
        _remove_strays(environment, mark)
    if not _as_installed(environment, mark):
        shutil.rmtree(environment, ignore_errors=True)
        install(Checkout(path, Path(sys.executable), None), environment, Path.cwd(), own=True)
        write_json(mark, _state(environment))
    return environment / "bin/python"


def _as_installed(environment: Path, mark: Path) -> bool:
    """Whether an environment holds what was installed, bytecode too, and nothing else.

    Of what is as it was last seen, nothing is read again. Else the bytes decide: a backup that came back, or
    a disk that moved, has the same files in other places.
    """
    if not (mark.is_file() and (environment / "bin/python").exists()):
        return False
    made, now = _made(mark), _seen(environment)
    if made is None:
        return False
    if "bytes" not in made:  # before December 2026 less was written down
        write_json(mark, made := _state(environment))
    if made["seen"] != now and made["bytes"] == _bytes(environment):
        write_json(mark, made := made | {"seen": now})
    return bool(made["seen"] == now)


def _remove_strays(environment: Path, mark: Path) -> None:
    """Remove what was put beside what was installed, with folders that hold nothing else."""
    known = set((_made(mark) or {}).get("files", ()) if mark.is_file() else ())
    for path, _ in list(_files(environment)) if known else ():
        if os.path.relpath(path, environment) not in known:
            os.unlink(path)
            with suppress(OSError):
                os.removedirs(os.path.dirname(path))


def _made(mark: Path) -> dict[str, Any] | None:
    """What was written down of an environment; None where that is damaged, as by a power cut."""
    try:
        found = json_text.parse(mark.read_text(encoding="utf-8") or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _state(environment: Path) -> dict[str, Any]:
    """An environment as it is: names of its files, what the system says of them, a hash of their bytes."""
    names = [os.path.relpath(path, environment) for path, _ in _files(environment)]
    return {"files": names, "seen": _seen(environment), "bytes": _bytes(environment)}


def _seen(environment: Path) -> str:
    """A hash of what the system says of each file: whoever writes into one changes its ctime.

    Nobody can set that back but who sets the system's clock.
    """
    found = hashlib.sha256()
    for path, status in _files(environment):
        times = (status.st_mtime_ns, status.st_ctime_ns)
        found.update(os.fsencode(f"{path}\0{status.st_mode} {status.st_ino} {status.st_size} {times}\0"))
    return found.hexdigest()


def _bytes(environment: Path) -> str:
    """A hash of the bytes of each file and the aim of each link: a gigabyte takes seconds."""
    found = hashlib.sha256()
    for path, status in _files(environment):
        what = os.readlink(path) if stat.S_ISLNK(status.st_mode) else ""
        if stat.S_ISREG(status.st_mode):  # a pipe would never end
            what = digest(Path(path), "sha256")
        found.update(os.fsencode(f"{os.path.relpath(path, environment)}\0{status.st_mode} {what}\0"))
    return found.hexdigest()


def _files(environment: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Path and status of whatever is no folder, in order; a link is itself."""
    for folder, folders, names in os.walk(environment):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders.sort()
        for path in (os.path.join(folder, name) for name in sorted(names + links)):
            yield path, os.lstat(path)


def _model(home: Checkout, version: Known) -> None:
    """Bring the model and its reference from DVC's cache or remote, unless their hashes are those."""
    for path in _other(home.path, version):
        _remove(home.path / path)
        Stored(version.commit, home.path).need(path)
    found = digest(home.path / MODEL, "sha256")
    if found != version.model:
        raise LoopError(
            f"the model of version {version.version}, of {version.commit[:12]}, has sha256 {found[:12]}…",
            f"{version.model[:12]}…, as it was released",
            f"`loop reproduce {version.version}` says which stage differs",
        )


def _other(home: Path, version: Known) -> list[Path]:
    """Of the model and its reference those that a folder has not, or not as the lock names them."""
    made = named(version.commit)
    return [path for path in (REFERENCE, MODEL) if _digest(home / path) != made.get(str(path))]


def _digest(path: Path) -> str | None:
    """The hash of a file; None where there is none, a link to one, or one that may not be read."""
    try:
        return digest(path) if stat.S_ISREG(path.lstat().st_mode) else None
    except OSError:
        return None


def _remove(path: Path) -> None:
    """Remove what is there: a file, a link, or a folder, whatever rights its parts or its own folder have."""
    if (
        path.parent.is_dir()
        and not path.parent.is_symlink()
        and not os.access(path.parent, os.R_OK | os.W_OK | os.X_OK)
    ):
        os.chmod(path.parent, 0o700)
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for folder, _, _ in os.walk(path):
        os.chmod(folder, 0o700)
    shutil.rmtree(path, ignore_errors=True)
