"""Long work in small pieces, each kept in a file when it is done: what was stopped goes on from there."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import TypeVar

from loop.base.errors import LoopError

Step = TypeVar("Step")
Work = Callable[[Path, str], None]  # makes the file of that name in the folder, whole or not at all
PROCESSES_MAX = 4


@dataclass(frozen=True)
class Workshop:
    """A folder of finished pieces; `report` gets a line now and then, with the time that is left."""

    folder: Path
    report: Callable[[str], None]
    pool: ProcessPoolExecutor | None = None

    def within(self, folder: Path) -> "Workshop":
        """The same for another folder."""
        return replace(self, folder=folder)

    def each(self, title: str, work: Work, names: Sequence[str]) -> list[Path]:
        """The files of these names, in order; those that are not there yet are made."""
        missing = [name for name in names if not (self.folder / name).is_file()]
        if missing:
            for _ in self.follow(title, self._done(work, missing), len(missing), len(names)):
                pass
        return [self.folder / name for name in names]

    def follow(self, title: str, steps: Iterable[Step], count: int, of: int = 0) -> Iterator[Step]:
        """The steps as they are, while lines say how many of `count` are done, and how long the rest takes.

        `of` are all, with those that were done before.
        """
        of = max(of, count)
        first = told = monotonic()
        for done, step in enumerate(steps, 1):
            yield step
            now = monotonic()
            first = now if done == 1 else first  # until then processes have started, too
            if done == count or now - told > 10:
                told = now
                left = (now - first) / max(1, done - 1) * (count - done)
                self.report(f"  {title}: {of - count + done} of {of}{_left(left)}")

    def _done(self, work: Work, missing: Sequence[str]) -> Iterator[None]:
        """One step for each piece that is done; a single one is done here."""
        if self.pool is None or len(missing) == 1:
            for name in missing:
                work(self.folder, name)
                yield
            return
        try:
            for one in as_completed([self.pool.submit(work, self.folder, name) for name in missing]):
                one.result()
                yield
        except BrokenProcessPool:
            raise LoopError(
                "a process of this calibration was ended from outside",
                "memory for each of its processes",
                "free some, and run it again: it goes on from what was measured",
            ) from None


@contextmanager
def workshop(folder: Path, report: Callable[[str], None], processes: int | None = None) -> Iterator[Workshop]:
    """A workshop of several processes, as many as there are cores by default, which end with the block."""
    count = min(PROCESSES_MAX, os.cpu_count() or 1) if processes is None else processes
    context = get_context("spawn")  # a fork would share OpenMP's threads
    pool = ProcessPoolExecutor(count, context, initializer=_begin)
    try:
        yield Workshop(folder, report, pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """One thread, before any library counts the cores; and an end with the parent, if that is killed too."""
    os.environ["OMP_NUM_THREADS"] = "1"
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    Thread(target=watch, daemon=True).start()


def _left(seconds: float) -> str:
    if seconds < 1:
        return ""
    return f", about {seconds:.0f} s left" if seconds < 100 else f", about {seconds / 60:.0f} min left"
