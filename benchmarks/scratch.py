"""A place for the tests' scratch repositories, whose commands start as a user's do: none is warm."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent


@contextmanager
def place() -> Iterator[Path]:
    """A folder; what the tests share lies in it too."""
    sys.path[:0] = [str(ROOT / "tests")]
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder, "shared")
        shared.mkdir()
        os.environ["WARM_BIN"] = str(shared)
        yield Path(folder)
