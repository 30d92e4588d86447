"""A port of this machine that can be listened on, or a message that names another."""

import socket

from loop.base.errors import LoopError


def free(host: str, port: int, other: str) -> None:
    """Raise LoopError for a port that this user cannot have; `other` is how to ask for another."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((host, port))
        except (OSError, OverflowError) as error:
            instead = port + 1 if 1023 < port < 65535 else 8080  # below are root's
            raise LoopError(
                f"{host}:{port} cannot be listened on: {getattr(error, 'strerror', error)}",
                "a free port of this machine",
                f"`{other}{instead}`, or stop what listens there",
            ) from None
