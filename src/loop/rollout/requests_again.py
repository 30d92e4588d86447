"""A request sent again to a model's server: what came back, how long it took, and why it could not be sent.

One connection to each server, one request at a time: what is compared is the models, not the load.
"""

import http.client
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from loop.base import json_text
from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.data import score_columns

LARGEST = 2**20  # bytes of an answer


@dataclass(frozen=True)
class Answer:
    """What a server said: its status (0: nothing in time), scores in the order of the classes, milliseconds.

    fault: the first field at fault of a request that it refused.
    """

    status: int
    scores: tuple[float, ...] = ()
    ms: float = 0.0
    fault: str = ""

    @property
    def refused(self) -> bool:
        """Whether it called the request a bad one."""
        return 400 <= self.status < 500

    @property
    def good(self) -> bool:
        """Whether it gave a score."""
        return self.status == 200 and bool(self.scores)


class Asked:
    """A server at an address, asked over a connection that is kept."""

    def __init__(
        self, url: str, token: bytes | None, timeout: float, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.url, self._token, self._timeout, self._clock = url.rstrip("/"), token, timeout, clock
        parts = urlsplit(self.url)
        try:
            port = parts.port
        except ValueError:
            port = 0
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise LoopError(
                f"{plain(url, 120)} is no address of a server", "http://HOST:PORT, or https", "fix the option"
            )
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._prefix = parts.path
        self._connection = kind(parts.hostname, port, timeout=timeout)

    def predict(self, body: bytes, request_id: str) -> Answer:
        """Ask for a score; a server that hangs, breaks off or answers what is no answer gives none."""
        headers = {"Content-Type": "application/json", "X-Request-Id": request_id}
        began = self._clock()
        status, text = self._send("POST", "/predict", body, headers)
        ms = (self._clock() - began) * 1000
        try:
            found = json_text.parse(text)
        except ValueError:
            return Answer(status if status != 200 else 0, ms=ms)
        return Answer(status, _scores(found), ms, _fault(found)) if isinstance(found, dict) else Answer(0)

    def serves(self, version: int, model: str, commit: str) -> None:
        """Raise LoopError unless it serves the model of a version, by the code of its commit."""
        status, text = self._send("GET", "/model", b"", {})
        try:
            found = json_text.parse(text) if status == 200 else {}
            served = (str(found["sha256"]), str(found["commit"]))
        except (ValueError, KeyError, TypeError):
            raise LoopError(
                f"{self.url}/model gives no model ({status or 'no answer in time'})",
                f"the server of version {version}",
                "look at the server, or name another by --champion or --challenger; LOOP_TOKEN is its token",
            ) from None
        if served != (model, commit):
            raise LoopError(
                f"{self.url} serves the model {plain(served[0])[:12]} of commit {plain(served[1])[:12]}",
                f"{model[:12]} of {commit[:12]}, version {version}, as it was released",
                "`loop deploy --environment` there brings it about",
            )

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Status and text; 0 where nobody answers in time."""
        if self._token is not None:
            headers = headers | {"Authorization": f"Bearer {self._token.decode()}"}
        for again in (True, False):  # a connection that was kept may have been closed meanwhile
            kept = self._connection.sock is not None
            try:
                self._connection.request(method, f"{self._prefix}{path}", body, headers)
                answer = self._connection.getresponse()
                return answer.status, answer.read(LARGEST).decode(errors="replace")
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if not (again and kept) or isinstance(error, TimeoutError):
                    break
        return 0, ""


def _scores(found: dict[str, Any]) -> tuple[float, ...]:
    """The scores of an answer; none where it has none that are numbers. A class that a model lacks has 0."""
    classes = score_columns.CLASSES
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        given = [found["scores"].get(name, 0.0) for name in classes] if classes else [found["score"]]
        scores = tuple(map(float, given))
        if all(map(math.isfinite, scores)):
            return scores
    return ()


def _fault(found: dict[str, Any]) -> str:
    try:
        return plain(found["problems"][0]["field"], 60) or "the whole request"
    except (KeyError, IndexError, TypeError):
        return "the whole request"
