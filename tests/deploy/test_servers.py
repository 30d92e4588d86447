"""Servers of a host: what hangs or is missing is one message, and who watches goes on."""

import pytest

from loop.base.errors import LoopError
from loop.deploy.servers import Server, Servers


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A docker that does what a test says."""

    def does(script: str) -> None:
        path = tmp_path / "bin/docker"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")

    return does


def test_an_engine_that_hangs_is_an_error_and_no_traceback(docker, monkeypatch):
    docker("exec sleep 600")
    monkeypatch.setattr("loop.deploy.docker.SECONDS", 0.5)
    with pytest.raises(LoopError, match="`docker inspect"):
        Server(1, "champion", "a" * 40, 20100, container="c").alive()


def test_a_docker_that_is_not_there_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LoopError, match="docker is not installed"):
        Server(1, "champion", "a" * 40, 20100, container="c").alive()


def test_what_docker_says_of_a_container_decides(docker):
    docker("echo true")
    assert Server(1, "champion", "a" * 40, 20100, container="c").alive()
    docker("echo no such container >&2; exit 1")
    assert not Server(1, "champion", "a" * 40, 20100, container="c").alive()


def test_a_host_without_servers_has_none(tmp_path):
    assert Servers(tmp_path).running() == []
