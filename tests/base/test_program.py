"""Another program is run in one place: bounded in time, and its end is one error that says what to do."""

import ast
import os
import signal
import sys
import time

import pytest

from conftest import ROOT
from loop.base import program
from loop.base.errors import LoopError

PYTHON = [sys.executable, "-c"]


def test_nothing_else_calls_subprocess():
    files = [path for path in (ROOT / "src").rglob("*.py") if path != ROOT / "src/loop/base/program.py"]
    calls = {
        path.relative_to(ROOT).as_posix()
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        if name in ("subprocess", "os.popen", "pty")
    }
    assert not calls


def test_an_answer_has_code_output_and_errors():
    done = program.ask(
        [*PYTHON, "import sys; print('a'); print('b', file=sys.stderr); sys.exit(3)"], seconds=60
    )
    assert (done.code, done.out, done.errors) == (3, "a\n", "b\n")


def test_input_is_passed_on_and_none_is_empty():
    read = [*PYTHON, "import sys; print(repr(sys.stdin.read()))"]
    assert program.ask(read, seconds=60, text="ä").out == "'ä'\n"
    assert program.ask(read, seconds=60).out == "''\n"


def test_a_program_that_fails_is_reported_by_its_own_words():
    with pytest.raises(LoopError, match="the disk is full") as caught:
        program.run(
            [*PYTHON, "import sys; sys.exit('error: the disk is full')"], seconds=60, todo="free some"
        )
    assert caught.value.todo == "free some"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "warning: w\nfatal: Could not read it.\n\nPlease make sure\nof your rights.\n",
            "fatal: Could not read it.",
        ),
        ("fatal: git's\nerror: ours\n  expected: more\n", "ours"),
        ("one\ntwo\n", "two"),
        ("", "it said nothing"),
    ],
)
def test_of_an_output_the_line_that_says_what_went_wrong_is_reported(output, said):
    """Advice that follows it is not."""
    assert program.gist(output) == said


def test_a_program_that_is_not_there_is_one_message_though_a_part_of_path_is_locked(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir(mode=0)
    monkeypatch.setenv("PATH", f"{tmp_path / 'locked'}:{os.environ['PATH']}")
    with pytest.raises(LoopError, match="no-such-program is not installed"):
        program.ask(["no-such-program"], seconds=1)


def test_a_folder_that_is_not_there_is_not_taken_for_a_missing_program(tmp_path):
    with pytest.raises(LoopError, match="cannot start"):
        program.ask([*PYTHON, ""], seconds=60, cwd=tmp_path / "gone")


@pytest.mark.parametrize("how", [program.ask, program.run, program.follow])
def test_a_program_that_hangs_is_killed_in_time(how):
    started = time.monotonic()
    with pytest.raises(LoopError, match="did not end within 1 s"):
        how([*PYTHON, "import time; time.sleep(600)"], seconds=1)
    assert time.monotonic() - started < 300


def test_a_grandchild_that_keeps_the_pipe_open_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(program, "_DRAIN", 0.2)
    child = (
        "import subprocess as s, sys, time; s.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    started = time.monotonic()
    with pytest.raises(LoopError, match="did not end"):
        program.ask([*PYTHON, f"{child}; time.sleep(600)"], seconds=2)
    assert time.monotonic() - started < 50


def test_lines_are_shown_as_they_come():
    seen = []
    code = program.follow([*PYTHON, "print('a'); print('b')"], seen.append, seconds=60)
    assert (code, seen) == (0, ["a\n", "b\n"])


def test_bytes_that_are_no_text_are_an_answer_too():
    done = program.ask([*PYTHON, "import sys; sys.stdout.buffer.write(b'\\xff')"], seconds=60)
    assert (done.raw, done.out) == (b"\xff", "\ufffd")


def test_a_program_ended_by_a_signal_has_failed():
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert program.ask([*PYTHON, kill], seconds=60).code == -signal.SIGKILL


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "ERROR: output 'data/raw' is tracked by Git\n    git commit -m 'stop tracking data/raw'\n",
            "data/raw' is",
        ),
        (
            "fatal: Could not read.\n\nPlease make sure you have the rights\nand it exists.\n",
            "fatal: Could not",
        ),
        ("error: train: no rows\nERROR: failed to reproduce 'train'\n", "train: no rows"),
        ("Traceback\nValueError: 5\n", "ValueError: 5"),
        ("", "it said nothing"),
    ],
)
def test_the_gist_is_the_line_that_says_what_went_wrong_not_the_advice_below_it(text, told):
    assert told in program.gist(text)
