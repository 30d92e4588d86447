"""Trees as machine code: written as C by tl2cgen, built once by this machine's C compiler, kept.

A library is named by the hash of the model that it is of. It is code: whoever can write the folder
can change what runs, as with any file of the program. What it computes is compared with the Pipeline
before it answers anything.
"""

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loop.files import replacing

FOLDER = Path("models/compiled")
LOG = logging.getLogger(__name__)


def library(trees: Any, sha256: str, folder: Path = FOLDER) -> Path | None:
    """The library of these trees (a Treelite model), built if need be; None where it cannot be."""
    suffix = {"darwin": "dylib", "win32": "dll"}.get(sys.platform, "so")
    path = folder / f"{sha256[:16]}.{suffix}"
    if path.is_file():
        return path
    compiler = next((name for name in ("gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        LOG.warning("no C compiler here: the trees run by Treelite's interpreter, at half the speed or less")
        return None
    try:
        _build(trees, compiler, path)
    except (OSError, RuntimeError) as error:
        LOG.warning(
            "the trees cannot be compiled by %s (%s): Treelite's interpreter runs them", compiler, error
        )
        return None
    return path


def _build(trees: Any, compiler: str, path: Path) -> None:
    import tl2cgen

    settings = {"parallel_comp": os.cpu_count() or 1}
    with replacing(path) as draft:
        named = draft.with_suffix(path.suffix)  # tl2cgen wants the name to end as a library's does
        try:
            with _quiet():
                tl2cgen.export_lib(trees, toolchain=compiler, libpath=str(named), params=settings)
            named.replace(draft)
        finally:
            named.unlink(missing_ok=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the libraries' C++ writes off the terminal; what goes wrong they raise."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
