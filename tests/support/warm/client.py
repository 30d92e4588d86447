"""Asks the server to be this command, and ends as it does; where a fork would differ, the real one runs."""

import json
import os
import signal
import socket
import sys
from glob import glob

IMPORTED = ("OMP_", "OPENBLAS_", "MKL_", "TZ", "LC_", "PYTHON")  # read before any code of ours
LATER = {"PYTHONPATH", "PYTHONUNBUFFERED"}
HERE, NAME = os.path.split(os.path.abspath(sys.argv[0]))
with open(f"{HERE}/warm.json") as file:
    WARM = json.load(file)


def command() -> list[str]:
    """What runs: a console script and its arguments, or Python with `-m` or with anything else."""
    if NAME == "python" and os.path.basename(sys.argv[1:2][0] if sys.argv[1:] else "") in WARM["scripts"]:
        return sys.argv[1:]  # a script of an environment, by its first line
    return [f"{WARM['bin']}/{NAME}", *sys.argv[1:]]


def alike() -> bool:
    """Whether what is read while libraries are imported is as it was in the server."""
    here, there = dict(os.environ), WARM["environment"]
    names = {name for name in {*here, *there} - LATER if name.startswith(IMPORTED)}
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return all(here.get(name) == there.get(name) for name in names) and all(
        path.endswith("/src") for path in paths if path
    )


def ask(argv: list[str]) -> int:
    """The exit status that the server tells, as `wait` would."""
    (editable,) = glob(f"{os.path.dirname(WARM['bin'])}/lib/python*/site-packages/_editable_impl_loop.pth")
    with open(editable) as file:
        lines = sorted(set(file.read().splitlines()))
    asked = {
        "argv": argv,
        "executable": f"{HERE}/python",
        "cwd": os.getcwd(),
        "environment": dict(os.environ),
        "umask": os.umask(0),
        "editable": [os.path.normpath(os.path.join(os.path.dirname(editable), line)) for line in lines],
    }
    text = json.dumps(asked).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(WARM["socket"])
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


ARGV = command()
STAGE = "".join(ARGV[1:2]).endswith("src/loop/stage.py")
if alike() and (STAGE or os.path.basename(ARGV[0]) in WARM["scripts"] or ARGV[1:2] == ["-m"]):
    end(ask(ARGV[STAGE:]))
os.execv(f"{WARM['real']}/{NAME}", [f"{WARM['bin']}/{NAME}", *sys.argv[1:]])  # noqa: S606
