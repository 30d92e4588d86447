"""What a request offers to speak instead is not taken, and costs nothing of it."""

import asyncio
import re
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from loop.serve.http1 import Http1

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
