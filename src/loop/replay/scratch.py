"""A clone to live in: real commits, branches, pipelines, and no trace in the repository it came from."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loop.base import environment, program
from loop.base.errors import LoopError
from loop.base.program import Done
from loop.repo import remote
from loop.repo.git import git

_LOOP = (sys.executable, "-m", "loop.cli")
_STRANGE = ("GITHUB_", "GIT_", "MLFLOW_", "LOOP_", "CML_", "PYTHONPATH")  # no replay speaks to anyone
TIMEOUT = 1800  # seconds, of one command


@dataclass(frozen=True)
class Scratch:
    """The clone's folder; its branch main is the one that lives on."""

    path: Path

    def loop(self, *command: str, may_end: tuple[int, ...] = (0,)) -> str:
        """What a command prints there, by the clone's own code. Raises LoopError for another exit code."""
        done = self._run(*_LOOP, *command)
        if done.code not in may_end:
            raise LoopError(
                f"`loop {' '.join(command)}` ended with {done.code}: {done.gist()}",
                "a command that does what it does in life",
                "run that command in a clone to see more",
            )
        return done.out

    def git(self, *arguments: str) -> str:
        """What git prints there; commits are made in the name of the replay."""
        own = (*remote.commits_as("replay", "replay@localhost"), "-c", "commit.gpgSign=false")
        return git(*own, *arguments, cwd=self.path)

    def _run(self, *command: str) -> Done:
        env = environment.child(_STRANGE, PYTHONPATH=str(self.path / "src"), MLFLOW_DISABLE_TELEMETRY="true")
        return program.ask(command, seconds=TIMEOUT, cwd=self.path, env=env)


@contextmanager
def scratch(here: Path) -> Iterator[Scratch]:
    """A clone of what is committed in `here`, without a remote, with DVC's cache; gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="loop-replay-"))
    try:
        place = Scratch(folder / "repo")
        git("clone", "--quiet", "--no-tags", str(here), str(place.path))
        place.git("remote", "remove", "origin")
        place.git("switch", "--quiet", "--force-create", "main")
        only = place.git("commit-tree", "HEAD^{tree}", "-m", "What is replayed")  # and nothing of before
        place.git("reset", "--quiet", "--soft", only)
        cache = here / ".dvc/cache"
        if cache.is_dir():
            shutil.copytree(cache, place.path / ".dvc/cache", copy_function=_link, dirs_exist_ok=True)
        yield place
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link(source: str, target: str) -> None:
    """A file of the cache, which nothing ever writes again: linked where the disk is the same."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
