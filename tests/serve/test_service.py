"""A server ends with what started it, however early that was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from loop.serve import serve
from support.backends import free_port

WORKER = """
import sys
from importlib.machinery import ModuleSpec
sys.modules["__main__"].__spec__ = ModuleSpec("_bentoml_impl.worker.service", None)
"""
SERVER = """
import threading
from loop.serve import service
service.end_with_others()
print("started", flush=True)
threading.Event().wait()
"""


def gone() -> str:
    """The id of a process that has ended."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    return str(ended.pid)


@pytest.mark.parametrize(
    ("variable", "code"),
    [("LOOP_STARTER", SERVER), ("LOOP_SUPERVISOR", WORKER + SERVER), ("LOOP_STARTER", WORKER + SERVER)],
    ids=["BentoML's own process", "a worker", "a worker whose own parent lives on"],
)
def test_a_process_whose_starter_was_killed_while_it_was_imported_ends(finished, variable, code):
    command = [sys.executable, "-c", code]
    parents = {"LOOP_SUPERVISOR": str(os.getpid())}
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **parents, variable: gone()}
    done = subprocess.run(command, cwd=finished.path, env=env, capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGTERM, done.stderr.decode()[-2000:]


def test_each_server_has_a_folder_of_counters_of_its_own_while_it_runs(monkeypatch):
    """BentoML empties the one of its home: a second server took away what the first had counted."""
    homes = []

    class Ended:
        def __init__(self, _, env, **__) -> None:
            homes.append(Path(env["BENTOML_HOME"]))
            assert homes[-1].is_dir()

        def wait(self) -> int:
            return 0

        poll, terminate = wait, wait

    monkeypatch.setattr(serve.program, "start", Ended)
    monkeypatch.setattr(serve.artifacts, "here", lambda _: "")
    monkeypatch.setattr(serve.signal, "signal", lambda *_: None)
    monkeypatch.setattr("loop.serve.materialize.fill", lambda _: None)
    monkeypatch.setenv("BENTOML_HOME", "of both")
    assert [serve.main("127.0.0.1", free_port()) for _ in range(2)] == [0, 0]
    assert len(set(homes)) == 2
    assert not any(home.exists() for home in homes)
