"""What a request offers to speak costs nothing of it, and what a caller sends costs the others nothing."""

import asyncio
import gc
import re
import socket
import weakref
from contextlib import ExitStack
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from loop.serve.http1 import (
    ANSWER_SECONDS,
    CONNECTIONS,
    GROWN,
    HEAD,
    HEAD_SECONDS,
    HELD,
    LARGE,
    MUCH,
    PARTS,
    STEP,
    WAITING,
    Http1,
    Listener,
)

OFFERS = {
    "none": b"",
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n",
    "a WebSocket": b"Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
}
offers = pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed = b"", False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with method, path, question and body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    text = b"%b %b?%b %b" % (scope["method"].encode(), scope["path"].encode(), scope["query_string"], body)
    length = [(b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": text})


def asked(*parts: bytes) -> bytes:
    """What comes back over one connection for bytes that arrive in these parts."""

    async def connection() -> bytes:
        config = uvicorn.Config(echo, lifespan="off", log_config=None)
        config.load()
        state, wire = ServerState(), Wire()
        protocol = Http1(config=config, server_state=state, app_state={})
        protocol.connection_made(wire)
        for part in parts:
            protocol.data_received(part)
            await asyncio.sleep(0)
        while state.tasks:
            await asyncio.wait(state.tasks)
        protocol.connection_lost(None)
        return wire.written

    return asyncio.run(connection())


def answers(written: bytes) -> list[bytes]:
    return re.findall(rb"(?:POST|GET) /.*?(?=HTTP/1.1|$)", written, re.DOTALL)


def post(offer: bytes, body: bytes = b'{"x": 1}', more: bytes = b"") -> bytes:
    head = b"POST /predict?explain=1 HTTP/1.1\r\nHost: a\r\n%b%bContent-Length: %d\r\n\r\n"
    return head % (offer, more, len(body)) + body


EXPECTED = b'POST /predict?explain=1 {"x": 1}'


@offers
def test_a_body_arrives_wherever_the_bytes_are_torn(offer):
    whole = post(offer)
    for at in range(1, len(whole)):
        assert answers(asked(whole[:at], whole[at:])) == [EXPECTED]
    assert answers(asked(*(whole[at : at + 1] for at in range(len(whole))))) == [EXPECTED]


@offers
def test_a_connection_is_used_again_and_answers_in_order(offer):
    chunked = (
        b"POST /c HTTP/1.1\r\nHost: a\r\n%bTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" % offer
    )
    get = b"GET /g HTTP/1.1\r\nHost: a\r\n%b\r\n" % offer
    asking, expected = (
        [post(offer), chunked, get, post(b"")],
        [EXPECTED, b"POST /c? abc", b"GET /g? ", EXPECTED],
    )
    assert answers(asked(*asking)) == expected
    assert answers(asked(b"".join(asking))) == expected


@offers
def test_who_waits_to_be_asked_for_the_body_is_asked(offer):
    whole = post(offer, more=b"Expect: 100-continue\r\n")
    head, body = whole[: -len(b'{"x": 1}')], b'{"x": 1}'
    written = asked(head, body)
    assert written.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert answers(written) == [EXPECTED]


def test_a_connection_that_is_to_end_ends_after_its_answer():
    closing = post(b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n")
    assert answers(asked(closing)) == [EXPECTED]
    assert b"connection: close" in asked(closing)


@pytest.mark.parametrize(
    "wrong", [b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
def test_what_is_no_request_of_http1_is_refused(wrong):
    assert asked(wrong).startswith(b"HTTP/1.1 400 ")


# Limits


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time only a test moves on."""

    now = 1000.0

    def time(self) -> float:
        return self.now


class Held(Wire):
    """A caller that does not read: what is written stays."""

    reading = True

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def connect(state: ServerState, app: Any = echo, wire: Any = None) -> Any:
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    protocol = Http1(config=config, server_state=state, app_state={}, _loop=asyncio.get_running_loop())
    protocol.connection_made(wire or Held())
    return protocol


async def turns(number: int = 50) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def never(scope: Any, receive: Any, send: Any) -> None:
    """An application that has not answered yet."""
    await asyncio.Event().wait()


def within(test: Any) -> None:
    """Run a test in a time that stands still."""
    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(test())


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ENDLESS = {
    "a header": (b"GET / HTTP/1.1\r\nX: ", b"a" * 100),
    "headers": (b"GET / HTTP/1.1\r\n", b"X: a\r\n" * 10),
    "an address": (b"GET /", b"a" * 100),
    "empty lines": (b"", b"\r\n" * 50),
    "a trailer": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a" * 100),
    "a chunk's extension": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 100),
}


@pytest.mark.parametrize("offer", [b"", OFFERS["h2c"]], ids=["plain", "offer"])
@pytest.mark.parametrize(("first", "again"), ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_is_refused_before_it_is_large(first, again, offer):
    first = first.replace(b"1.1\r\n", b"1.1\r\n" + offer)

    async def test() -> None:
        protocol = connect(ServerState(), never)
        protocol.data_received(first)
        read = 0
        while not protocol.transport.closed and read < 10 * HEAD:
            protocol.data_received(again)
            read += len(again)
            await turns(2)
        assert protocol.transport.closed
        assert protocol.transport.written.startswith(b"HTTP/1.1 431 ")

    within(test)


def test_requests_wait_unread_while_one_before_them_has_no_answer():
    async def test() -> None:
        protocol = connect(ServerState(), never)
        protocol.data_received(GET * 10_000)
        await turns()
        assert len(protocol.pipeline) <= STEP // len(GET) + 1
        assert not protocol.transport.reading

    within(test)


def test_requests_in_a_row_are_all_answered_in_order():
    async def test() -> None:
        state = ServerState()
        protocol = connect(state)
        protocol.data_received(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % at for at in range(500)))
        while state.tasks:
            await turns()
        assert answers(protocol.transport.written) == [b"GET /%d? " % at for at in range(500)]
        assert protocol.transport.reading

    within(test)


@pytest.mark.parametrize("chunk", [1, 7, 1000, 100_000])
def test_a_long_body_arrives_whole_however_it_is_cut(chunk):
    body = bytes(range(65, 91)) * 4_000
    parts = b"".join(
        b"%x\r\n%b\r\n" % (len(part), part)
        for at in range(0, len(body), chunk)
        if (part := body[at : at + chunk])
    )
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def test() -> None:
        state = ServerState()
        protocol = connect(state)
        whole = head + parts + b"0\r\n\r\n"
        for at in range(0, len(whole), 200_000):
            while not protocol.transport.reading:
                await turns(1)
            protocol.data_received(whole[at : at + 200_000])
            await turns(1)
        while state.tasks:
            await turns()
        assert protocol.transport.written.endswith(body)

    within(test)


@pytest.mark.parametrize(
    "part", [b"", b"\r\n", b"GET / HT", GET[:-2]], ids=["nothing", "a line", "half", "all but one"]
)
def test_a_head_that_does_not_come_in_time_ends_its_connection(part):
    async def test() -> None:
        protocol = connect(ServerState())
        protocol.data_received(part) if part else None
        Clock.now += HEAD_SECONDS - 1
        await turns()
        assert not protocol.transport.closed
        Clock.now += 2
        await turns()
        assert protocol.transport.closed

    within(test)


READING: set[int] = set()


class Counted(Wire):
    """Notes whether it is read on."""

    def pause_reading(self) -> None:
        READING.discard(id(self))

    def resume_reading(self) -> None:
        READING.add(id(self))


def begun(state: ServerState, number: int, body: bytes) -> list[Any]:
    """Callers who have sent all but one byte of a body, in this order; the first part of each is read."""
    READING.clear()
    many = []
    for _ in range(number):
        many.append(connect(state, wire=Counted()))
        Clock.now += 0.001
    for one in many:
        one.data_received(post(b"", body)[:-1])
    return many


def test_of_many_bodies_a_turn_reads_a_part_of_a_few_and_what_a_lost_one_held_is_let_go():
    async def test() -> None:
        state = ServerState()
        many = begun(state, 3 * PARTS, b"a" * 1000)
        for turn in (1, 2, 3):
            await asyncio.sleep(0)
            assert {id(one.transport) for one in many[: turn * PARTS]} == READING, "the others wait"
        many[0].connection_lost(None)
        assert many[0].cycle is None
        for one in many[1:]:
            one.data_received(b"a")
        await turns()
        assert all(answers(one.transport.written) for one in many[1:])

    within(test)


def test_while_much_of_bodies_is_held_a_turn_reads_on_the_one_that_began_first():
    async def test() -> None:
        state = ServerState()
        part = b"a" * (MUCH // PARTS)
        many = begun(state, PARTS + 1, part)
        for turn in (1, 2, 3):
            await asyncio.sleep(0)
            assert {id(one.transport) for one in many[:turn]} == READING
        many[1].connection_lost(None)
        many[2].connection_lost(None)
        await asyncio.sleep(0)
        assert len(READING) == len(many), "there is room again"

    within(test)


def test_of_bodies_that_are_too_much_together_whole_ones_outlast_those_that_are_not():
    async def test() -> None:
        state = ServerState()
        whole = connect(state, never)
        whole.data_received(post(b"", b"a" * 2 * LARGE))
        await turns()
        parts = []
        for _ in range(2 * HELD // 900_000):
            parts += begun(state, 1, b"a" * 900_000)
        assert any(one.transport.closed for one in parts)
        assert not whole.transport.closed

    within(test)


@pytest.mark.parametrize("sent", [b"", GET, GET * 5, post(b"", b"a" * 1000)[:-1]], ids=len)
def test_a_connection_that_is_gone_leaves_nothing_that_waits_for_the_garbage_collector(sent):
    async def test() -> None:
        protocol = connect(ServerState(), wire=Wire())
        if sent:
            protocol.data_received(sent)
        await turns()
        gone = weakref.ref(protocol)
        protocol.connection_lost(ConnectionResetError())
        del protocol
        await turns()
        assert gone() is None

    gc.collect()
    gc.disable()
    try:
        within(test)
    finally:
        gc.enable()


def test_an_answer_that_nobody_reads_ends_its_connection():
    async def test() -> None:
        protocol = connect(ServerState())
        protocol.pause_writing()
        protocol.data_received(GET)
        await turns()
        Clock.now += ANSWER_SECONDS + 1
        await turns()
        assert protocol.transport.closed
        protocol.connection_lost(None)

    within(test)


def test_of_too_many_connections_the_oldest_goes_and_the_newest_is_answered():
    async def test() -> None:
        state = ServerState()
        standing = []
        for _ in range(CONNECTIONS):
            standing.append(connect(state))
            Clock.now += 0.001
        standing[0].data_received(GET)  # the oldest, but it works
        await turns()
        newest = connect(state)
        newest.data_received(GET)
        await turns()
        assert [one.transport.closed for one in standing] == [False, True] + [False] * (CONNECTIONS - 2)
        assert answers(newest.transport.written) == [b"GET /? "]

    within(test)


@pytest.mark.parametrize("what", ["bodies", "answers", "requests"])
def test_what_all_connections_hold_together_is_bounded(what):
    part = 200_000

    async def test() -> None:
        state = ServerState()
        for _ in range(2 * HELD // part):
            protocol = connect(state, never)
            Clock.now += 0.001
            if what == "answers":
                protocol.transport.write(b"a" * part)
                protocol.pause_writing()
            elif what == "requests":
                protocol.data_received(GET * (part // len(GET)))
            else:
                protocol.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n")
                protocol.data_received(b"a" * part)
        assert sum(one.held for one in state.connections) <= HELD + GROWN
        assert not protocol.transport.closed

    within(test)


def test_of_too_many_who_ask_on_without_waiting_go_before_who_waits_for_one_answer():
    """They are served ever anew, and so never stand as long."""

    async def test() -> None:
        state = ServerState()
        patient = connect(state, never)
        patient.data_received(GET)
        for _ in range(CONNECTIONS):
            Clock.now += 0.001
            connect(state, never).data_received(GET * 3)
        assert not patient.transport.closed

    within(test)


@pytest.mark.parametrize("asked_for", [1, 3])
def test_nothing_is_done_for_a_caller_who_is_gone(caplog, asked_for):
    ended = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(scope["path"])

    async def test() -> None:
        state = ServerState()
        protocol = connect(state, slow)
        protocol.data_received(GET * asked_for)
        await turns()
        assert not ended
        protocol.connection_lost(None)
        await turns()
        assert ended == ["/"]
        assert not state.tasks

    within(test)
    assert not caplog.records


def test_a_caller_who_goes_with_the_whole_answer_leaves_no_line(caplog):
    """What follows the answer's last byte may still run: BentoML's own pages wait for the caller to go."""
    begun, ended = [], []

    async def lingers(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["path"])
        await echo(scope, receive, send)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(scope["path"])

    async def test() -> None:
        state = ServerState()
        protocol = connect(state, lingers)
        for number in range(3):
            protocol.data_received(GET)
            await turns()
            assert len(begun) == number + 1
        protocol.connection_lost(None)
        await turns()
        assert ended == begun
        assert not state.tasks

    within(test)
    assert not caplog.records


def test_what_stands_on_many_connections_leaves_less_to_those_that_hold_much():
    async def test() -> None:
        state = ServerState()
        for size in [LARGE - 1] * 400 + [200_000] * 100:
            protocol = connect(state, never)
            Clock.now += 0.001
            protocol.transport.write(b"a" * size)
            protocol.pause_writing()
        assert sum(one.held for one in state.connections) <= HELD + GROWN
        assert not protocol.transport.closed

    within(test)


def test_short_requests_that_wait_count_for_more_than_their_bytes():
    async def test() -> None:
        state = ServerState()
        for _ in range(CONNECTIONS):
            protocol = connect(state, never)
            Clock.now += 0.001
            protocol.data_received(b"GET / HTTP/1.1\r\n\r\n" * 100)
        waiting = sum(len(one.pipeline) for one in state.connections)
        assert waiting * WAITING <= HELD + GROWN
        assert not protocol.transport.closed

    within(test)


def test_an_answer_is_whole_before_what_follows_it_is_refused():
    for wrong in (b"no HTTP\r\n\r\n", b"GET /" + b"a" * 2 * HEAD):
        assert answers(asked(GET + wrong)) == [b"GET /? "]
    assert b"connection: close" in asked(GET + b"no HTTP\r\n\r\n")


def test_who_comes_after_hundreds_waits_for_a_few_turns_and_not_for_one_of_each():
    many = 300
    let_in: list[int] = []
    turn = 0

    class Counted(asyncio.Protocol):
        """Notes when it was let in, and goes."""

        def __init__(self, **_: Any) -> None: ...

        def connection_made(self, transport: Any) -> None:
            let_in.append(turn)
            transport.close()

    async def test(listening: socket.socket) -> None:
        nonlocal turn
        server = Listener(uvicorn.Config(echo, lifespan="off", log_config=None, http=Counted))
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup([listening])
        while len(let_in) < many:
            turn += 1
            await asyncio.sleep(0)
        await server.shutdown([listening])

    with socket.create_server(("127.0.0.1", 0), backlog=many) as listening, ExitStack() as callers:
        for _ in range(many):
            callers.enter_context(socket.create_connection(listening.getsockname()))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(listening))
    assert max(let_in) - min(let_in) < many / 4
