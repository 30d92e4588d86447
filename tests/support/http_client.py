"""Asks a server in this process over ASGI, as a client asks it over HTTP."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.serve.app import Front
from loop.serve.server import Server
from problem import schema

EXAMPLE = dict(schema.REQUEST_EXAMPLES[0])


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def nothing_here(scope: Any, receive: Any, send: Any) -> None:
    """In place of BentoML: knows no path."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Client:
    """Asks a front without a network."""

    def __init__(self, server: Server | None) -> None:
        self.app = Front(nothing_here, lambda: server)
        self.server = server

    async def send(
        self, method: str, path: str, body: bytes, headers: dict[str, str], chunk: int | None = None
    ) -> Answer:
        """One request; `chunk` sends the body in parts of so many bytes, without its length."""
        path, _, query = path.partition("?")
        parts = [body[at : at + chunk] for at in range(0, len(body), chunk)] if chunk else [body]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
        if not chunk:
            scope["headers"].append((b"content-length", b"%d" % len(body)))
        waiting = [
            {"type": "http.request", "body": part, "more_body": at + 1 < len(parts)}
            for at, part in enumerate(parts)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def keep(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, keep)
        found = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], found, b"".join(message["body"] for message in sent[1:]))

    def get(self, path: str, **headers: str) -> Answer:
        """GET a path; underscores in names of headers are dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return asyncio.run(self.send("GET", path, b"", named))

    def predict(self, body: Any, path: str = "/predict", chunk: int | None = None, **headers: str) -> Answer:
        """POST a body: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Content-Type": "application/json"} | {n.replace("_", "-"): v for n, v in headers.items()}
        return asyncio.run(self.send("POST", path, data, named, chunk))


def lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of all segments, without their heads."""
    texts = [path.read_text().splitlines()[1:] for path in sorted((folder / "log").iterdir())]
    return [json.loads(line) for some in texts for line in some]
