"""A port that cannot be had is one message, with one that this user may try instead."""

import pytest

from loop.base import port
from loop.base.errors import LoopError


@pytest.mark.parametrize(
    ("asked", "instead"), [(80, "8080"), (5000, "5001"), (65535, "8080"), (70000, "8080")]
)
def test_a_port_below_1024_is_roots_and_none_is_above_65535(monkeypatch, asked, instead):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.bind", refuse, raising=False)
    with pytest.raises(LoopError) as caught:
        port.free("127.0.0.1", asked, "loop serve --port ")
    assert caught.value.todo.startswith(f"`loop serve --port {instead}`")
