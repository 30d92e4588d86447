"""What a user's mistake looks like: found, expected, what to do. Caught once, here.

An exception in src/problem is a user's too: it ends with its file and line. A traceback is shown only with
LOOP_DEBUG=1, or for a fault that is ours.
"""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from loop.base.secret import hidden, hide_in_logs

OURS = Path(__file__).parents[1]  # src/loop
PROBLEM = OURS.with_name("problem")
INTERRUPTED = "interrupted: nothing half-written is kept; run the same command again"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_TEXTS = ("No space left on device", "disk is full", "File too large")


class LoopError(Exception):
    """A mistake that the user can fix: what was found, what was expected, what to do next."""

    code = 1  # of the exit

    def __init__(self, found: str, expected: str, todo: str) -> None:
        self.found, self.expected, self.todo = hidden(found), hidden(expected), hidden(todo)
        super().__init__(f"{self.found}\n  expected: {self.expected}\n  to do:    {self.todo}")


class UsageError(LoopError):
    """A command that was called in a wrong way."""

    code = 2


def guard(main: Callable[[], None]) -> None:
    """Run `main`; turn a user's mistake into one message on stderr and its exit code."""
    hide_in_logs()
    try:
        main()
    except KeyboardInterrupt:
        _exit(INTERRUPTED, 130)
    except Exception as error:
        if _was_interrupted(error):
            _exit(INTERRUPTED, 130)
        found = mistake(error)
        if found is None or debugging():
            print(hidden(traceback.format_exc().rstrip()), file=sys.stderr)
            sys.exit(1 if found is None else found.code)
        _exit(f"error: {found}", found.code)


def first_line(error: BaseException, longest: int = 300) -> str:
    """What an error says, without passwords; its kind where it says nothing."""
    return next(iter(hidden(str(error)).strip().splitlines()), type(error).__name__)[:longest]


def debugging() -> bool:
    """Whether tracebacks are asked for, by `loop --debug` or LOOP_DEBUG=1."""
    return os.environ.get("LOOP_DEBUG") == "1"


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether a library, cleaning up after Ctrl-C, met an error of its own; of DuckDB there is no other."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or str(error) == "Query interrupted":
            return True
        error = error.__context__
    return False


def mistake(error: BaseException) -> LoopError | None:
    """The user's mistake behind an exception; None for a fault of ours."""
    if told := _told(error):
        return told
    if _disk_is_full(error):
        return LoopError(
            f"the disk is full ({error})",
            "room for the data, the model and DVC's cache, about 500 MB",
            "free some space (`dvc gc --workspace` drops what no stage uses), then run again",
        )
    if isinstance(error, MemoryError):
        return LoopError(
            f"memory is not enough: {first_line(error)}",
            "numbers of params.yaml, and rows, that this machine can hold",
            "take smaller ones, or a larger machine (docs/scale.md)",
        )
    if place := _in_problem(error):
        said = error.msg if isinstance(error, SyntaxError) else hidden(" ".join(str(error).split()))[:300]
        return LoopError(
            f"{place}: {type(error).__name__}: {said}",
            "code in src/problem that loads and runs",
            "fix it there, then run again; `loop --debug COMMAND` shows the traceback",
        )
    if isinstance(error, OSError) and error.filename and not isinstance(error, BlockingIOError):
        return LoopError(
            f"{error.filename}: {error.strerror}",
            "a path that is there, and may be read and written",
            "fix the path or its permissions",
        )
    return None


def _told(error: BaseException) -> LoopError | None:
    """What was raised as a mistake: by the kit as an error of its own, since it imports nothing of ours."""
    if isinstance(error, ValueError) and hasattr(error, "expected") and hasattr(error, "todo"):
        return LoopError(str(error), error.expected, error.todo)
    return error if isinstance(error, LoopError) else None


def _in_problem(error: BaseException) -> str | None:
    """File and line of src/problem where an exception came from; None for one of ours."""
    if isinstance(error, SyntaxError):
        return _named(error.filename, error.lineno)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):  # the innermost of either
        if place := _named(frame.filename, frame.lineno):
            return place
        file = Path(frame.filename)
        if file.is_relative_to(OURS) and not file.is_relative_to(OURS / "kit"):  # which does as it is told
            break
    if isinstance(error, ImportError):  # of what we look for there
        return _named(error.path or str(PROBLEM)) if (error.name or "").split(".")[0] == "problem" else None
    asked = error.obj if isinstance(error, AttributeError) else None
    return _named(asked.__file__) if isinstance(asked, ModuleType) else None


def _named(file: str | None, line: int | None = None) -> str | None:
    """A place in src/problem, as people write it; None for one that lies elsewhere."""
    if file is None or not Path(file).is_relative_to(PROBLEM):
        return None
    where = Path(file).relative_to(OURS.parents[1]).as_posix()
    return f"{where}, line {line}" if line else where


def _disk_is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if any(text in str(error) for text in _FULL_TEXTS):
            return True
        error = error.__cause__ or error.__context__
    return False


def _exit(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)
