"""Files of DVC's that it could not read are said before it runs, in one message."""

from pathlib import Path

import pytest

from loop.base.errors import LoopError
from loop.repo import dvc_files

GOOD = b"[core]\n    analytics = false\n['remote \"a\"']\n    url = s3://x, y\n"


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)


@pytest.mark.parametrize(
    ("name", "text", "found", "todo"),
    [
        ("config", b"<<<<<<< HEAD\n" + GOOD, "config, line 1: a merge left", "edit .dvc/config"),
        ("config", b"[core\n", "line 1", "git checkout .dvc/config"),
        ("config.local", b"\xff\xfe", "0xff", "remove .dvc/config.local"),
        ("tmp/rwlock", b'{"a": ', "was cut off", "rm .dvc/tmp/rwlock"),
    ],
)  # fmt: skip
def test_what_dvc_cannot_read_is_named_with_what_to_do(tmp_path, name, text, found, todo):
    (tmp_path / ".dvc" / name).write_bytes(text)
    with pytest.raises(LoopError, match=found) as error:
        dvc_files.check()
    assert todo in error.value.todo


def test_what_dvc_writes_is_taken(tmp_path):
    dvc_files.check()
    (tmp_path / ".dvc/config").write_bytes(GOOD)
    for text in (b"", b'{"data/raw": {"write": {"pid": 1, "cmd": "dvc repro"}}}'):
        dvc_files.LOCK.write_bytes(text)
        dvc_files.check()


LINK, FOLDER = (lambda path: path.symlink_to("nowhere")), Path.mkdir


@pytest.mark.parametrize(
    ("name", "instead"),
    [("config", FOLDER), ("config", LINK), ("config.local", LINK), ("tmp/rwlock", FOLDER)],
)
def test_what_lies_in_the_place_of_a_file_is_named_before_dvc_stumbles_on_it(tmp_path, name, instead):
    instead(tmp_path / ".dvc" / name)
    with pytest.raises(OSError, match=name):
        dvc_files.check()
