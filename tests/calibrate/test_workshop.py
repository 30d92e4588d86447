"""Work that was stopped goes on from what is done, and a piece is whole or not there."""

from pathlib import Path

import pytest

from loop.base import files
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
        assert [path.read_text() for path in shop.each("more", made, ["d", "e"])] == ["d", "e"]
        with pytest.raises(TypeError):
            shop.each("pieces", print_nothing, ["f", "g"])


def print_nothing(folder: Path, name: str) -> None:
    raise TypeError(name)
