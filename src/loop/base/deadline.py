"""A limit of time for work on what strangers wrote, wherever it hangs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def within(seconds: float, late: Exception) -> Iterator[None]:
    """Raise `late` in the block once it has taken so long. For the main thread of a process, not nested."""

    def stop(*_: object) -> None:
        raise late

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
