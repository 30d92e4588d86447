"""A model that answers: contract, prediction, explanation, record and counters of one process."""

import gc
import json
import logging
import time
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from loop.base.errors import LoopError
from loop.data import personal
from loop.data.personal import Personal
from loop.repo.commit import checked_out
from loop.serve import app, loaded_model, log_writer, online, openapi
from loop.serve.answer import Answers
from loop.serve.counters import Counters
from loop.serve.explain import Explainer
from loop.serve.online import MISSING, STALE
from loop.serve.predict import Predictions, Predictor
from loop.serve.request import Contract, Problem, RefusedError
from loop.serve.store import open_store
from loop.settings.paths import CARD
from loop.settings.serve_settings import Params, Place

NEVER = "never: run `loop materialize`"
LOG = logging.getLogger(__name__)
ROW_BYTES = 1024  # of a request, as it came; larger ones are written anew
JSON, HTML, TEXT = b"application/json", b"text/html; charset=utf-8", b"text/markdown; charset=utf-8"


class Server:
    """Everything that an answer needs; `start` makes one, `stop` writes what is not yet written."""

    def __init__(self, params: Params, place: Place, model: loaded_model.Model) -> None:
        self.token, self.body_max = place.token, params.body_kb_max * 1024
        self._contract = Contract(params.rows_max, decided=params.decided_at)
        self._predictor = Predictor(model, online.Features(open_store(place.features)))
        self._explainer = _explainer(model)
        self._answers = Answers(model.version, params.threshold, self._predictor.views)
        self._personal = Personal(personal.marks(), place.personal_key)
        about = loaded_model.about(model, place.commit or _commit())
        self._counters = Counters(about, place.role)
        self._counters.begin(self._predictor.views, model.categories, self._answers.decisions)
        self.pages = _pages(self._contract, about, place.token is not None)
        head = {
            **{name: about[name] for name in ("version", "commit")},
            "role": place.role,
            "threshold": params.threshold,
            "features": self._predictor.features.names,
        }
        folder = place.predictions / log_writer.SEGMENTS
        self._log = log_writer.PredictionLog(folder, head, params.log.rows_max, self._counters)

    @classmethod
    def start(cls, params: Params, place: Place) -> "Server":
        """Load the model and open the log. Raises LoopError for what cannot be served."""
        server = cls(params, place, loaded_model.load())
        gc.collect()
        gc.freeze()  # else a full collection stops all answers for 0.1 s, now and then
        LOG.warning("serving %s", server.described(place))
        return server

    def described(self, place: Place) -> str:
        """What is served, in which role if a deployment gave one, and of when its features are."""
        about = json.loads(self.pages["/model"][1])
        what = f"as {place.role}" if place.commit else "this checkout's model"
        served = f"{about['version']} by {about['engine']}, {what}"
        if not self._predictor.views:
            return served
        return f"{served}, features as of {self._predictor.features.as_of() or NEVER}"

    def stop(self) -> None:
        """Write what is not yet written."""
        self._log.close()

    def answer(self, body: bytes, request_id: str, explain: bool, started: float) -> bytes:
        """The answer to a body, as JSON. Raises RefusedError."""
        at = app.now()
        requests, many, body = self._contract.read(body)
        columns = self._contract.columns(requests, at)
        if explain and self._explainer is None:
            raise RefusedError(Problem("explain", "true", "false: this model cannot be explained"))
        if explain and len(requests) > self._contract.explained_max:
            expected = f"at most {self._contract.explained_max} with explain"
            raise RefusedError(Problem("", f"{len(requests)} requests", expected))
        found = self._predictor.predict(columns)
        ids = [log_writer.row_id(request_id, row) for row in range(len(requests))] if many else [request_id]
        rows = range(len(requests)) if explain else ()
        explained = [self._explainer.explain(found.columns, row) for row in rows if self._explainer]
        text = self._answers.write(ids, found, explained, many=many)
        self._record(body, requests, found, request_id, at, started, many)
        return text

    def metrics(self) -> bytes:
        """The counters of all processes of this server, as Prometheus reads them."""
        features = self._predictor.features
        if features.views and not features.failing:
            as_of = features.as_of()
            if not features.failing:
                self._counters.filled(as_of)
        return self._counters.text()

    def count(self, status: int, seconds: float, *, instead: bool) -> None:
        """Take note of a prediction's end; `instead`: of one that a challenger left unanswered."""
        self._counters.status(status)
        self._counters.seconds.observe(seconds)
        if instead:
            self._counters.fallbacks.inc()

    def _record(
        self,
        body: bytes,
        requests: list[dict[str, Any]],
        found: Predictions,
        request_id: str,
        at: datetime,
        started: float,
        many: bool,
    ) -> None:
        rows = len(requests)
        if self._personal:
            kept = to_json([self._personal.kept(row) for row in requests])
        elif len(body) > ROW_BYTES * rows:  # mostly spaces, or whatever else a body may be padded with
            kept = to_json(requests)
        else:
            kept = body.strip() if many else b"[" + body.strip() + b"]"
        latency_ms = (time.perf_counter() - started) * 1e3
        line = log_writer.line(request_id, at, kept, found.features, found.scores.tolist(), latency_ms, many)
        self._log.append(line, rows)
        self._counters.predictions.inc(rows)
        for decision, number in self._answers.decided(found).items():
            self._counters.decided(decision, number)
        if found.store_failed:
            self._counters.store_failures.inc()
        if found.states.any():
            for state, name in ((MISSING, "missing"), (STALE, "stale")):
                numbers = (found.states == state).sum(axis=0).tolist()
                for view, number in zip(self._predictor.views, numbers, strict=True):
                    if number:
                        self._counters.not_fresh(view, name, number)
        for column, marks in found.unknown.items():
            self._counters.unknown(column, int(marks.sum()))


def _pages(contract: Contract, about: dict[str, Any], secured: bool) -> dict[str, tuple[bytes, bytes]]:
    return {
        "/": (HTML, openapi.page(about).encode()),
        "/docs.json": (JSON, to_json(openapi.document(contract, about, secured))),
        "/model": (JSON, to_json(about)),
        "/model/card": (TEXT, CARD.read_bytes()),
    }


def _explainer(model: loaded_model.Model) -> Explainer | None:
    try:
        return Explainer(model)
    except Exception as error:  # its last step sees something else than numbers
        LOG.warning("answers cannot be explained: %s: %s", type(error).__name__, error)
        return None


def _commit() -> str | None:
    """The commit of this checkout; None where there is no git."""
    try:
        return checked_out()
    except LoopError:
        return None
