"""What a commit's pipeline made: from DVC's cache or remote, or made again in a checkout of that commit."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loop.base import files
from loop.base.errors import LoopError, first_line
from loop.base.warning import warn
from loop.model import lineage
from loop.repo import dvc_lock, dvc_yaml
from loop.repo.commit import Commit
from loop.repo.dvc_yaml import Stage
from loop.repo.git import whole_index
from loop.repo.worktree import Checkout
from loop.settings.paths import MODEL, PIPELINE_LOCK


class Stored:
    """Outputs of a commit of the clone `here` (this one by default), in DVC's cache or remote.

    The one way by which a model, its reference rows or its data are had without making them.
    """

    def __init__(self, commit: str, root: Path, here: Path | None = None) -> None:
        from dvc.api import DVCFileSystem

        logging.getLogger("dvc").setLevel(logging.CRITICAL)
        whole_index(here)
        self.root, self._commit, self._here, self._why = root, commit, here, ""
        self._files = DVCFileSystem(str(here) if here else None, rev=commit)

    def bring(self, path: Path) -> bool:
        """Bring a file or a folder to its place below `root`, if it can be had whole; else no file is.

        A remote that refuses or does not answer is a warning: what is not had can often be made.
        """
        from dvc.config import NoRemoteError
        from dvc.exceptions import FileMissingError, OutputNotFoundError, PathMissingError

        missing: tuple[Any, ...] = (FileMissingError, OutputNotFoundError, PathMissingError)
        nowhere = (FileNotFoundError, IsADirectoryError, KeyError, NoRemoteError, *missing)
        target, name = self.root / path, path.as_posix()
        try:
            with files.replacing(target) as draft:
                self._files.get(name, str(draft), recursive=self._files.isdir(name))
                lock = Commit(self._commit, self._here).yaml(PIPELINE_LOCK)
                if dvc_lock.named(lock)[name] != files.md5(draft):
                    raise ValueError(f"what cache or remote have is not what {PIPELINE_LOCK} names")
            return True
        except nowhere:
            self._why = ""
        except Exception as error:  # a remote's parts have errors of their own; it cannot be had
            lost = isinstance(error.__cause__, FileNotFoundError)  # so DVC says it of a folder
            self._why = "" if lost else first_line(error, 200)
            if not lost:
                warn(f"{name} of commit {self._commit[:12]} was not brought: {self._why}")
        if target.is_file():
            target.unlink()
        return False

    def need(self, path: Path) -> None:
        """Bring an output. Raises LoopError if it cannot be had."""
        if not self.bring(path):
            told = f"was not brought: {self._why}" if self._why else "is in no cache or remote"
            raise LoopError(
                f"{path} of commit {self._commit[:12]} {told}",
                f"the file that its {PIPELINE_LOCK} names",
                "`dvc push` it from where it was made, or make it again here: "
                f"`git switch --detach {self._commit[:12]}`, `make run`, `git switch -`",
            )


def named(commit: str) -> dict[str, str]:
    """Path -> md5 of what a commit's pipeline made. Raises LoopError where its lock is none."""
    try:
        return dvc_lock.outs(Commit(commit).yaml(PIPELINE_LOCK))
    except (AttributeError, KeyError, TypeError):
        raise LoopError(
            f"{PIPELINE_LOCK} of commit {commit[:12]} is no lock that DVC wrote",
            "stages with the paths and hashes of what they made",
            f"look at it: `git show {commit[:12]}:{PIPELINE_LOCK}`",
        ) from None


def here(*beside: Path) -> str:
    """The sha256 of this checkout's model, which its lineage names. Raises LoopError if a file lacks."""
    sha256: str = lineage.load()["model"]["sha256"]
    todo = "`loop run` to make it, or `dvc checkout --force` for the committed one"
    for path in (MODEL, *beside):
        if not path.is_file():
            raise LoopError(f"{path} is missing", "the model and what is beside it", todo)
    if files.digest(MODEL, "sha256") != sha256:
        raise LoopError(f"{MODEL} is not the model that the lineage names", f"sha256 {sha256[:12]}…", todo)
    return sha256


def rebuild(home: Checkout, stored: Stored, md5: str, base: str) -> str:
    """Train the model again from its own data, code, params and lock; what is stored is not made again.

    Raises LoopError when that fails, or when it comes out with another md5 than the lock on `base` names.
    """
    try:
        run(home, MODEL, lambda path: stored.bring(Path(path)))
    except LoopError as error:
        raise LoopError(
            f"the champion's model is in no cache or remote, and it cannot be rebuilt: {error.found}",
            f"{MODEL} with md5 {md5}, or the means to make it",
            "`dvc push` it from where it was made, or look why its commit no longer runs",
        ) from None
    found = files.md5(home.path / MODEL)
    if found != md5:
        raise LoopError(
            f"the champion's model is in no cache or remote, and its rebuild has md5 {found[:12]}…",
            f"{md5[:12]}…, which {PIPELINE_LOCK} on {base} names",
            "`dvc push` it from where it was made, or train it again in a pull request of its own",
        )
    return "rebuilt from its commit, to the bit"


def run(home: Checkout, target: Path, have: Callable[[str], bool] = lambda _: False) -> None:
    """Run the stages that make `target` in a checkout, as its dvc.yaml says."""
    for command in upstream(dvc_yaml.of(home.path), target, have):
        home.run("sh", "-c", command)


def upstream(pipeline: list[Stage], target: Path, have: Callable[[str], bool] = lambda _: False) -> list[str]:
    """The commands of the stages that `target` needs, in an order in which they can run.

    A stage whose output is needed and `have` says is there is not run, nor what it needs.
    """
    made = {out: stage for stage in pipeline for out in stage.outs}
    order: list[Stage] = []

    def maker(path: str) -> Stage | None:
        parts = [path, *(str(parent) for parent in Path(path).parents)]
        return next((made[part] for part in parts if part in made), None)

    def visit(path: str) -> None:
        stage = maker(path)
        if stage is None or stage in order:
            return
        for dep in stage.deps:
            if maker(dep) and not have(dep):
                visit(dep)
        order.append(stage)

    visit(target.as_posix())
    return [stage.command for stage in order]
