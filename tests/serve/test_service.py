"""A server ends with what started it, however early that was killed."""

import os
import signal
import subprocess
import sys

import pytest

from conftest import ROOT

WORKER = """
import sys
from importlib.machinery import ModuleSpec
sys.modules["__main__"].__spec__ = ModuleSpec("_bentoml_impl.worker.service", None)
"""
SERVER = """
import threading
from loop.serve import service
service.end_with(service.parent())
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
    [("LOOP_STARTER", SERVER), ("LOOP_SUPERVISOR", WORKER + SERVER)],
    ids=["BentoML's own process", "a worker"],
)
def test_a_process_whose_starter_was_killed_while_it_was_imported_ends(finished, variable, code):
    command = [sys.executable, "-c", code]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), variable: gone()}
    done = subprocess.run(command, cwd=finished.path, env=env, capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGTERM, done.stderr.decode()[-2000:]
