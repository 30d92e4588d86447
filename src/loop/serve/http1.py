"""HTTP/1.1 within limits: what a caller sends, or leaves unread, costs others neither memory nor time.

A connection is read a little at a time, and no further while one of its requests waits for another. What
takes too long or grows too large is ended. Where there are too many connections, or they hold too much, one
that asks on before it is answered is ended, else the one that has stood longest: who comes next is answered.

An offer of another protocol (h2c, as Java's HttpClient makes it, or a WebSocket) is not taken, the request
answered: uvicorn's parser takes what follows its head for the other protocol's, and so loses the body.
"""

import asyncio
import json
import socket
from heapq import nsmallest
from typing import Any

import uvicorn
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

CONNECTIONS = 512  # of one process
ACCEPTED = 16  # new ones in a turn of the event loop: libuv lets one in for each socket that it listens on
RECEIVED = 32 * 2**10  # bytes of a connection that the system keeps: who sends on waits for us
HELD = 24 * 2**20  # bytes of bodies, of unread answers and of waiting requests that they hold together
LARGE = HELD // CONNECTIONS  # bytes of a connection that are never too much
WAITING = 4 * 2**10  # bytes that a request costs while it waits for another
GROWN = 4 * 2**20  # bytes that they may come to hold before it is asked again how much that is together
HEAD, HEADERS = (
    16 * 2**10,
    100,
)  # bytes that are neither a whole head nor a part of a body; headers of a request
HEAD_SECONDS = 10.0  # in which a head must have come
ANSWER_SECONDS = 60.0  # in which an answer must be taken, or the next part of a long one
STEP, FIRST = 512, 4  # bytes read at once, and how often of what has just come
PARTS = 16  # bodies of which a part is read in a turn of the event loop, however many there are
MUCH = HELD // 2  # bytes of bodies that are held; beyond, a turn reads a part of one, so that answers keep up
TURN_SECONDS = 0.003  # in which what waits is read on, of all connections, before anything else has its turn


class Listener(uvicorn.Server):
    """uvicorn's server that lets several in at a turn: else who comes waits a turn for each before."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, several times on each socket; the system keeps little that was sent and is not yet read."""
        for one in sockets or []:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
        await super().startup(sockets and [one.dup() for one in sockets for _ in range(ACCEPTED)])


class Http1(HttpToolsProtocol):
    """uvicorn's protocol for one connection, within limits."""

    body_max = 2**20  # bytes of a body that are kept; of a longer one the rest is dropped

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._rest = b""  # what came and is not yet read
        self._framing = 0  # bytes read since the last whole head or part of a body
        self._left = 0  # bytes of a body of known length that have not come
        self._body = 0  # bytes of the body whose answer is not complete
        self.since = 0.0  # when it began to wait
        self._watch: asyncio.TimerHandle | None = None
        self._refused = False
        self._app, self.app = self.app, self._run
        self._work: set[asyncio.Task[Any]] = set()  # an answer that is whole may not yet be done with
        self._lost = False
        self.rests = False  # it has had a part of a body read, and waits for its turn
        self._turns: _Turns = vars(self.server_state).setdefault("turns", _Turns(self.loop))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let a connection in; the one that has stood longest goes where there are too many."""
        super().connection_made(transport)
        self.flow = _Flow(self, transport)
        self.since = self.loop.time()
        self._watch = self.loop.call_later(HEAD_SECONDS, self._check)
        if len(self.connections) > CONNECTIONS:
            self._turns.first_to_go(self.connections).abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what it held, and whatever is done for it.

        Nothing here may lead back to itself: it would stay until Python looks for such things.
        """
        if self._watch is not None:
            self._watch.cancel()
        self._rest = b""
        self.pipeline.clear()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._turns.forget(self)
        self.app, self._lost = self._app, True
        self.cycle = self.flow = None  # type: ignore[assignment]
        self._count_body(0)
        for task in self._work:
            task.cancel()

    async def _run(self, *given: Any) -> None:
        """Answer a request as long as there is somebody to hear it."""
        task: Any = asyncio.current_task()
        self._work.add(task)
        try:
            await self._app(*given)
        except asyncio.CancelledError:
            if not self._lost:
                raise
            given[1].__self__.disconnected = True  # uvicorn tells the request that was read last, alone
        finally:
            self._work.discard(task)

    def abort(self) -> None:
        """End the connection at once."""
        self.connections.discard(self)
        self.transport.abort()

    @property
    def held(self) -> int:
        """Bytes that are kept for it."""
        unread: int = self.transport.get_write_buffer_size()
        return min(self._body, self.body_max) + len(self._rest) + unread + WAITING * len(self.pipeline)

    @property
    def waits(self) -> bool:
        """Whether a part of what came must wait: for an answer, or for other connections."""
        return bool(self._rest or self.pipeline)

    @property
    def sent_whole(self) -> bool:
        """Whether a whole body waits for its answer."""
        return self._body > 0 and not self.cycle.more_body

    def data_received(self, data: bytes) -> None:
        """Read what came, as far as it may be read now."""
        self._unset_keepalive_if_required()
        if self._refused:
            return
        self._rest = self._rest + data if self._rest else data
        self._read()
        if self.waits:
            self.flow.pause_reading()
            self._grow(len(self._rest) + WAITING * len(self.pipeline))
        elif self._answering and self.cycle.more_body:
            self.rests = True
            self.flow.pause_reading()
            self._turns.rest(self)

    def read_on(self) -> None:
        """Read the next part of a body."""
        self.rests = False
        self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """Go on with what waited."""
        if self._lost:
            return
        super().on_response_complete()
        self.since = self.loop.time()
        self._count_body(0)
        if self._rest:
            self._unset_keepalive_if_required()
            self.go_on()
        else:
            self.flow.resume_reading()

    def go_on(self) -> None:
        """Read a little more of what waits."""
        self._read()
        self.flow.resume_reading()

    def _read(self) -> None:
        came, at = memoryview(self._rest), 0
        for _ in range(FIRST):
            if at == len(came) or self.pipeline or self._refused or self.transport.is_closing():
                break
            piece = came[at : at + max(STEP, self._left)]
            self._framing += len(piece)
            try:
                at += self._parse(piece)
            except (HttpParserError, HttpParserUpgrade):  # the latter by CONNECT, which is nothing else
                self._refuse(400, "bad request", "request", "no HTTP/1.1", "a head, and the body it names")
                break
            if self._framing > HEAD or len(self.headers or ()) > HEADERS:
                found, expected = "a head that does not end", f"at most {HEAD} bytes, {HEADERS} headers"
                self._refuse(431, "head too large", "head", found, expected)
        done = at == len(came) or self._refused or self.transport.is_closing()
        self._rest = b"" if done else bytes(came[at:])
        if self._rest and not self.pipeline:
            self._turns.add(self)

    def _parse(self, piece: memoryview) -> int:
        """Parse bytes; how many of them."""
        try:
            self.parser.feed_data(piece)
        except HttpParserUpgrade as offer:
            head, read = self._without_offer(), offer.args[0]
            self.parser = HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
            self.parser.feed_data(head)
            return int(read)
        return len(piece)

    def on_headers_complete(self) -> None:
        """Begin to wait for the answer, if it is the next one."""
        self._framing = self._left = 0
        for name, value in self.headers:
            if name == b"content-length":
                self._left = int(value)
        if not self._answering:
            self.since = self.loop.time()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a part of a body, where there is room."""
        self._framing = 0
        self._left -= len(body)
        self._count_body(self._body + len(body))
        super().on_body(body)
        self._grow(len(body))

    def on_message_complete(self) -> None:
        """End a request."""
        self._framing = self._left = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Begin to wait for a caller to read."""
        super().pause_writing()
        self.since = self.loop.time()
        self._grow(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        self.since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Refuse, in uvicorn's words."""
        self._refuse(400, "bad request", "request", msg, "HTTP/1.1")

    def _count_body(self, size: int) -> None:
        """Let its body have this size, in the sum of all as well."""
        kept = self.body_max
        self._turns.bodies += min(size, kept) - min(self._body, kept)
        self._body = size

    def _all(self) -> list["Http1"]:
        found: Any = self.connections
        return list(found)

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _check(self) -> None:
        """End what has waited too long; look again when it would have."""
        left = self.since + (ANSWER_SECONDS if self._answering else HEAD_SECONDS) - self.loop.time()
        if left > 0:
            self._watch = self.loop.call_later(left, self._check)
        elif self._answering or self.transport.is_closing() or not self._framing:
            self.abort()
        else:
            expected = f"one within {HEAD_SECONDS:.0f} s"
            self._refuse(408, "the head took too long", "head", "no whole head", expected)
            self._watch = self.loop.call_later(HEAD_SECONDS, self._check)  # it may never read that

    def _grow(self, size: int) -> None:
        """Take note of what is held now, and at times make room."""
        self._turns.grown += size
        if self._turns.grown >= GROWN:
            self._turns.grown = 0
            self._make_room()

    def _make_room(self) -> None:
        """End connections that hold much, those that have stood longest first, while all hold too much."""
        holding = {one: one.held for one in self._all()}
        excess = sum(holding.values()) - max(HELD, 4 * self.body_max)
        for one in sorted((one for one, held in holding.items() if held > LARGE), key=_first_to_go):
            if excess > 0:
                excess -= holding[one]
                one.abort()

    def _refuse(self, status: int, error: str, field: str, found: str, expected: str) -> None:
        """Read no more of it: answer what came whole before, or say what is wrong, and close."""
        self._refused = True
        if self._answering and not self.cycle.more_body:
            self.cycle.keep_alive = False
        elif self._answering and (self.pipeline or self.cycle.response_started):
            self.abort()
        else:
            problem = {"field": field, "found": found, "expected": expected}
            body = json.dumps({"error": error, "problems": [problem]}).encode()
            head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head % len(body) + body)
            self.transport.close()

    def _should_upgrade(self) -> bool:
        return True  # asked of a request with an offer: this reading of it is not the one that counts

    def _without_offer(self) -> bytes:
        """The head of the request that was read last, without its offer."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])


class _Turns:
    """Reads on what waits, connection by connection, however many there are: all else goes between.

    Of bodies those that began first are read first: were all read alike, hundreds would be held half read.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._planned, self.grown = loop, False, 0
        self.bodies = 0  # bytes that are held of them
        self._next_to_go: list[Http1] = []
        self._waiting: dict[Http1, None] = {}
        self._resting: dict[Http1, None] = {}

    def add(self, connection: Http1) -> None:
        self._waiting[connection] = None
        self._plan()

    def rest(self, connection: Http1) -> None:
        self._resting[connection] = None
        self._plan()

    def first_to_go(self, connections: set[Any]) -> "Http1":
        """Which one ends where there are too many. They are looked through once in a turn, not for each."""
        while not self._next_to_go or self._next_to_go[-1] not in connections:
            if self._next_to_go:
                self._next_to_go.pop()
            else:
                self._next_to_go = nsmallest(ACCEPTED, connections, key=_first_to_go)[::-1]
                self._loop.call_soon(self._next_to_go.clear)
        return self._next_to_go.pop()

    def forget(self, connection: Http1) -> None:
        self._waiting.pop(connection, None)
        self._resting.pop(connection, None)

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        until = self._loop.time() + TURN_SECONDS
        while self._waiting and self._loop.time() < until:
            first = next(iter(self._waiting))
            del self._waiting[first]
            first.go_on()
        parts = PARTS if self.bodies < MUCH else 1
        for first in nsmallest(parts, self._resting, key=lambda one: one.since):
            del self._resting[first]
            first.read_on()
        self._planned = bool(self._waiting or self._resting)
        if self._planned:
            self._loop.call_soon(self._run)


class _Flow(FlowControl):
    """Lets a connection be read on only where nothing of it waits."""

    def __init__(self, connection: Http1, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._connection = connection

    def resume_reading(self) -> None:
        if not (self._connection.waits or self._connection.rests):
            super().resume_reading()


def _first_to_go(connection: Http1) -> tuple[bool, bool, float]:
    """Who asks on before it is answered is served ever anew: it would outlast all who ask and wait.

    Whoever has sent a whole body stays longest: its answer is near, and few more are read meanwhile.
    """
    return not connection.waits, connection.sent_whole, connection.since
