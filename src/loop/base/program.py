"""Other programs: the one place that runs them, bounded in time, in one environment, ended as one error.

`run` is for programs that must end well, `ask` for those whose exit code says something, `follow` for those
whose lines people watch, `start` for servers and helpers that outlive the call. None takes a shell.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from loop.base import environment
from loop.base.errors import LoopError
from loop.base.secret import hidden

PIPE, NOTHING = subprocess.PIPE, subprocess.DEVNULL
Process = subprocess.Popen[bytes]
DAY = 86400.0  # seconds: the limit of what may train for hours
_DRAIN = 5.0  # seconds in which the pipes of a program that was killed are read to their end


@dataclass(frozen=True)
class Done:
    """How a program ended: its exit code, and what it wrote. Bytes that are no UTF-8 are replaced."""

    code: int
    raw: bytes
    errors: str

    @property
    def out(self) -> str:
        """What it wrote to its output, as text."""
        return self.raw.decode(errors="replace")

    def gist(self, longest: int = 300) -> str:
        """The line that says what went wrong."""
        return gist(self.errors if self.errors.strip() else self.out, longest)


def ask(
    command: Sequence[str],
    *,
    seconds: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    text: str | None = None,
    group: int | None = None,
) -> Done:
    """Run a program to its end; any exit code is an answer.

    `text` is its input, none by default; `group` the process group that it joins. Raises LoopError for a
    program that is not there or cannot start, and for one that does not end in time: it is killed.
    """
    given = subprocess.DEVNULL if text is None else subprocess.PIPE
    with start(command, cwd=cwd, env=env, group=group, stdin=given, stdout=PIPE, stderr=PIPE) as process:
        try:
            out, err = process.communicate(None if text is None else text.encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            raise _late(command, seconds) from None
        except BaseException:  # an interrupt: the child got it too, and is waited for
            _end(process)
            raise
    return Done(process.returncode, out, err.decode(errors="replace"))


def run(
    command: Sequence[str], *, expected: str = "exit code 0", todo: str = "", name: str = "", **how: Any
) -> str:
    """What a program prints; takes what `ask` takes. Raises LoopError with the gist where it fails."""
    done = ask(command, **how)
    if done.code:
        shown = name or f"`{_shown(command)}`"
        raise LoopError(f"{shown} failed: {done.gist()}", expected, todo or "fix what it says, run it again")
    return done.out


def follow(
    command: Sequence[str],
    line: Callable[[str], None] | None = None,
    *,
    seconds: float = DAY,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    errors: int | None = subprocess.STDOUT,
) -> int:
    """The exit code of a program that people watch: it writes where we do, or each `line` is passed on.

    Its errors are among those lines; with `errors` of None they go where ours do.

    An interrupt reaches it too; it is waited for, since it must drop its locks.
    """
    out, err = (None, None) if line is None else (PIPE, errors)
    with start(command, cwd=cwd, env=env, stdout=out, stderr=err) as process:
        try:
            for found in process.stdout or ():
                if line is not None:
                    line(found.decode(errors="replace"))
            return process.wait(seconds)
        except KeyboardInterrupt:
            process.wait()
            raise
        except subprocess.TimeoutExpired:
            _end(process)
            raise _late(command, seconds) from None


def start(  # noqa: PLR0913 - what a process is given, by keyword
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    group: int | None = None,
    stdin: int | IO[Any] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    session: bool = False,
) -> Process:
    """A program that runs on; whoever starts it ends it. Raises LoopError where it cannot start."""
    given = dict(environment.child() if env is None else env)
    try:
        return subprocess.Popen(
            list(command),
            cwd=cwd,
            env=given,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            process_group=group,
            start_new_session=session,
        )
    except OSError as error:
        nowhere = (
            shutil.which(command[0], os.F_OK, given.get("PATH")) is None
        )  # of PATH; a part may be locked
        missing = nowhere and not (cwd and not cwd.is_dir())
        why = "is not installed" if missing else f"cannot start: {error.strerror or error}"
        raise LoopError(
            f"{command[0]} {why}", "a program on PATH that may be run", f"install {Path(command[0]).name}"
        ) from None


def finish(process: Process, seconds: float) -> None:
    """Wait for a program that was told to end; one that does not in time is killed."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def gist(text: str, longest: int = 300) -> str:
    """The line of an output that says what went wrong: our own `error:`, DVC's or git's, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    ours = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    named = [line for line in lines if line.startswith(("ERROR: ", "fatal: "))]  # advice may follow it
    found = (ours[:1] or named[-1:] or lines[-1:] or ["it said nothing"])[0]
    return hidden(found)[:longest]  # cut before, half a password would be none


def _shown(command: Sequence[str]) -> str:
    """The start of a command: what it is, without values that may be long or private."""
    return " ".join([Path(command[0]).name, *command[1:3]])[:120]


def _late(command: Sequence[str], seconds: float) -> LoopError:
    return LoopError(
        f"`{_shown(command)}` did not end within {seconds:.0f} s", "an end in time", "run it again"
    )


def _end(process: Process) -> None:
    """Kill it, and read what is left; a grandchild that keeps its pipes open is not waited for."""
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_DRAIN)
