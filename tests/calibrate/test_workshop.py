"""Work that was stopped goes on from what is done, and a piece is whole or not there."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from conftest import ROOT
from loop.base import files
from loop.base.errors import LoopError
from loop.calibrate.workshop import Workshop, workshop


class StoppedError(Exception):
    pass


def made(folder: Path, name: str) -> None:
    files.write_text(folder / name, name)


def test_each_piece_is_made_once_and_comes_back_in_order(tmp_path):
    told: list[str] = []
    shop = Workshop(tmp_path, told.append)
    names = ["b", "a", "c"]
    assert [path.read_text() for path in shop.each("pieces", made, names)] == names
    assert told[-1] == "  pieces: 3 of 3"
    shop.each("pieces", lambda *_: pytest.fail("made again"), names)


def test_what_was_stopped_goes_on_from_there(tmp_path):
    asked: list[str] = []

    def until_third(folder: Path, name: str) -> None:
        asked.append(name)
        if len(asked) == 3:
            raise StoppedError
        made(folder, name)

    shop = Workshop(tmp_path, lambda _: None)
    names = [str(number) for number in range(5)]
    with pytest.raises(StoppedError):
        shop.each("pieces", until_third, names)
    shop.each("pieces", until_third, names)
    assert asked == ["0", "1", "2", "2", "3", "4"]


def test_several_processes_make_the_same_and_a_fault_in_one_ends_all(tmp_path):
    with workshop(tmp_path, lambda _: None, processes=2) as shop:
        assert [path.read_text() for path in shop.each("pieces", made, ["a", "b", "c"])] == ["a", "b", "c"]
        assert [path.read_text() for path in shop.each("more", threads, ["d", "e"])] == ["1", "1"]
        with pytest.raises(TypeError):
            shop.each("pieces", print_nothing, ["f", "g"])


def test_a_process_that_is_ended_from_outside_is_one_message(tmp_path):
    ended = pytest.raises(LoopError, match="was ended from outside")
    with workshop(tmp_path, lambda _: None, processes=1) as shop, ended:
        shop.each("pieces", end_at_once, ["a", "b"])


def test_no_process_outlives_one_that_was_killed(tmp_path):
    script = (
        "from pathlib import Path\n"
        "from calibrate.test_workshop import wait_for_ever\n"
        "from loop.calibrate.workshop import workshop\n"
        "if __name__ == '__main__':\n"
        f"    with workshop(Path({str(tmp_path)!r}), print, processes=1) as shop:\n"
        "        shop.each('pieces', wait_for_ever, ['a', 'b'])\n"
    )
    (tmp_path / "main.py").write_text(script)
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT / 'tests'}"}
    with subprocess.Popen([sys.executable, tmp_path / "main.py"], env=env, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"at work\n"
        parent.kill()
        assert parent.communicate(timeout=60)[0] == b"", "its output ends when nobody holds it"


def test_lines_say_what_is_left_of_any_steps():
    told: list[str] = []
    assert list(Workshop(Path(), told.append).follow("steps", iter("abc"), 3)) == ["a", "b", "c"]
    assert told == ["  steps: 3 of 3"]


def threads(folder: Path, name: str) -> None:
    files.write_text(folder / name, os.environ["OMP_NUM_THREADS"])


def end_at_once(folder: Path, name: str) -> None:
    os._exit(9)


def wait_for_ever(folder: Path, name: str) -> None:
    print("at work", flush=True)
    Event().wait()


def print_nothing(folder: Path, name: str) -> None:
    raise TypeError(name)
