"""The program of the image: BentoML's server, or its one worker alone where ended containers start again.

BentoML's supervisor keeps the socket open while it starts a worker anew. Callers then wait for nobody, and a
cluster neither sees that a worker died nor sends them to another pod. Alone, a worker is the container's own
process: its port closes as it ends, why it ended is the container's status, and memory holds a process less.
"""

import os
import signal
import socket
import sys
from typing import NoReturn

from loop.settings import serve_settings

RESTARTED = "LOOP_RESTARTED"
SERVICE = "loop.serve.service:Service"
PORT = 3000


def main() -> NoReturn:
    """Serve until it is ended; never returns. Several workers need the supervisor: one reads for another."""
    if os.environ.get(RESTARTED) and serve_settings.params().workers == 1:
        answer()
    os.execvp("bentoml", ["bentoml", "serve", SERVICE, *sys.argv[1:]])  # noqa: S606 - in the image's PATH


def answer(port: int = PORT) -> NoReturn:
    """Be the worker, on a port that nobody is let into before the model is loaded."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # a container's first process else does not hear it
    from _bentoml_impl.worker.service import main as work  # type: ignore[import-untyped]

    with socket.socket() as bound:  # uvicorn listens on it
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("0.0.0.0", port))  # noqa: S104 - of a container
        work([SERVICE, "--fd", str(bound.detach()), "--worker-id", "1"])
    raise AssertionError("BentoML's worker returned")


if __name__ == "__main__":
    main()
