"""Git over http, by the server that git brings."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit


def answer(
    root: Path, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """The status, headers and body of git's answer about the repositories below a folder."""
    env = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_USER": "token",
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
        "HTTP_GIT_PROTOCOL": headers.get("Git-Protocol", ""),
        "CONTENT_LENGTH": str(len(body)),
    }
    done = subprocess.run(["git", "http-backend"], env=env, input=body, capture_output=True, check=False)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    found = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    return int(found.pop("Status", "200").split()[0]), found, content


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, root: Path, *arguments: object) -> None:
        self._root = root
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _git(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, content = answer(
            self._root, self.command, url.path, url.query, dict(self.headers.items()), body
        )
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self._git()

    def do_POST(self) -> None:
        self._git()


@contextlib.contextmanager
def serve(root: Path) -> Iterator[str]:
    """Serve the repositories below a folder on loopback: the URL of the folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, root)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
