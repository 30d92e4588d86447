"""Counters: shared by the processes of a server, and none of them ends a process on a full disk."""

import os

import pytest
from prometheus_client import values

from loop.serve.counters import Counters

ABOUT = dict.fromkeys(("version", "commit", "engine"), "x")


@pytest.fixture
def shared(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue())
    return tmp_path


def test_counters_have_their_room_on_the_disk_before_they_count(shared):
    """A page of a sparse file that a full disk has not is a bus error: the process ends without a word."""
    noted = Counters(ABOUT, "champion")
    noted.predictions.inc(2)
    files = [path.stat() for path in shared.iterdir()]
    assert len(files) == 4
    assert all(one.st_blocks * 512 >= one.st_size for one in files)
    assert b"loop_predictions_total 2" in noted.text()


def test_on_a_full_disk_a_process_counts_for_itself_and_says_so(shared, caplog):
    (shared / f"counter_{os.getpid()}.db").symlink_to("/dev/full")
    noted = Counters(ABOUT, "champion")
    noted.predictions.inc(2)
    assert b"loop_predictions_total 2" in noted.text()
    assert "No space left" in caplog.text
