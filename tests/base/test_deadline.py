"""A limit of time, on work that never ends."""

import signal
import subprocess
from contextlib import suppress

import pytest

from loop.base.deadline import within


def count() -> None:
    """Count for ever."""
    number = 0
    while True:
        number += 1


def unending() -> None:
    """Wait for a program that does not end."""
    subprocess.run(["cat", "/dev/zero"], stdout=subprocess.DEVNULL, check=True)


def swallow() -> None:
    """Go on after the alarm, as Python does where it came in a finalizer or the collector calls back."""
    with suppress(BaseException):
        count()
    count()


def mend() -> None:
    """Take the alarm for an error of one's own."""
    while True:
        with suppress(Exception):
            count()


@pytest.mark.parametrize("work", [count, unending, swallow, mend])
def test_work_that_never_ends_is_given_up(work):
    with pytest.raises(TimeoutError, match="late"), within(0.1, TimeoutError("late")):
        work()


def test_what_ends_in_time_leaves_no_alarm_behind():
    before = signal.getsignal(signal.SIGALRM)
    with within(600, TimeoutError("late")):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before
