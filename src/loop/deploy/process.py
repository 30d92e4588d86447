"""Processes that outlive us: known by their id and by when they started, since an id is used again."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from loop.base import program

PROC = Path("/proc")
PAUSE = 0.05  # seconds between two checks


@dataclass(frozen=True)
class Process:
    """A process: its id, and when it started, as the system says it."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Process":
        """The process that has an id now; one that is gone has no start."""
        return cls(pid, _running().get(pid, (0, ""))[1])

    def alive(self) -> bool:
        """Whether it still runs."""
        return bool(self.started) and _running().get(self.pid, (0, ""))[1] == self.started

    def children(self) -> list["Process"]:
        """The processes that it started."""
        return [Process(pid, start) for pid, (parent, start) in _running().items() if parent == self.pid]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still the one that it was."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, seconds: float, first: signal.Signals = signal.SIGTERM) -> None:
        """End it and what it started: gently, and after so many seconds by force."""
        family = self.family()
        self.send(first)
        if not gone(family, seconds):
            for member in family:
                member.send(signal.SIGKILL)
            gone(family, seconds)

    def family(self) -> list["Process"]:
        """It and all that came of it."""
        found = [self] if self.alive() else []
        for one in found:
            found.extend(one.children())
        return found

    def orphans(self, folder: Path) -> list["Process"]:
        """Once it was killed: what it had started in a folder, and what still runs.

        The session that it led keeps its id: nobody else is given it meanwhile, so that whoever has it now
        is the process itself, or shows that nothing was left. `folder` tells it from a later session.
        """
        if self.pid in _running():
            return []
        return [Process(pid, start) for pid, start in _in_session(self.pid) if _works_in(pid, folder)]


def gone(processes: list[Process], seconds: float) -> bool:
    """Whether all of them have ended within so many seconds."""
    return comes_true(lambda: not any(one.alive() for one in processes), seconds)


def comes_true(test: Callable[[], bool], seconds: float) -> bool:
    """Whether a test holds within so many seconds."""
    until = time.monotonic() + seconds
    while not test():
        if time.monotonic() > until:
            return False
        time.sleep(PAUSE)
    return True


def _running() -> dict[int, tuple[int, str]]:
    """By id: the parent's id and the start of each process; none of those that only wait to be reaped."""
    return _of_proc() if PROC.is_dir() else _of_ps()


def _of_proc() -> dict[int, tuple[int, str]]:
    found = {}
    for path in PROC.glob("[0-9]*"):
        try:
            text = (path / "stat").read_text(errors="replace")
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()  # after the name, which may hold anything
        if fields[0] not in "ZX":
            found[int(path.name)] = (int(fields[1]), fields[19])
    return found


def _in_session(number: int) -> list[tuple[int, str]]:
    """Id and start of what runs in a session; nothing where there is no /proc to tell."""
    found = []
    for pid, (_, start) in _of_proc().items() if PROC.is_dir() else ():
        with suppress(OSError):
            if os.getsid(pid) == number:
                found.append((pid, start))
    return found


def _works_in(pid: int, folder: Path) -> bool:
    try:
        where = (PROC / str(pid) / "cwd").readlink()
    except OSError:
        return False
    return str(where).removesuffix(" (deleted)") == str(folder.resolve())


def _of_ps() -> dict[int, tuple[int, str]]:
    listed = program.run(["ps", "-axo", "pid=,ppid=,stat=,lstart="], seconds=30)
    rows = [line.split(maxsplit=3) for line in listed.splitlines()]
    return {int(row[0]): (int(row[1]), row[3]) for row in rows if not row[2].startswith("Z")}
