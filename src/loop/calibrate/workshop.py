"""Long work in small pieces, each kept in a file when it is done: what was stopped goes on from there."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from time import monotonic

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
            self._make(title, work, missing, len(names))
        return [self.folder / name for name in names]

    def _make(self, title: str, work: Work, missing: Sequence[str], of: int) -> None:
        first = told = monotonic()
        for done, _ in enumerate(self._done(work, missing), 1):
            now = monotonic()
            first = now if done == 1 else first  # until then processes have started, too
            if done == len(missing) or now - told > 10:
                told = now
                left = (now - first) / max(1, done - 1) * (len(missing) - done)
                self.report(f"  {title}: {of - len(missing) + done} of {of}{_left(left)}")

    def _done(self, work: Work, missing: Sequence[str]) -> Iterator[None]:
        """One step for each piece that is done; a single one is done here."""
        if self.pool is None or len(missing) == 1:
            for name in missing:
                work(self.folder, name)
                yield
            return
        for one in as_completed([self.pool.submit(work, self.folder, name) for name in missing]):
            one.result()
            yield


@contextmanager
def workshop(folder: Path, report: Callable[[str], None], processes: int | None = None) -> Iterator[Workshop]:
    """A workshop of several processes, as many as there are cores by default, which end with the block."""
    count = min(PROCESSES_MAX, os.cpu_count() or 1) if processes is None else processes
    pool = ProcessPoolExecutor(count, get_context("spawn"))  # a fork would share OpenMP's threads
    try:
        yield Workshop(folder, report, pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _left(seconds: float) -> str:
    if seconds < 1:
        return ""
    return f", about {seconds:.0f} s left" if seconds < 100 else f", about {seconds / 60:.0f} min left"
