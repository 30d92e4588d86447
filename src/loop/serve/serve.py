"""serve: the model of this checkout on this machine, with a request to try."""

import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from loop.base import environment, program
from loop.base.port import free
from loop.model import artifacts
from loop.repo import protocol
from loop.settings import serve_settings
from loop.settings.paths import REFERENCE
from problem import schema

PATIENCE = 60.0  # seconds in which a server must be ready


def main(host: str, port: int) -> int:
    """Start the server, fill the feature store if it is empty, print how to ask; the server's exit code."""
    from loop.serve import materialize

    serve_settings.params()
    place = serve_settings.place()
    artifacts.here(REFERENCE)
    free(host, port, "loop serve --port ")
    path = os.pathsep.join(filter(None, [str(Path("src").resolve()), os.environ.get("PYTHONPATH")]))
    defaults = {"OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "True"}
    command = [sys.executable, *protocol.own().entries["serve"]]
    ended: list[int] = []

    def end_with(code: int) -> None:
        ended.append(code)
        sys.exit(code)

    for end in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if end != signal.SIGHUP or signal.getsignal(end) is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(end, lambda *_: end_with(0))
    signal.signal(signal.SIGUSR1, lambda *_: end_with(1))  # a worker that cannot start has said why
    with TemporaryDirectory(
        prefix="loop-serve-"
    ) as own:  # BentoML empties its folder of counters at each start
        folders = {"PYTHONPATH": path, "BENTOML_HOME": own, "LOOP_STARTER": str(os.getpid())}
        server = program.start(
            [*command, "--host", host, "--port", str(port)],
            env=defaults | environment.child(**folders),
            session=True,  # BentoML takes a terminal's SIGHUP for a restart: what ends us is a SIGTERM to it
        )
        try:
            materialize.fill(place.features)  # while the server loads its model
            greeting = (server, host, port, _authorization(place.token is not None))
            threading.Thread(target=_greet, args=greeting, daemon=True).start()
            return min(server.wait(), 1)
        except Exception:
            if not ended:
                raise
            return ended[0]  # a query says of a signal only that it was interrupted
        finally:
            server.terminate()
            server.wait()  # it flushes its log first


def _authorization(secured: bool) -> str:
    """What the printed request must send besides."""
    if not secured:
        return ""
    file = os.environ.get("LOOP_TOKEN_FILE")
    token = f"$(cat {file})" if file else "$LOOP_TOKEN"
    return f'  -H "Authorization: Bearer {token}" \\\n'


def _greet(server: program.Process, host: str, port: int, authorization: str) -> None:
    named = f"[{host}]" if ":" in host else host
    address, until = f"http://{named}:{port}", time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=1):  # noqa: S310 - our own server
                break
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    else:
        return
    body = json.dumps(schema.REQUEST_EXAMPLES[0])
    where = f"Try it at {address}" if authorization else f"Try it here, or in the browser at {address}"
    print(
        f"\nThe model answers. {where}\n\n"
        f"curl '{address}/predict?explain=true' \\\n{authorization}"
        f"  -H 'Content-Type: application/json' \\\n  -d '{body}'\n",
        flush=True,
    )
