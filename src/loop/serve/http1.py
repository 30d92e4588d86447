"""HTTP/1.1 that a request offers to leave: the offer (h2c, a WebSocket) is not taken, the request answered.

Java's HttpClient offers h2c by default. uvicorn's parser takes what follows the head of such a request for
the other protocol's, and so loses its body.
"""

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Http1(HttpToolsProtocol):
    """uvicorn's protocol, that reads a request with an offer once more without it."""

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._unset_keepalive_if_required()
        rest = memoryview(data)
        try:
            while True:
                try:
                    self.parser.feed_data(rest)
                    return
                except HttpParserUpgrade as offer:
                    rest, head = rest[offer.args[0] :], self._without_offer()
                    self.parser = HttpRequestParser(self)
                    self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
                    self.parser.feed_data(head)
        except (HttpParserError, HttpParserUpgrade):  # the latter by CONNECT, which is nothing else
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("Invalid HTTP request received.")

    def _should_upgrade(self) -> bool:
        return True  # asked of a request with an offer: this reading of it is not the one that counts

    def _without_offer(self) -> bytes:
        """The head of the request that was read last, without its offer."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])
