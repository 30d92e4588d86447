"""A user's mistake is one message with what to do; a fault of ours keeps its traceback."""

import errno
import importlib
import os
import runpy
import signal
import sys
import threading

import duckdb
import numpy as np
import pytest

from loop.base import errors
from loop.base.errors import LoopError, guard, mistake


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


def test_a_query_that_is_interrupted_is_an_interrupt(capsys):
    """DuckDB says so in an error of its own, which names no signal."""
    query = "SELECT count(*) FROM range(30000000) a, range(30) b WHERE hash(a.range * b.range) % 7 = 0"

    def ask():
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        duckdb.sql(query).fetchall()

    with pytest.raises(SystemExit) as ended:
        guard(ask)
    assert ended.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


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


def test_numbers_that_no_memory_holds_are_a_mistake(capsys):
    with pytest.raises(SystemExit):
        guard(lambda: np.empty(2**50))
    assert "error: memory is not enough: Unable to allocate" in capsys.readouterr().err


def test_a_fault_of_ours_is_not_hidden(capsys):
    with pytest.raises(SystemExit) as ended:
        guard(raising(ZeroDivisionError()))
    assert ended.value.code == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_traceback_shows_no_password(capsys):
    with pytest.raises(SystemExit):
        guard(raising(RuntimeError("no answer of https://user:s3cret@host/path?token=s3cret")))
    assert "https://…@host/path?token=…" in (shown := capsys.readouterr().err)
    assert "s3cret" not in shown


def test_with_debug_a_mistake_keeps_its_traceback(monkeypatch, capsys):
    monkeypatch.setenv("LOOP_DEBUG", "1")
    with pytest.raises(SystemExit):
        guard(raising(LoopError("a", "b", "c")))
    assert "Traceback" in capsys.readouterr().err


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """What is found of `code` of ours on a `problem.metrics` of such a text."""

    def forget():
        names = [name for name in sys.modules if name.split(".")[0] == "problem"]
        return {name: sys.modules.pop(name) for name in names}

    loaded = forget()
    ours, theirs = tmp_path / "src/loop", tmp_path / "src/problem"
    ours.mkdir(parents=True)
    theirs.mkdir()
    (theirs / "__init__.py").touch()
    monkeypatch.setattr(errors, "OURS", ours)
    monkeypatch.setattr(errors, "PROBLEM", theirs)
    monkeypatch.syspath_prepend(tmp_path / "src")

    def found(text, code):
        (theirs / "metrics.py").write_text(text)
        importlib.invalidate_caches()
        (ours / "asking.py").write_text(code)
        with pytest.raises(Exception) as raised:  # noqa: PT011 - of any kind
            runpy.run_path(str(ours / "asking.py"))
        forget()
        return mistake(raised.value)

    yield found
    sys.modules.update(loaded)


ASK = "from problem import metrics\nmetrics.double(2)\n"


@pytest.mark.parametrize(
    ("text", "code", "found"),
    [
        ("\nunknown\n", ASK, "metrics.py, line 2: NameError: name 'unknown' is not defined"),
        ("\ndef (:\n", ASK, "metrics.py, line 2: SyntaxError: invalid syntax"),
        ("import nowhere\n", ASK, "metrics.py, line 1: ModuleNotFoundError: No module named 'nowhere'"),
        ("def double(x):\n    return x['a']", ASK, "metrics.py, line 2: TypeError: 'int' object is not"),
        ("import json\ndouble = lambda _: json.loads('')", ASK, "metrics.py, line 2: JSONDecodeError: "),
        ("open('nowhere.csv')\n", ASK, "metrics.py, line 1: FileNotFoundError: "),
        ("", ASK, "metrics.py: AttributeError: module 'problem.metrics' has no attribute 'double'"),
        ("", "from problem.metrics import double", "metrics.py: ImportError: cannot import name 'double'"),
        ("", "import problem.model", "src/problem: ModuleNotFoundError: No module named 'problem.model'"),
    ],
    ids=lambda value: value[-30:],
)
def test_an_exception_in_src_problem_is_a_mistake_with_its_file_and_line(ask, text, code, found):
    there = ask(text, code)
    assert f"src/problem/{found}".replace("src/problem/src", "src") in there.found
    assert "(metrics.py" not in there.found, "the place is said once"
    assert there.code == 1


def test_what_the_kit_meets_where_src_problem_calls_it_is_of_the_line_that_calls(ask):
    view = errors.OURS / "kit/views.py"
    view.parent.mkdir()
    view.write_text("def latest(column):\n    return {}[column]\n")
    text = f"import runpy\ndouble = lambda _: runpy.run_path({str(view)!r})['latest']('x')"
    assert "metrics.py, line 2: KeyError: 'x'" in ask(text, ASK).found


def test_a_fault_of_ours_that_code_of_src_problem_calls_or_leads_to_is_ours(ask):
    assert ask("", "from problem import metrics\nunknown") is None
    assert ask("def double(ask):\n    return ask()", ASK.replace("2", "lambda: 1 / 0")) is None
