"""What a training costs over time: a point a second, and one of its end."""

import threading

import pytest

from loop.model import load_over_time
from loop.model.load_over_time import CPU, MEMORY


def test_it_ends_with_a_point_of_the_end_however_short_it_was():
    instants = iter([100.0, 100.25])
    with load_over_time.watched(3600, clock=lambda: next(instants)) as found:
        assert found == {CPU: [], MEMORY: []}
    assert [at for at, _ in found[CPU]] == [at for at, _ in found[MEMORY]] == [0.25]
    assert found[MEMORY][0][1] > 10


def test_points_come_while_it_runs_and_are_thinned_out(monkeypatch):
    monkeypatch.setattr(load_over_time, "MOST", 4)
    read = threading.Semaphore(0)

    def clock() -> float:
        read.release()
        return 0.0

    with load_over_time.watched(0.001, clock) as found:
        for _ in range(9):
            read.acquire(timeout=600)
    assert 1 < len(found[CPU]) <= 4
    assert len(found[CPU]) == len(found[MEMORY])


def test_no_thread_is_left_where_the_training_fails():
    with pytest.raises(ZeroDivisionError), load_over_time.watched(3600):
        raise ZeroDivisionError
    assert "load over time" not in {one.name for one in threading.enumerate()}
