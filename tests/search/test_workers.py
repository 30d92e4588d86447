"""Processes that crash, hang or are killed: the search hears of it, and goes on."""

import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from loop.search.workers import Event, Workers

pytestmark = pytest.mark.slow  # processes that hang, and are ended


def work(pipe: Connection, _folder: Path, _count: int) -> None:
    """Does to itself what the values of a trial say."""
    while True:
        trial, values = pipe.recv()
        pipe.send(Event(trial, fold=0))
        match values["does"]:
            case "hang":
                signal.pause()
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os._exit(3)
            case "fold":
                pipe.send(Event(trial, 0.5, fold=1))
                if pipe.recv():
                    pipe.send(Event(trial, 0.4))
            case _:
                pipe.send(Event(trial, 1.0))


@pytest.fixture
def workers(tmp_path):
    found = Workers(1, tmp_path, 2, seconds=0.2, work=work)
    yield found
    found.stop()


def told(workers: Workers) -> Event:
    """The next event; a process that only begins is no event."""
    while True:
        for event in workers.events():
            return event


@pytest.mark.parametrize(
    ("does", "why"),
    [("hang", "took longer"), ("killed", "SIGKILL: out of memory"), ("exit", "exit code 3")],
)
def test_a_trial_that_takes_its_process_along_fails_alone(workers, does, why):
    workers.give(0, {"does": does})
    assert not workers.free
    event = told(workers)
    assert event.trial == 0
    assert why in event.failed
    workers.give(1, {"does": "well"})
    assert told(workers) == Event(1, 1.0)


@pytest.mark.parametrize("go", [True, False])
def test_after_a_fold_the_search_decides_whether_it_goes_on(workers, go):
    workers.give(0, {"does": "fold"})
    assert told(workers) == Event(0, 0.5, fold=1)
    workers.goes_on(0, go=go)
    if go:
        assert told(workers) == Event(0, 0.4)
    assert workers.free
    workers.give(1, {"does": "well"})
    assert told(workers) == Event(1, 1.0)


def test_all_end_with_the_search(tmp_path):
    found = Workers(2, tmp_path, 2, seconds=60, work=work)
    processes = [one.process for one in found._all]
    found.give(0, {"does": "hang"})
    found.stop()
    assert not any(process.is_alive() for process in processes)
