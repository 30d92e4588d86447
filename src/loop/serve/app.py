"""The HTTP of a prediction, on bare ASGI: what a framework does for each request costs more than the model.

What is not here, the pages' files, goes on to BentoML. A refusal is JSON with
field, found and expected; nothing that a caller sends ends as a traceback.
"""

import asyncio
import hmac
import json
import logging
import re
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from pydantic_core import to_json

from loop.serve.request import Problem, RefusedError

if TYPE_CHECKING:
    from loop.serve.server import Server

LOG = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTH = ("/healthz", "/livez", "/readyz")  # asked by machines that have no token
ASSETS = "/static_content/"  # BentoML's copy of the page's scripts
INSTEAD = b"x-loop-fallback"  # of nginx, which takes it from callers: the challenger gave no answer
ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
YES_NO = {"true": True, "1": True, "false": False, "0": False}
JSON = b"application/json"
LONG = 2 * 2**10  # bytes of a body from which on it waits its turn
SHARE = 0.002  # seconds of work for each of which the event loop then has a turn
DRAINED = 4  # times of the longest body that are read of one that is longer
PATIENCE = 30.0  # seconds in which a body must have come
METRICS = b"text/plain; version=0.0.4; charset=utf-8"


class _StopError(Exception):
    """An answer other than a prediction."""

    def __init__(self, status: int, error: str, *problems: Problem, headers: tuple[Any, ...] = ()) -> None:
        self.status, self.error, self.problems, self.headers = status, error, problems, headers


class Front:
    """ASGI middleware around BentoML's application: answers /predict, /model and the pages itself."""

    def __init__(self, inner: App, serving: "Callable[[], Server | None]", prefix: str = "") -> None:
        self._inner, self._serving, self._prefix = inner, serving, prefix
        self._turn = asyncio.Lock()
        self._long, self._owed = 0, 1  # what takes long and waits; turns of the event loop before the next
        self._until = 0.0  # when this turn of the event loop has no time for more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self._inner(scope, receive, send)
        if self._prefix and f"{scope['path']}/".startswith(f"{self._prefix}/"):  # of a proxy that keeps it
            scope = {**scope, "path": scope["path"][len(self._prefix) :]}
        started = time.perf_counter()
        serving = self._serving()
        path, headers = scope["path"], dict(scope["headers"])
        given = headers.get(b"x-request-id")
        request_id = given.decode() if given and ID.fullmatch(given) else uuid.uuid4().hex
        if path in HEALTH:
            status = 503 if serving is None and path == "/readyz" else 200
            return await _respond(send, status, b"text/plain", b"\n", request_id)
        await self._when_due()
        try:
            if serving is None:
                raise _StopError(503, "the model is not loaded yet", headers=((b"retry-after", b"1"),))
            _authorize(serving.token, headers)
            if path == "/predict":
                body = await self._predict(serving, scope, headers, receive, request_id, started)
                await _respond(send, 200, JSON, body, request_id)
                serving.count(200, time.perf_counter() - started, instead=INSTEAD in headers)
                return None
            if path.startswith(ASSETS):
                return await self._inner(scope, receive, send)
            if not path:  # what the page names is beside it: below the prefix, not beside the prefix
                beside = self._prefix.rpartition("/")[2] + "/"
                raise _StopError(308, "the page is below", headers=((b"location", beside.encode()),))
            if path not in ("/metrics", *serving.pages):
                expected = ", ".join(["/predict", "/metrics", *HEALTH, *serving.pages])
                raise _StopError(404, "not found", Problem("path", path[:100], expected))
            _only(scope, "GET", "HEAD")
            at_once = serving.pages.get(path)
            kind, page = at_once or (METRICS, await self._in_turn(serving.metrics))
            return await _respond(send, 200, kind, page, request_id)
        except _StopError as stop:
            if serving is not None and path == "/predict":
                serving.count(stop.status, time.perf_counter() - started, instead=INSTEAD in headers)
            body = to_json(
                {
                    "error": stop.error,
                    "problems": [vars(problem) for problem in stop.problems],
                    "request_id": request_id,
                }
            )
            return await _respond(send, stop.status, JSON, body, request_id, stop.headers)

    async def _predict(
        self,
        serving: "Server",
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
        request_id: str,
        started: float,
    ) -> bytes:
        _only(scope, "POST")
        if len(headers) < len(scope["headers"]):
            _say_one_thing(scope["headers"])
        given = headers.get(b"x-request-id")
        if given is not None and given.decode("latin-1") != request_id:
            expected = "1 to 128 of letters, digits, and . _ : -"
            raise _StopError(400, "bad request", Problem("X-Request-Id", _text(given), expected))
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != JSON:
            problem = Problem("Content-Type", _text(kind) or "nothing", "application/json")
            raise _StopError(400, "bad request", problem)
        if b"content-encoding" in headers:
            problem = Problem("Content-Encoding", _text(headers[b"content-encoding"]), "none: a plain body")
            raise _StopError(400, "bad request", problem)
        explain = _explain(scope["query_string"])
        try:
            async with asyncio.timeout(PATIENCE):
                body = await _body(serving.body_max, headers, receive)
        except TimeoutError:
            raise _StopError(408, "the body took too long", headers=((b"connection", b"close"),)) from None
        try:
            if len(body) < LONG and not explain:
                return serving.answer(body, request_id, explain, started)
            return await self._in_turn(serving.answer, body, request_id, explain, started)
        except RefusedError as error:
            raise _StopError(400, "bad request", *error.problems) from None
        except Exception as error:  # ours, not the caller's: say so without saying how
            where = "".join(traceback.format_tb(error.__traceback__))  # its text may hold what is personal
            LOG.error("request %s failed by %s\n%s", request_id, type(error).__name__, where)
            raise _StopError(500, "the server failed; its log has the request id") from None

    async def _when_due(self) -> None:
        """Wait while this turn has had its share: else who is new waits for an answer to each connection."""
        loop = asyncio.get_running_loop()
        while self._until and loop.time() > self._until:
            await asyncio.sleep(0)
        if not self._until:
            self._until = loop.time() + SHARE
            loop.call_soon(self._turn_ended)

    def _turn_ended(self) -> None:
        self._until = 0.0

    async def _in_turn(self, work: Callable[..., bytes], *given: Any) -> bytes:
        """What takes long, one by one: all else, and one new connection a turn, goes between."""
        self._long += 1
        try:
            async with self._turn:
                for _ in range(self._owed if self._long > 1 else 1):
                    await asyncio.sleep(0)
                began = time.perf_counter()
                try:
                    return work(*given)
                finally:
                    self._owed = 1 + int((time.perf_counter() - began) / SHARE)
        finally:
            self._long -= 1


def _say_one_thing(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse a header that decides something and says two: a proxy may go by the other."""
    for name in (b"x-request-id", b"content-type"):
        if len(said := {value for one, value in headers if one == name}) > 1:
            found = f"{len(said)} headers that differ"
            raise _StopError(400, "bad request", Problem(name.decode().title(), found, "one"))


def _authorize(token: bytes | None, headers: dict[bytes, bytes]) -> None:
    if token is None:
        return
    given = headers.get(b"authorization", b"")
    scheme, _, secret = given.partition(b" ")
    if not (hmac.compare_digest(secret.strip(), token) and scheme.lower() == b"bearer"):
        problem = Problem("Authorization", "another token" if given else "nothing", "Bearer and the token")
        raise _StopError(401, "not allowed", problem, headers=((b"www-authenticate", b"Bearer"),))


def _only(scope: Scope, *methods: str) -> None:
    if scope["method"] not in methods:
        problem = Problem("method", scope["method"][:20], " or ".join(methods))
        allow = ((b"allow", ", ".join(methods).encode()),)
        raise _StopError(405, "method not allowed", problem, headers=allow)


def _explain(query: bytes) -> bool:
    if not query:
        return False
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("explain", ["false"])[-1]
    if given.lower() not in YES_NO:
        raise _StopError(400, "bad request", Problem("explain", _text(given.encode()), "true or false"))
    return YES_NO[given.lower()]


async def _body(body_max: int, headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """The whole body. One that is too long is read a little further, so that its sender hears the answer."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > DRAINED * body_max:
        raise _too_large(int(length), body_max)
    body, size = bytearray(), 0  # not a list of parts: each costs, and a caller chooses how many there are
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _StopError(400, "bad request", Problem("body", "a connection that ended", "a whole body"))
        part = message.get("body", b"")
        size += len(part)
        if size <= body_max:
            body += part
        more = message.get("more_body")
        if size > body_max and (not more or size > DRAINED * body_max):
            raise _too_large(size, body_max)
        if not more:
            return bytes(body)


def _too_large(size: int, body_max: int) -> _StopError:
    problem = Problem("body", f"{size} bytes or more", f"at most {body_max} bytes (serve.body_kb_max)")
    return _StopError(413, "body too large", problem, headers=((b"connection", b"close"),))


def _text(value: bytes) -> str:
    return json.dumps(value.decode("latin-1"))[1:-1][:100]


async def _respond(
    send: Send, status: int, kind: bytes, body: bytes, request_id: str, more: tuple[Any, ...] = ()
) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode()),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def now() -> datetime:
    """The instant of a request: the one clock of serving."""
    return datetime.now(UTC)
