"""The BentoML service: starts a model, its features and its log, and puts the lean front before BentoML.

`bentoml serve loop.serve.service:Service`, from the root of a repository or of a bento. Settings are in
params.yaml (`serve`) and the environment (loop.settings.serve_settings). BentoML's own process reads this
module too, to know how many workers to start: what only a worker needs is imported by the worker.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers with a thread per core wait for one another

import bentoml

from loop.base.errors import debugging, mistake
from loop.settings import serve_settings

if TYPE_CHECKING:
    from loop.serve.app import Front
    from loop.serve.server import Server

STARTER = "LOOP_STARTER"  # the process of `loop serve`, which gives up where a worker cannot start
SUPERVISOR = "LOOP_SUPERVISOR"  # BentoML's own process, as it names itself to the workers that it starts
WORKER = "_bentoml_impl.worker.service"  # what a worker runs
ENDING = 20.0  # seconds in which a process may end by itself
RUNNING: list["Server"] = []  # one per process, from start to stop


def running() -> "Server | None":
    """The server of this process; None until it has started."""
    return RUNNING[0] if RUNNING else None


def end_with(parent: int, every: float = 0.5) -> None:
    """End this process when its parent has ended, by whatever: else it would answer on, and hold the port.

    The parent that it was started by, as it was told: one that is gone by now has another in its place.
    """
    _end_unless(lambda: os.getppid() == parent, every)


def end_with_others() -> None:
    """End this process, which answers, with its parent and with `loop serve`: the parent may be stopped."""
    end_with(parent())
    if starter := os.environ.get(STARTER):
        _end_unless(lambda: _there(int(starter)))


def _there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another's
        pass
    return True


def _end_unless(holds: Callable[[], bool], every: float = 0.5) -> None:
    def watch() -> None:
        while holds():
            time.sleep(every)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ENDING)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _is_worker() -> bool:
    return getattr(getattr(sys.modules["__main__"], "__spec__", None), "name", "") == WORKER


def parent() -> int:
    """The process with which one that answers must end: of a worker the one that named itself to it."""
    return int(os.environ[SUPERVISOR]) if _is_worker() else os.getppid()


if not _is_worker():
    os.environ[SUPERVISOR] = str(os.getpid())
    if starter := os.environ.get(STARTER):
        end_with(int(starter))


class Fronted(bentoml.Service):  # type: ignore[misc]
    """A BentoML service behind our front: what its own does for each request costs more than the model."""

    def to_asgi(self, is_main: bool = True) -> "Front":
        """The application that a worker runs."""
        end_with_others()

        import uvicorn
        from uvicorn.config import HTTP_PROTOCOLS

        from loop.serve.app import Front
        from loop.serve.http1 import Http1, Listener

        Http1.body_max = serve_settings.params().body_kb_max * 1024
        HTTP_PROTOCOLS["auto"] = f"{Http1.__module__}:{Http1.__name__}"  # BentoML lets nobody name one
        uvicorn.Server = Listener  # type: ignore[misc] # nor a server
        return Front(super().to_asgi(is_main), running, serve_settings.place().prefix)


@bentoml.service(
    service_class=Fronted,
    name="loop",
    workers=serve_settings.params().workers,
    logging={"access": {"enabled": False}},  # each request has its line in the prediction log
)
class Service:
    """One model behind one endpoint."""

    def __init__(self) -> None:
        try:
            from loop.serve.server import Server

            self._server = Server.start(serve_settings.params(), serve_settings.place())
        except Exception as error:
            _give_up(error)
            raise
        RUNNING.append(self._server)

    async def __is_ready__(self) -> bool:
        """Whether the model is loaded."""
        return bool(RUNNING)

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def stop(self) -> None:
        """Flush the prediction log."""
        RUNNING.clear()
        self._server.stop()


def _give_up(error: Exception) -> None:
    """End this process with one message, if that is all that a user needs, and tell `loop serve`."""
    found = mistake(error)
    if found is None or debugging():
        return
    print(f"error: {found}", file=sys.stderr, flush=True)
    if starter := os.environ.get(STARTER):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.kill(int(starter), signal.SIGUSR1)
        signal.sigtimedwait({signal.SIGTERM}, 10)  # seconds; one that ends by itself would be replaced
    os._exit(1)
