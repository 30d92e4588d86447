"""A limit of time for work on what strangers wrote, wherever it hangs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_AGAIN = 1.0  # seconds: where Python calls a finalizer or a callback of its collector, an error is dropped


class _Late(BaseException):
    """No handler of errors in the block takes it for one of its own."""


@contextmanager
def within(seconds: float, late: Exception) -> Iterator[None]:
    """Raise `late` in the block once it has taken so long. For the main thread of a process, not nested.

    The alarm comes again each second until the block ends, so that one that was dropped does not matter.
    """
    ended = False

    def stop(*_: object) -> None:
        if not ended:
            raise _Late

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
        yield
        ended = True
    except _Late:
        ended = True
        raise late from None
    finally:
        ended = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
