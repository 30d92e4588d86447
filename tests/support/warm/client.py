"""Asks the server to be this command, and ends as it does; where a fork would differ, the real one runs."""

import json
import os
import signal
import socket
import sys

IMPORTED = ("OMP_", "OPENBLAS_", "MKL_", "TZ", "LC_", "LANG", "PYTHON")  # read before any code of ours
HERE, NAME = os.path.split(sys.argv[0])
LATER = {"PYTHONPATH", "PYTHONUNBUFFERED"}


def same(one: dict, other: dict) -> bool:
    """Whether two environments import alike."""
    read = [{name: text for name, text in each.items() if name.startswith(IMPORTED)} for each in (one, other)]
    return all(read[0].get(name) == read[1].get(name) for name in (read[0].keys() | read[1].keys()) - LATER)


def can(started: dict) -> bool:
    """Whether a fork of the server is what the real command would be."""
    module = NAME in ("loop", "dvc") or sys.argv[1:2] == ["-m"]
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return (
        module
        and same(started["environment"], dict(os.environ))
        and all(path.endswith("src") for path in paths if path)
    )


def ask(started: dict) -> int:
    """The exit status that the server tells, as `wait` would."""
    asked = {
        "argv": [f"{started['bin']}/{NAME}", *sys.argv[1:]],
        "executable": f"{HERE}/python",
        "cwd": os.getcwd(),
        "environment": dict(os.environ),
        "umask": os.umask(0),
    }
    text = json.dumps(asked).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(f"{HERE}/socket")
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, lambda number, _: server.send(bytes([number])))
        socket.send_fds(server, [len(text).to_bytes(4, "big")], [0, 1, 2])
        server.sendall(text)
        told = server.recv(4)
    return int.from_bytes(told, "big") if told else signal.SIGKILL


def end(status: int) -> None:
    """Leave by the same code or signal."""
    if os.WIFSIGNALED(status):
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))


with open(f"{HERE}/started.json") as file:
    STARTED = json.load(file)
if can(STARTED):
    end(ask(STARTED))
os.execv(f"{STARTED['bin']}/{NAME}", [f"{STARTED['bin']}/{NAME}", *sys.argv[1:]])  # noqa: S606
