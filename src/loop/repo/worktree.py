"""A commit in a git worktree and an environment of its own, gone when its user ends, killed or not.

A small shell waits at the other end of a pipe. The pipe closes when this process ends, however
it ends; then the shell stops what still runs in the worktree and removes it.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from loop.base import environment, program
from loop.base.errors import LoopError
from loop.base.files import digest
from loop.repo import protocol, uv_lock
from loop.repo.git import git
from loop.settings.paths import ENVIRONMENT_LOCK

_REAPER = """
trap '' INT TERM HUP
cat > /dev/null
kill -TERM 0
git worktree remove --force "$1" 2> /dev/null
rm -rf "$2" || { sleep 1; rm -rf "$2"; }
git worktree prune
"""
_STRANGE = ("MLFLOW_", "LOOP_", "GITHUB_", "ACTIONS_", "VIRTUAL_ENV")
_STEERING = ("PYTHON", "BENTOML_CONFIG")  # of a shell: which code runs, and how
_TEXT = ("PYTHONUTF8", "PYTHONIOENCODING")
TIMEOUT = 3600  # seconds; a champion is rebuilt within it, or nothing can be judged


@dataclass(frozen=True)
class Checkout:
    """Files of one commit, a Python that has its packages, and the process group of its work.

    `held`: what its processes write beside its code and packages would be a change of them.
    """

    path: Path
    python: Path
    group: int | None
    held: bool = False

    def run(self, *command: str) -> None:
        """Run a command of the checkout's own code there.

        Raises LoopError with the last line that it said when it fails.
        """
        done = program.ask(command, seconds=TIMEOUT, cwd=self.path, env=self.environment(), group=self.group)
        if done.code:
            commit = git("rev-parse", "--short=12", "HEAD", cwd=self.path)
            raise LoopError(
                f"`{' '.join(command)}` failed: {done.gist()}",
                "a command that ends well, as it did when the commit was made",
                f"`git worktree add ../{commit} {commit}` and run it there",
            )

    def entry(self, name: str) -> list[str]:
        """The command by which the checkout's own code answers to `name`; see `loop.repo.protocol`."""
        return [str(self.python), *protocol.of(self.path).entries[name]]

    def ask(self, name: str, *arguments: str) -> None:
        """Run one of the checkout's entry points there, to its end. Raises LoopError as `run` does."""
        self.run(*self.entry(name), *arguments)

    def environment(self) -> dict[str, str]:
        """Variables under which the checkout's own code runs; no tracker, no token of a workflow."""
        path = os.pathsep.join([str(self.python.parent), os.environ.get("PATH", "")])
        own = {"PATH": path, "PYTHONPATH": str(self.path / "src"), "MLFLOW_DISABLE_TELEMETRY": "true"}
        own |= {"TMPDIR": str(self.path.parent)} if self.group else {}
        own |= {"PYTHONDONTWRITEBYTECODE": "1"} if self.held else {}
        own |= {name: os.environ[name] for name in _TEXT if name in os.environ}
        return environment.child(_STRANGE + _STEERING, **own)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """For as long, tables that DVC keeps in the working directory lie in the checkout too."""
        links: list[Path] = []
        try:
            for listed in git("ls-files", "-z", "--", "*.dvc").split("\0"):
                here, link = Path(listed.removesuffix(".dvc")), self.path / listed.removesuffix(".dvc")
                if listed and here.exists() and link.parent.is_dir() and not os.path.lexists(link):
                    link.symlink_to(here.resolve())
                    links.append(link)
            yield
        finally:
            for link in links:
                link.unlink()

    @contextmanager
    def scorer(self) -> Iterator["Scorer"]:
        """The model of this checkout, ready to be asked."""
        with tempfile.TemporaryFile() as errors:
            process = program.start(
                self.entry("score"),
                cwd=self.path,
                env=self.environment() | {"OMP_NUM_THREADS": "1"},
                stdin=program.PIPE,
                stdout=program.PIPE,
                stderr=errors,
                group=self.group,
            )
            try:
                yield Scorer(process, errors)
            finally:
                process.kill()
                process.communicate()


class Scorer:
    """A process that holds a model and answers line by line; `errors` is where it complains."""

    def __init__(self, process: program.Process, errors: IO[bytes]) -> None:
        self._process, self._errors = process, errors
        self._version = 0

    def ask(self, **question: Any) -> dict[str, Any]:
        """The answer to one question; see `loop.scorer`. Raises LoopError with what the process said."""
        try:
            if not self._version:
                self._version = int(self._read()["ready"])
            if not question:
                return {"version": self._version}
            self._write(json.dumps(question))
            return self._read()
        except (OSError, ValueError, KeyError):
            self._process.kill()
            self._process.wait()
            self._errors.seek(0)
            text = self._errors.read().decode(errors="replace")
            raise LoopError(
                f"the model could not be asked: {program.gist(text)}",
                "a model that its own code loads and scores",
                "run `python -m loop.scorer` in a worktree of that commit",
            ) from None

    @property
    def version(self) -> int:
        """Which questions it understands: a commit's own code answers."""
        return int(self.ask()["version"])

    def _write(self, line: str) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() if self._process.stdout else "")
        return answer


@contextmanager
def checkout(commit: str, here: Path) -> Iterator[Checkout]:
    """A worktree of `commit` of the repository `here`, with an environment by its own lock.

    Where both commits have the same lock, the environment is the one that runs now. Raises
    LoopError when the worktree or the environment cannot be made.
    """
    folder = Path(tempfile.mkdtemp(prefix="loop-checkout-"))
    path = folder / commit[:12]
    reaper = program.start(
        ["sh", "-c", _REAPER, "reaper", str(path), str(folder)],
        cwd=here,
        stdin=program.PIPE,
        stdout=program.NOTHING,
        stderr=program.NOTHING,
        group=0,
    )
    try:
        git("worktree", "add", "--quiet", "--detach", str(path), commit, cwd=here)
        yield Checkout(path, _python(path, here, reaper.pid), reaper.pid)
    finally:
        reaper.communicate()


def _python(path: Path, here: Path, group: int) -> Path:
    """A Python with the packages of the checkout's lock."""
    if _lock(path) == _lock(here):
        return Path(sys.executable)
    return install(Checkout(path, Path(sys.executable), group), path / ".venv", here)


def uv(here: Path) -> str:
    """uv, on PATH or as `make setup` has it; where it is neither, whoever runs it says so."""
    return shutil.which("uv") or str(here / ".tools/bin/uv")


def install(home: Checkout, environment: Path, here: Path, *, own: bool = False) -> Path:
    """The Python of an environment with the packages of a checkout's lock. Raises LoopError.

    Nothing is installed from where its pyproject.toml names nothing. With `own` no file of it has a second
    name in uv's cache or in a person's .venv, by which it could be changed, and its bytecode is made at once.
    """
    texts = [path.read_text("utf-8") for name in uv_lock.FILES if (path := home.path / name).is_file()]
    if len(texts) == len(uv_lock.FILES) and (found := uv_lock.strange(*texts)):
        raise LoopError(
            f"{ENVIRONMENT_LOCK} of {home.path.name} takes {found[0]}",
            "packages of PyPI, or of what its pyproject.toml names",
            "look at the commit that brought it",
        )
    sync = ("sync", "--locked", "--quiet", "--no-dev", "--no-install-project", "--python", sys.executable)
    try:
        mode = ("--link-mode", "copy", "--compile-bytecode") if own else ()
        home.run("env", f"UV_PROJECT_ENVIRONMENT={environment}", uv(here), *sync, *mode)
    except LoopError as error:
        raise LoopError(
            f"the environment of {home.path} cannot be made: {error.found}",
            f"its uv.lock to install on Python {sys.version_info.major}.{sys.version_info.minor}",
            "use a Python that its commit allows, or `make setup` for uv itself",
        ) from None
    return environment / "bin/python"


def _lock(path: Path) -> str | None:
    lock = path / ENVIRONMENT_LOCK
    return digest(lock, "sha256") if lock.is_file() else None
