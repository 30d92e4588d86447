"""What callers who mean harm cost others: the memory of a server, and how long its `/readyz` is silent.

Each attack goes on for some seconds against a server of one worker without a token, from a process of its
own on the same cores. Memory is the most that the server's processes held, less what they held before.
"Before" is what the same attack did to a server that had uvicorn's limits alone.
"""

import json
import multiprocessing
import os
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from benchmarks.serving import BIN, ROOT, Server, _copy_params, _run, _running
from benchmarks.timing import Row
from problem import schema

SECONDS, PAUSE = 8.0, 0.1  # of an attack; between two questions whether the server is ready
MB_MAX, SILENT_MAX = 100, 1.0
HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Attack:
    """What each of so many connections sends: first this, then that again and again, up to so many bytes.

    Then it stays as it is, or is closed and opened anew.
    """

    name: str
    connections: int
    first: bytes
    again: bytes
    bytes_max: int
    before: str
    stays: bool = True


def attacks(body: bytes) -> list[Attack]:
    """All of them; `body` is an honest one of a thousand requests."""
    whole = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    page = b"GET /docs.json HTTP/1.1\r\nHost: a\r\n\r\n"
    script = b"GET /static_content/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n"
    mega = 10**6
    return [
        Attack(
            "requests in a row, no answer read",
            100,
            b"",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            mega,
            "7,748 MB, over 60 s",
        ),
        Attack("predictions in a row, no answer read", 100, b"", whole, 4 * mega, "76 MB, 17 s"),
        Attack("a script in a row, no answer read", 100, b"", script, mega, "866 MB, 1 s"),
        Attack("pages in a row, no answer read", 500, b"", page, mega, ""),
        Attack("a page each, opened anew", 500, page, b"", 0, "", stays=False),
        Attack("nothing, opened anew", 500, b"\r\n", b"", 0, "", stays=False),
        Attack("a header without an end", 20, HEAD + b"X: ", b"a" * 10_000, 50 * mega, "934 MB, 34 s"),
        Attack("headers without an end", 20, HEAD, b"X: a\r\n" * 1_000, 50 * mega, "4,869 MB, 20 s"),
        Attack("an address without an end", 20, b"GET /", b"a" * 10_000, 50 * mega, "1,012 MB, 34 s"),
        Attack(
            "a trailer without an end", 20, CHUNKED + b"0\r\nX: ", b"a" * 10_000, 50 * mega, "144 MB, 36 s"
        ),
        Attack(
            "a chunk's extension without an end", 20, CHUNKED + b"1;", b"a" * 10_000, 50 * mega, "0 MB, 1 s"
        ),
        Attack("empty lines without an end", 20, b"", b"\r\n" * 1_000, 50 * mega, "0 MB, 0.1 s"),
        Attack("bodies that do not end", 400, whole[:-1], b"", 0, "103 MB, 0.1 s"),
        Attack(
            "bodies that do not end, opened anew",
            600,
            HEAD + b"Content-Length: %d\r\n\r\n" % mega + b" " * (mega - 1),
            b"",
            0,
            "",
            stays=False,
        ),
        Attack(
            "bodies of a megabyte, opened anew",
            600,
            HEAD + b"Content-Length: %d\r\n\r\n" % mega + body.rjust(mega),
            b"",
            0,
            "",
            stays=False,
        ),
        Attack(
            "a body of a terabyte",
            100,
            HEAD + b"Content-Length: %d\r\n\r\n" % 10**12,
            b"a" * 65_536,
            50 * mega,
            "",
        ),
        Attack("bodies in chunks of a byte", 100, CHUNKED, b"1\r\n \r\n" * 1_000, 50 * mega, "33 MB, 13 s"),
        Attack("heads that do not end", 1_000, HEAD[:40], b"", 0, "3 MB, 0.1 s"),
    ]


def measure(runs: int) -> list[Row]:
    """Memory and the longest silence of `/readyz` under each attack."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "models").symlink_to(ROOT / "models")
        _copy_params(place, 1)
        _run(
            [sys.executable, "-c", "from loop.serve import materialize; materialize.main(None)"], place, ROOT
        )
        server = Server(
            "ours",
            lambda port: [str(BIN / "bentoml"), "serve", "--port", str(port), "loop.serve.service:Service"],
            lambda rows: rows,
            lambda found: found,
        )
        body = json.dumps([dict(schema.REQUEST_EXAMPLES[0])] * 1000).encode()
        return [row for attack in attacks(body) for row in _rows(attack, server, place, runs)]


def _rows(attack: Attack, server: Server, place: Path, runs: int) -> Iterator[Row]:
    found = []
    for _ in range(runs):
        with _running(server, place) as url:
            found.append(_under(attack, url.removesuffix(server.path)))
    what = f"{attack.connections} connections: {attack.name}"
    note = f"before: {attack.before}" if attack.before else ""
    yield Row(f"{what}: memory", [mb for mb, _ in found], goal=MB_MAX, unit="MB", note=note)
    yield Row(f"{what}: silence", [silent for _, silent in found], goal=SILENT_MAX)


def _under(attack: Attack, url: str) -> tuple[float, float]:
    """Memory in MB above that before, and the longest that `/readyz` took."""
    port = int(url.rpartition(":")[2])
    idle, most, silent = _memory(port), 0.0, 0.0
    attacker = multiprocessing.get_context("fork").Process(target=_attack, args=(attack, port), daemon=True)
    attacker.start()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        asked = time.monotonic()
        try:
            ready = requests.get(f"{url}/readyz", timeout=60).ok
        except requests.RequestException:
            ready = False
        silent = max(silent, time.monotonic() - asked if ready else 60.0)
        most = max(most, _memory(port) - idle)
        time.sleep(PAUSE)
    attacker.kill()
    attacker.join()
    return most, silent


def _memory(port: int) -> float:
    """What the processes hold that listen on a port, in MB."""
    listed = [
        one for one in psutil.net_connections("tcp") if one.status == "LISTEN" and one.laddr.port == port
    ]
    held = 0
    for pid in {one.pid for one in listed if one.pid}:
        held += psutil.Process(pid).memory_info().rss
    return held / 1e6


def _attack(attack: Attack, port: int) -> None:
    """Send as fast as the server takes it, on all connections; those that it ends are opened again."""
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    chooser = selectors.DefaultSelector()
    kept: list[socket.socket] = []
    parent = os.getppid()
    for _ in range(attack.connections):
        _open(chooser, attack, port)
    while os.getppid() == parent:  # whatever ends the benchmark ends the attack
        for key, _ in chooser.select(1.0):
            connection: socket.socket = key.fileobj  # type: ignore[assignment]
            waiting, left = key.data
            try:
                sent = connection.send(waiting)
            except BlockingIOError:
                continue
            except OSError:
                chooser.unregister(connection)
                connection.close()
                _open(chooser, attack, port)
                continue
            waiting, left = waiting[sent:], left - sent
            if not waiting and left > 0:
                waiting = attack.again
            if waiting:
                chooser.modify(connection, selectors.EVENT_WRITE, (waiting, left))
            else:
                chooser.unregister(connection)
                if attack.stays:
                    kept.append(connection)
                    continue
                connection.close()
                _open(chooser, attack, port)


def _open(chooser: selectors.BaseSelector, attack: Attack, port: int) -> None:
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex(("127.0.0.1", port))
    chooser.register(connection, selectors.EVENT_WRITE, (attack.first or attack.again, attack.bytes_max))
