"""A server in this process: the model of the finished repository, a filled store, an empty log."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Repo, shared
from loop.serve import loaded_model, materialize
from loop.serve.server import Server
from loop.settings import serve_settings
from support.http_client import Client


@pytest.fixture(scope="session")
def place(finished: Repo, tmp_path_factory: pytest.TempPathFactory) -> serve_settings.Place:
    """A feature store that is filled, and an empty prediction log."""
    folder = tmp_path_factory.mktemp("place")
    environment = {"LOOP_FEATURES": str(folder / "online"), "LOOP_PREDICTIONS": str(folder / "predictions")}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished.path)
        patch.setenv("LOOP_FEATURES", environment["LOOP_FEATURES"])
        materialize.main(None)
    return serve_settings.place(environment)


@pytest.fixture(scope="session")
def libraries(finished: Repo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the machine code of its model is, compiled once for all workers."""

    def make(path: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(finished.path)
            loaded_model.load(folder=path)

    return shared(tmp_path_factory, "compiled", make).path


@pytest.fixture(scope="session")
def model(finished: Repo, libraries: Path) -> loaded_model.Model:
    """The model of the finished repository."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished.path)
        return loaded_model.load(folder=libraries)


@pytest.fixture(scope="session")
def server(finished: Repo, place: serve_settings.Place, model: loaded_model.Model) -> Iterator[Server]:
    """One for all tests: a process counts for one server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished.path)
        made = Server(serve_settings.params(), place, model)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def client(server: Server) -> Client:
    return Client(server)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Redis of this test session."""
    if (server := shutil.which("redis-server")) is None:
        pytest.skip("no redis-server: on Debian, apt install redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    running = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        running.terminate()
        running.wait(timeout=120)
