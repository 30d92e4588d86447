"""Trees as machine code: written as C by tl2cgen, built once by this machine's C compiler, kept.

It runs as it is loaded, so none is believed that others could have brought: libraries are kept outside of
every checkout, where this user alone writes. Each is named by the hashes of the model that it is of, of what
built it, and of itself: one that was changed is built again, and nothing of it runs. What it computes is
compared with the Pipeline before it answers anything.
"""

import ctypes
import hashlib
import json
import logging
import os
import platform
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout, suppress
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from loop.base.files import digest, replacing
from loop.base.template import fill
from loop.data.columns import Array

KEPT = 20  # libraries that stay
FORM = 2  # of what is built here beside what tl2cgen writes; another number builds all anew
NUMERICAL, CATEGORICAL, AT_MOST = 1, 2, 3  # Treelite's codes of a split, and of an operator
SHARE = 4096  # rows of a thread, at least
LOG = logging.getLogger(__name__)


def library(trees: Any, sha256: str, folder: Path | None = None) -> Path | None:
    """The library of these trees (a Treelite model), built if need be; None where it cannot be."""
    suffix = {"darwin": "dylib", "win32": "dll"}.get(sys.platform, "so")
    rows = fill("loop.serve", "rows.c.j2", width=trees.num_feature)
    made_by = f"{FORM} {rows} {version('tl2cgen')} {platform.machine()} {sys.platform}"
    name = hashlib.sha256(f"{sha256} {made_by}".encode()).hexdigest()[:32]
    try:
        folder = folder or _folder()
        found = [path for path in folder.glob(f"{name}-*.{suffix}") if path.is_file()]
        for path in found:
            if path.stem.endswith(f"-{digest(path, 'sha256')}"):
                return path
            LOG.warning("%s was changed since it was built: the trees are compiled again", path)
        compiler = next((name for name in ("gcc", "clang") if shutil.which(name)), None)
        if compiler is None:
            LOG.warning(
                "no C compiler here: the trees run by Treelite's interpreter, at half the speed or less"
            )
            return None
        with tempfile.TemporaryDirectory() as made_in:
            made = _build(trees, rows, compiler, Path(made_in))
            path = folder / f"{name}-{digest(made, 'sha256')}.{suffix}"
            with replacing(path) as draft:
                shutil.copyfile(made, draft)
    except (OSError, RuntimeError) as error:
        LOG.warning("the trees cannot be compiled (%s): Treelite's interpreter runs them", error)
        return None
    _prune(folder, suffix, set(found) - {path})
    return path


def _prune(folder: Path, suffix: str, changed: set[Path]) -> None:
    """Remove libraries that were changed, and all but the newest."""
    with suppress(OSError):  # another process is as far
        there = sorted(folder.glob(f"*.{suffix}"), key=lambda path: path.stat().st_mtime)
        for path in changed.union(there[:-KEPT]):
            path.unlink(missing_ok=True)


def _folder() -> Path:
    """Where libraries are kept. Raises OSError for a folder that others may write, too."""
    if given := os.environ.get("LOOP_COMPILED"):
        return Path(given)
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "loop/compiled"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(f"{folder} is not this user's alone: `chmod go-w` it, or remove it")
    return folder


def _build(trees: Any, rows: str, compiler: str, folder: Path) -> Path:
    """The library, made in a folder."""
    import tl2cgen

    settings = {"parallel_comp": os.cpu_count() or 1}
    _split_off_missing(trees)
    with _quiet():
        tl2cgen.generate_c_code(trees, str(folder), settings)
        _add_rows(folder, rows)
        made = tl2cgen.create_shared(compiler, str(folder), options=["-O1"], long_build_time_warning=False)
    return Path(made)


def _split_off_missing(trees: Any) -> None:
    """Let splits that send missing categories alone to the left be numerical: each code is above -1.

    tl2cgen would send nothing to the left.
    """
    for at in range(trees.num_tree):
        tree = trees.get_tree_accessor(at)
        kind, threshold, operator = (
            tree.get_field(name).copy() for name in ("node_type", "threshold", "cmp")
        )
        alone = kind == CATEGORICAL
        alone &= tree.get_field("category_list_begin") == tree.get_field("category_list_end")
        if alone.any():
            kind[alone], threshold[alone], operator[alone] = NUMERICAL, -1.0, AT_MOST
            for name, values in (("node_type", kind), ("threshold", threshold), ("cmp", operator)):
                tree.set_field(name, values)


def _add_rows(folder: Path, rows: str) -> None:
    """Add rows.c to the sources; a value is missing if all 64 bits of it are ones, which no number has.

    tl2cgen looks at 32 of them, which some numbers have.
    """
    header, recipe = folder / "header.h", folder / "recipe.json"
    text = header.read_text()
    if text.count("int missing;") != 1 or "double fvalue;" not in text:
        raise RuntimeError("tl2cgen writes other code than this module knows")
    header.write_text(text.replace("int missing;", "int64_t missing;"))
    (folder / "rows.c").write_text(rows)
    plan = json.loads(recipe.read_text())
    plan["sources"].append({"name": "rows", "length": rows.count("\n")})
    recipe.write_text(json.dumps(plan))


def scorer(path: Path, threads: int) -> Callable[[Array], Array]:
    """From a matrix (rows, features) to what the trees of a library say: shape (rows, outputs)."""
    library = ctypes.CDLL(str(path.resolve()))
    score = library.score_rows
    score.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    score.restype = None
    outputs: int = library.outputs()

    def scores(matrix: Array) -> Array:
        """The trees' outputs (rows, outputs) of numbers (rows, names)."""
        rows, width = matrix.shape
        matrix = np.ascontiguousarray(matrix, np.float64)
        found = np.zeros((rows, outputs))
        if threads == 1 or rows < 2 * SHARE:
            score(matrix.ctypes.data, rows, width, found.ctypes.data)
            return found
        share = max(SHARE, -(-rows // threads))
        with ThreadPoolExecutor(threads) as pool:  # a call lets go of the interpreter's lock
            for start in range(0, rows, share):
                some, of_some = matrix[start : start + share], found[start : start + share]
                pool.submit(score, some.ctypes.data, len(some), width, of_some.ctypes.data)
        return found

    return scores


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the libraries write off the terminal, in C++ and in Python; what goes wrong they raise."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            with redirect_stdout(StringIO()):
                yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
