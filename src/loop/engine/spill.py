"""Where an engine puts what memory does not hold, and what its parts hand to each other; gone afterwards."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SPILL = Path("data")
OURS = "loop_join_"  # begins the names of our own tables in an engine: no raw table is called so


def place() -> Path:
    """The folder of this process alone."""
    return SPILL / f".features.{os.getpid()}.tmp"


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """A folder there with nothing in it, by its whole path, for as long as it is used."""
    made = (place() / name).absolute()
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        with suppress(OSError):  # the rest of it is another's
            made.parent.rmdir()


def remove_strays() -> None:
    """Remove what the engine of a process left that was killed: as much as the joined rows may lie there."""
    for left in SPILL.glob(".features.*.tmp"):
        try:
            os.kill(int(left.name.split(".")[2]), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except (ValueError, OSError):
            continue  # another's, or none of ours
