"""What stands in place of a file and may never end is refused before any command reads it."""

import os
import sys

import pytest

from loop.base import environment
from loop.base.errors import LoopError
from loop.commands import command_line
from loop.settings import regular_files

FILES = [*map(str, regular_files.READ), "deploy/policy.yaml", "models/lineage.json", "reports/metrics.json"]
OTHERS = {
    "a pipe": (os.mkfifo, "a pipe or a device"),
    "a device by a link": (lambda path: path.symlink_to("/dev/zero"), "by a link to /dev/zero"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("make", "words"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_regular_file_is_named_and_not_read(here, name, make, words):
    make(here / name)
    with pytest.raises(LoopError, match=words) as refused:
        regular_files.check()
    assert str(refused.value).startswith(name)


def test_a_file_and_a_link_to_one_are_files(here):
    (here / "params.yaml").write_text("a: 1\n")
    (here / "dvc.yaml").symlink_to("params.yaml")
    regular_files.check()


def test_each_command_asks_first(here, monkeypatch):
    os.mkfifo(here / "params.yaml")
    monkeypatch.setattr(environment, "tree", lambda _: here)
    monkeypatch.setattr(sys, "argv", ["loop", "run"])
    with pytest.raises(LoopError, match=r"params\.yaml is no regular file"):
        command_line.run()
