"""What a user's mistake looks like: found, expected, what to do. Caught once, here.

A traceback is shown only with LOOP_DEBUG=1, or for a fault that is ours.
"""

import errno
import os
import sys
from collections.abc import Callable

INTERRUPTED = "interrupted: nothing half-written is kept; run the same command again"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_TEXTS = ("No space left on device", "disk is full", "File too large")


class LoopError(Exception):
    """A mistake that the user can fix: what was found, what was expected, what to do next."""

    def __init__(self, found: str, expected: str, todo: str) -> None:
        self.found, self.expected, self.todo = found, expected, todo
        super().__init__(f"{found}\n  expected: {expected}\n  to do:    {todo}")


def guard(main: Callable[[], None]) -> None:
    """Run `main`; turn a user's mistake into one message on stderr and exit code 1."""
    try:
        main()
    except KeyboardInterrupt:
        _exit(INTERRUPTED, 130)
    except Exception as error:
        if _was_interrupted(error):
            _exit(INTERRUPTED, 130)
        mistake = _mistake(error)
        if mistake is None or os.environ.get("LOOP_DEBUG") == "1":
            raise
        _exit(f"error: {mistake}", 1)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether a library, cleaning up after Ctrl-C, met an error of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


def _mistake(error: Exception) -> LoopError | None:
    if isinstance(error, LoopError):
        return error
    if _disk_is_full(error):
        return LoopError(
            f"the disk is full ({error})",
            "room for the data, the model and DVC's cache, about 500 MB",
            "free some space (`dvc gc --workspace` drops what no stage uses), then run again",
        )
    if isinstance(error, OSError) and error.filename and not isinstance(error, BlockingIOError):
        return LoopError(
            f"{error.filename}: {error.strerror}",
            "a path that is there, and may be read and written",
            "fix the path or its permissions",
        )
    return None


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
