"""Long work in small pieces, each kept in a file when it is done: what was stopped goes on from there."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from time import monotonic

Work = Callable[[Path, str], None]  # makes the file of that name in the folder, whole or not at all
PROCESSES_MAX = 4


@dataclass
class Workshop:
    """A folder of finished pieces; `report` gets a line now and then, with the time that is left."""

    folder: Path
    report: Callable[[str], None]
    processes: int = field(default_factory=lambda: min(PROCESSES_MAX, os.cpu_count() or 1))

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
        """One step for each piece that is done."""
        if self.processes == 1 or len(missing) == 1:
            for name in missing:
                work(self.folder, name)
                yield
            return
        with ProcessPoolExecutor(self.processes, get_context("spawn")) as pool:
            try:
                for one in as_completed([pool.submit(work, self.folder, name) for name in missing]):
                    one.result()
                    yield
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _left(seconds: float) -> str:
    if seconds < 1:
        return ""
    return f", about {seconds:.0f} s left" if seconds < 100 else f", about {seconds / 60:.0f} min left"
