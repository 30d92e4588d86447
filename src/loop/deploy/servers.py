"""The model servers of this host, as processes or containers: started, found again, stopped.

Each has a record of its own in `servers/`, written as soon as it runs: whoever comes later finds it by
process id and start, or by container id, and never touches what took over an id.
"""

import json
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from loop.base import program
from loop.base.errors import LoopError
from loop.base.files import write_json
from loop.deploy import docker
from loop.deploy import version_home as home
from loop.deploy.docker import SECRETS
from loop.deploy.process import Process
from loop.production.state import Challenger, Champion
from loop.repo.worktree import Checkout
from loop.settings.serve_settings import Place, place

PORTS = range(20100, 21000)  # below those that a system gives to callers
READY = 120.0  # seconds in which a server must be ready
PATIENCE = 10.0  # seconds in which one that was ready must say so again, or it is replaced
FALLEN = 3  # workers that may end as they start; bentoml starts another for each, for ever
STOP = 15  # seconds in which it may end by itself
LAST_LINES = 15  # last lines of a server's log in an error


Model = Champion | Challenger


@dataclass(frozen=True)
class Server:
    """A server that was started: of which version, in which role, where; as a process or a container."""

    version: int
    role: str
    commit: str
    port: int
    process: Process | None = None
    container: str | None = None

    @property
    def key(self) -> tuple[int, str, str, bool]:
        """What tells it from one that would have to be started anew."""
        return self.version, self.role, self.commit, self.container is not None

    @property
    def url(self) -> str:
        """Where it answers, to this host alone."""
        return f"http://127.0.0.1:{self.port}"

    def alive(self) -> bool:
        """Whether it runs."""
        if self.container:
            return docker.runs(self.container)
        return self.process is not None and self.process.alive()


RECORD = TypeAdapter(Server)


class Servers:
    """The servers whose records are below a folder; with `log` they write predictions there."""

    def __init__(self, folder: Path, log: Path | None = None) -> None:
        self.folder, self._predictions = folder.absolute(), log
        self._records = self.folder / "servers"

    def running(self) -> list[Server]:
        """Those that run. Records of others are removed, unless workers of theirs still answer."""
        found = []
        for path, server in self._recorded():
            if server is None:
                path.unlink()  # a power cut left it half-written
            elif server.alive():
                found.append(server)
            elif not self._orphans(server):
                self._forget(server)
        return found

    def clear(self) -> None:
        """End the workers of servers that were killed: they went on answering, and nobody needs them now."""
        for _, server in self._recorded():
            if server is not None and not server.alive():
                for worker in self._orphans(server):
                    worker.stop(STOP)
                self._forget(server)

    def answers(self, server: Server, model: Model) -> bool:
        """Whether one that runs is ready with the model, and does not hang or end again and again.

        The files of a process are as its version has them: a worker that is started anew reads them.
        """
        until = time.monotonic() + PATIENCE
        while _get(f"{server.url}/readyz")[0] != 200:
            if time.monotonic() > until or not server.alive():
                return False
            time.sleep(0.1)
        try:
            self._check(server, model)
        except LoopError:
            return False
        whole = server.container is not None or home.holds(model, self.folder)
        return whole and server.alive()  # what was just killed is answered for by its workers, for a moment

    def start(self, model: Model, role: str, *, containers: bool) -> Server:
        """Start a server of a model in a role; it is not ready yet. Raises LoopError."""
        self._records.mkdir(parents=True, exist_ok=True)
        port = _free_port({server.port for server in self.running()})
        own = home.bring(model, self.folder, model=not containers)
        where = place()
        if self._predictions is not None:
            where = replace(where, predictions=self._predictions)
        for folder in (where.predictions, *([] if "://" in where.features else [Path(where.features)])):
            folder.mkdir(parents=True, exist_ok=True)
        server = Server(model.version, role, model.commit, port)
        if containers:
            server = replace(server, container=docker.run(model, port, _settings(server, where)))
        else:
            server = replace(server, process=self._spawn(own, server, where))
        try:
            write_json(self._records / f"{_name(server)}.json", asdict(server))
            _fill(own, where)
        except BaseException:  # a full disk too: what has no record would run for ever
            self.stop(server)
            raise
        return server

    def wait(self, server: Server, model: Model) -> None:
        """Until it is ready, and seen to serve the model. Raises LoopError with the end of its log."""
        until = time.monotonic() + READY
        workers: set[Process] = set()
        while time.monotonic() < until and server.alive():
            if _get(f"{server.url}/readyz")[0] == 200:
                return self._check(server, model)
            workers |= set(server.process.children()) if server.process else set()
            if sum(not worker.alive() for worker in workers) >= FALLEN:
                break
            time.sleep(0.1)
        late = server.alive() and time.monotonic() >= until
        how = f"is not ready after {READY:.0f} seconds" if late else "ended as it started"
        raise LoopError(
            f"the server of version {server.version} as {server.role} {how}:\n{self._last_lines(server)}",
            "a server that gets ready",
            f"look at {self._log(server)}, or at its commit {server.commit[:12]}",
        )

    def stop(self, server: Server) -> None:
        """End it: it answers what it was asked, and writes its log."""
        if server.container:
            docker.stop(server.container, STOP)
        elif server.process:
            server.process.stop(STOP)
        self._forget(server)

    def _spawn(self, own: Checkout, server: Server, where: Place) -> Process:
        scratch = self._records / _name(server)
        environment = own.environment() | _settings(server, where) | {"BENTOML_HOME": str(scratch)}
        with self._log(server).open("wb") as log:
            started = program.start(
                [*own.entry("serve"), "--host", "127.0.0.1", "--port", str(server.port)],
                cwd=own.path,
                env={"OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "True", **environment},
                stdin=program.NOTHING,
                stdout=log,
                stderr=log,
                session=True,
            )
        return Process.of(started.pid)

    def _check(self, server: Server, model: Model) -> None:
        token = place().token
        status, text = _get(f"{server.url}/model", token)
        served = json.loads(text).get("sha256") if status == 200 else f"unknown ({status})"
        if served != model.model:
            raise LoopError(
                f"the server of version {server.version} serves the model {str(served)[:12]}",
                f"{model.model[:12]}, as it was released",
                "release it again",
            )

    def _recorded(self) -> list[tuple[Path, Server | None]]:
        """Each record, and what it says; None for one that cannot be read."""
        found: list[tuple[Path, Server | None]] = []
        for path in sorted(self._records.glob("*.json")):
            try:
                found.append((path, RECORD.validate_json(path.read_bytes())))
            except ValueError:
                found.append((path, None))
        return found

    def _orphans(self, server: Server) -> list[Process]:
        home = self.folder / "versions" / str(server.version)
        return server.process.orphans(home) if server.process else []

    def _last_lines(self, server: Server) -> str:
        if server.container:
            lines = docker.last_lines(server.container, LAST_LINES)
        else:
            lines = self._log(server).read_text(errors="replace").splitlines()
        return "\n".join(f"    {line[:300]}" for line in lines[-LAST_LINES:])

    def _log(self, server: Server) -> Path:
        return self._records / f"{server.version}-{server.role}.log"

    def _forget(self, server: Server) -> None:
        (self._records / f"{_name(server)}.json").unlink(missing_ok=True)
        shutil.rmtree(self._records / _name(server), ignore_errors=True)
        if server.container:
            docker.remove(server.container)


def _name(server: Server) -> str:
    return f"{server.version}-{server.role}-{server.port}"


def _settings(server: Server, where: Place) -> dict[str, str]:
    """The variables of a process: its role, and the same places and secrets for all servers of the host."""
    features = where.features if "://" in where.features else str(Path(where.features).absolute())
    variables = {
        "LOOP_ROLE": server.role,
        "LOOP_COMMIT": server.commit,
        "LOOP_PREDICTIONS": str(where.predictions.absolute()),
        "LOOP_FEATURES": features,
    }
    for name in SECRETS:
        if name in os.environ:
            variables[name] = os.environ[name]
        if file := os.environ.get(f"{name}_FILE"):
            variables[f"{name}_FILE"] = str(Path(file).resolve())
    return variables


def _fill(own: Checkout, where: Place) -> None:
    """Fill the feature store of a version's own definition if it is empty, by its own code."""
    server = Server(int(own.path.name), "champion", "", 0)
    with own.lent():
        done = program.ask(
            [*own.entry("loop"), "materialize", "--if-empty"],
            seconds=900,
            cwd=own.path,
            env=own.environment() | _settings(server, where),
        )
    if done.code:
        raise LoopError(
            f"the feature store of version {own.path.name} cannot be filled: {done.gist()}",
            "features that its model can be asked with",
            f"`dvc pull` brings a table that DVC keeps; else run `loop materialize` in {own.path}",
        )


def _free_port(taken: Iterable[int]) -> int:
    for port in PORTS:
        with socket.socket() as probe, suppress(OSError):
            if port not in taken:
                probe.bind(("127.0.0.1", port))
                return port
    raise LoopError(
        "no port is free for another server", f"one of {PORTS.start} to {PORTS.stop - 1}", "free one"
    )


def _get(url: str, token: bytes | None = None) -> tuple[int, str]:
    """Status and text; 0 where nobody answers."""
    headers = {"Authorization": f"Bearer {token.decode()}"} if token else {}
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - a server of our own
        with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""
