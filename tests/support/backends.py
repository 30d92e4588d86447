"""Model servers as small as they can be, in threads, which behave or misbehave as they are told."""

import http.client
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Backend:
    """A server that answers by its name, and keeps what it was asked: path, request id and body."""

    name: str
    how: str = "well"  # or: hang, nothing, garbage, or a status
    host: str = "127.0.0.1"
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    instead_of: list[str | None] = field(default_factory=list)  # the challenger's version, of each request

    def __post_init__(self) -> None:
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                backend.asked.append((self.path, self.headers["X-Request-Id"], body))
                backend.instead_of.append(self.headers["X-Loop-Fallback"])
                if backend.how == "hang":
                    backend.end.wait(8)
                    self.close_connection = True
                    return
                if backend.how == "nothing":
                    self.close_connection = True
                    return
                if backend.how == "garbage":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\x00\x01 no header\r\n\r\n{}")
                    self.close_connection = True
                    return
                status = int(backend.how) if backend.how.isdigit() else 200
                text = json.dumps({"by": backend.name, "status": status}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.send_header("X-Request-Id", self.headers["X-Request-Id"])
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST  # noqa: N815 - the name that http.server asks for

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self.end = threading.Event()
        self._server = Server((self.host, 0), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """No longer listen, nor answer on connections that are open."""
        self.how = "nothing"
        self.end.set()
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True)
class Answer:
    """What a caller gets."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def by(self) -> str:
        """The name of the backend."""
        return str(json.loads(self.body)["by"])

    @property
    def version(self) -> str | None:
        """What the proxy says of who answered."""
        return self.headers.get("x-model-version")


class Backends:
    """Servers by name, made where they are first asked for."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self._made: dict[str, Backend] = {}

    def __call__(self, name: str, how: str = "well") -> Backend:
        """The one of a name, which behaves so from now on."""
        if name not in self._made:
            self._made[name] = Backend(name, host=self._host)
        self._made[name].how = how
        return self._made[name]

    def stop(self) -> None:
        """End them all."""
        for backend in self._made.values():
            backend.stop()

    def forget(self) -> None:
        """As if nobody had asked them yet."""
        for backend in self._made.values():
            backend.asked.clear()
            backend.instead_of.clear()


class Client:
    """A caller that keeps its connection, and sends some headers with each request."""

    def __init__(self, port: int, host: str = "127.0.0.1", **always: str) -> None:
        self.connection = http.client.HTTPConnection(host, port, timeout=120)
        self._always = always

    def ask(
        self, path: str = "/predict", body: bytes = b"{}", method: str = "POST", **headers: str
    ) -> Answer:
        """One answer."""
        named = {name.replace("_", "-"): value for name, value in (self._always | headers).items()}
        started = time.monotonic()
        self.connection.request(method, path, body, {"Content-Type": "application/json"} | named)
        answer = self.connection.getresponse()
        read = answer.read()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, read, time.monotonic() - started)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(what, seconds: float = 120.0) -> bool:
    """Whether it comes true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.02)
    return bool(what())
