"""Imports the libraries when it is first asked, then forks itself into each command that a client names."""

import atexit
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from typing import Any

LIBRARIES = (
    "dvc.cli", "dvc.cli.parser", "dvc.commands.repro", "dvc.commands.status", "dvc.repo", "dvc.api",
    "mlflow", "mlflow.tracking.client", "mlflow.store.tracking.sqlalchemy_store",
    "alembic.command", "sqlalchemy.dialects.sqlite",
    "numpy", "pandas", "pyarrow.parquet", "duckdb", "ibis", "ibis.backends.duckdb", "pandera.pandas",
    "scipy.stats", "sklearn.compose", "sklearn.ensemble", "sklearn.linear_model", "sklearn.pipeline",
    "sklearn.inspection", "sklearn.isotonic", "sklearn.datasets", "skops.io", "threadpoolctl",
    "matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg",
    "jinja2", "pydantic", "requests", "typer", "yaml",
)  # fmt: skip

EDITABLE = [path for path in sys.path if path.endswith("/src")]  # where this environment has the project


def load() -> None:
    """Import what commands use; what is not there costs them the time to miss it."""
    for name in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # pages that no fork needs to copy


def serve(file: int, tests: int) -> dict[str, Any]:
    """Answer until the tests have ended; returns in a fork, with what it is to be."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=file) as listening:
        listening.settimeout(2)
        loaded = False
        while os.getppid() == tests:
            try:
                client, _ = listening.accept()
            except TimeoutError:
                continue
            if not loaded:
                load()
                loaded = True
            if os.fork() == 0:
                listening.close()
                return answer(client)
            client.close()
    sys.exit()


def answer(client: socket.socket) -> dict[str, Any]:
    """Tell how the command of a client ended, pass signals to it, and end it where the client is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    client.settimeout(None)
    head, files, _, _ = socket.recv_fds(client, 4, 3)
    with client.makefile("rb") as stream:
        asked: dict[str, Any] = json.loads(stream.read(int.from_bytes(head, "big")))
    process = os.fork()
    if process == 0:
        client.close()
        return asked | {"files": files}
    for file in files:
        os.close(file)
    ended = os.pidfd_open(process)
    while ended not in (ready := select.select([ended, client], [], [])[0]):
        sent = client.recv(1) if ready else b""
        os.kill(process, sent[0] if sent else signal.SIGKILL)
        if not sent:
            break
    _, status, used = os.wait4(process, 0)
    note(asked, used.ru_utime + used.ru_stime)
    with suppress(OSError):
        client.sendall(status.to_bytes(4, "big"))
    os._exit(0)


def note(asked: dict[str, Any], seconds: float) -> None:
    """In the file WARM_LOG, if it is set: what a command of which test cost."""
    environment = asked["environment"]
    if "WARM_LOG" in environment:
        row = {"test": environment.get("PYTEST_CURRENT_TEST"), "argv": asked["argv"], "cpu": seconds}
        with open(environment["WARM_LOG"], "a") as log:
            log.write(json.dumps(row) + "\n")


def become(asked: dict[str, Any]) -> None:
    """Be the command: its folder, environment, files, arguments and paths."""
    os.setsid()
    os.chdir(asked["cwd"])
    os.umask(asked["umask"])
    for number, file in enumerate(asked["files"]):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["environment"])
    eager = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    sys.stdout = _out(1, write_through=eager)
    sys.stderr = _out(2, write_through=eager, errors="backslashreplace", line_buffering=True)
    sys.executable = asked["executable"]
    sys.argv = asked["argv"][:]
    first = os.getcwd() if sys.argv[1:2] == ["-m"] else os.path.dirname(sys.argv[0])
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    others = [path for path in sys.path[1:] if path not in EDITABLE]
    sys.path[:] = [first, *paths, *others, *filter(None, asked["editable"])]
    importlib.invalidate_caches()


def _out(number: int, **more: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(number, "w", closefd=False)), **more)


def run() -> int:
    """Run the module or script that `sys.argv` names; the exit code, or minus a signal."""
    try:
        if sys.argv[1:2] == ["-m"]:
            del sys.argv[:2]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        return -signal.SIGINT
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def leave(code: int) -> None:
    """End as Python does, but for taking the libraries apart."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 255)


if __name__ == "__main__":
    become(serve(int(sys.argv[1]), int(sys.argv[2])))
    leave(run())
