"""A user's mistake is one message with what to do; a fault of ours keeps its traceback."""

import errno

import pytest

from loop.base.errors import LoopError, guard


def raising(error):
    def main():
        raise error

    return main


def test_a_mistake_says_found_expected_and_what_to_do_and_exits_with_1(capsys):
    with pytest.raises(SystemExit) as stop:
        guard(raising(LoopError("a cat", "a dog", "call the vet")))
    assert stop.value.code == 1
    output = capsys.readouterr().err
    assert output == "error: a cat\n  expected: a dog\n  to do:    call the vet\n"


def test_an_interrupt_exits_with_130_and_says_that_the_next_run_goes_on(capsys):
    with pytest.raises(SystemExit) as stop:
        guard(raising(KeyboardInterrupt()))
    assert stop.value.code == 130
    assert "run the same command again" in capsys.readouterr().err


def test_an_interrupt_that_a_library_answers_with_an_error_of_its_own_is_an_interrupt(capsys):
    """As a zip archive does, when Ctrl-C comes while a member of it is written."""

    def main():
        try:
            raise KeyboardInterrupt
        finally:
            raise ValueError("an open writing handle")

    with pytest.raises(SystemExit) as stop:
        guard(main)
    assert stop.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_reported_in_plain_words(code, capsys):
    with pytest.raises(SystemExit) as stop:
        guard(raising(OSError(code, "write")))
    assert stop.value.code == 1
    assert "the disk is full" in capsys.readouterr().err


def test_a_full_disk_is_found_behind_the_error_of_a_library(capsys):
    wrapped = RuntimeError("could not write")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(SystemExit):
        guard(raising(wrapped))
    assert "the disk is full" in capsys.readouterr().err


def test_a_fault_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        guard(raising(ZeroDivisionError()))


def test_with_debug_a_mistake_keeps_its_traceback(monkeypatch):
    monkeypatch.setenv("LOOP_DEBUG", "1")
    with pytest.raises(LoopError):
        guard(raising(LoopError("a", "b", "c")))
