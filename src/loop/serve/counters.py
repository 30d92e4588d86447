"""What a server counts, for /metrics, added up over the processes of one server.

BentoML counts only what reaches it, which no prediction does: its counters are in the same text.
"""

import logging
import os
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, mmap_dict, multiprocess, values

from loop.settings.serve_settings import BUCKETS

CLOCK = b"# TYPE loop_clock_timestamp_seconds gauge\nloop_clock_timestamp_seconds %.3f\n"
LOG = logging.getLogger(__name__)
ROOM = 2**18  # bytes of a file of counters: some 2,500 of them


class _Roomy(mmap_dict.MmapedDict):
    """A file of counters with its room taken at once.

    In one that is only said to be so long, a counter for which a full disk has no page ends the process.
    """

    def __init__(self, name: str, read_mode: bool = False) -> None:
        path = Path(name)
        if not read_mode and not (path.exists() and path.stat().st_size):
            try:
                path.write_bytes(bytes(ROOM))
            except OSError:
                path.unlink(missing_ok=True)
                raise
        super().__init__(name, read_mode)  # type: ignore[no-untyped-call]


values.MmapedDict = _Roomy  # type: ignore[attr-defined]


class Counters:
    """The metrics of a server of one model in one role; those of this process alone on a full disk."""

    def __init__(self, about: dict[str, Any], role: str) -> None:
        self._shared = bool(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
        try:
            self._make(about, role)
        except OSError as error:
            LOG.error("the counters of this process are kept apart from those of others: %s", error)
            self._shared, values.ValueClass = False, values.MutexValue
            self._make(about, role)

    def _make(self, about: dict[str, Any], role: str) -> None:
        self._registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Any:
            return Counter(f"loop_{name}", text, labels, registry=registry)

        self._requests = counter("requests_total", "bodies answered, by HTTP status", "role", "status")
        self._status: dict[int, Any] = {}
        self._role = role
        self.predictions = counter("predictions_total", "rows scored")
        self._decisions = counter("decisions_total", "rows with a decision, by what it was", "decision")
        self.fallbacks = counter("fallbacks_total", "bodies answered for a challenger that gave no answer")
        self._features = counter("features_total", "rows whose feature view was not fresh", "view", "state")
        self._unknown = counter("unknown_categories_total", "values that training never saw", "column")
        self.store_failures = counter("feature_store_failures_total", "bodies without a feature store")
        self.dropped = counter("prediction_log_dropped_total", "predictions that found no room in the log")
        self.failures = counter("prediction_log_failures_total", "writes of the log that failed")
        self.waiting = Gauge(
            "loop_prediction_log_waiting",
            "predictions that are not yet on the disk",
            registry=registry,
            multiprocess_mode="livesum",
        )
        seconds = Histogram(
            "loop_request_seconds",
            "from a body's arrival to its answer",
            ("role",),
            registry=registry,
            buckets=BUCKETS,
        )
        self.seconds = seconds.labels(role=role)
        self._as_of: Gauge | None = None
        info = Gauge(
            "loop_model_info",
            "1; its labels say what is served",
            ("version", "commit", "engine", "role"),
            registry=registry,
            multiprocess_mode="max",
        )
        commit = about["commit"] or "unknown"
        info.labels(version=about["version"], commit=commit, engine=about["engine"], role=role).set(1)
        for nothing_yet in (
            *(self.predictions, self.fallbacks, self.store_failures, self.dropped, self.failures),
            *(self._status_of(status) for status in (200, 500)),
        ):
            nothing_yet.inc(0)

    def begin(self, views: Sequence[str], columns: Iterable[str], decisions: Iterable[str]) -> None:
        """Let every counter begin at 0: the first of what goes wrong would otherwise be no increase."""
        if views:  # else it would be 0 for ever, which means a store that was never filled
            self._as_of = Gauge(
                "loop_features_as_of_timestamp_seconds",
                "the instant as of which the feature store was filled; 0 where it never was",
                registry=self._registry,
                multiprocess_mode="max",
            )
        for view in views:
            for state in ("missing", "stale"):
                self.not_fresh(view, state, 0)
        for column in columns:
            self.unknown(column, 0)
        for decision in decisions:
            self.decided(decision, 0)

    def status(self, status: int) -> None:
        """Count a body by the status of its answer."""
        self._status_of(status).inc()

    def _status_of(self, status: int) -> Any:
        if status not in self._status:
            self._status[status] = self._requests.labels(role=self._role, status=str(status))
        return self._status[status]

    def decided(self, decision: str, rows: int) -> None:
        """Count rows by their decision: true or false, or one of several classes."""
        self._decisions.labels(decision=decision).inc(rows)

    def filled(self, as_of: str | None) -> None:
        """Take note of the instant (ISO 8601) as of which the feature store was filled, else 0."""
        if self._as_of is None:
            return
        try:
            self._as_of.set(datetime.fromisoformat(as_of or "").timestamp())
        except (ValueError, OverflowError):
            self._as_of.set(0)

    def not_fresh(self, view: str, state: str, rows: int) -> None:
        """Count rows of which a view knew nothing, or only what is too old."""
        self._features.labels(view=view, state=state).inc(rows)

    def unknown(self, column: str, rows: int) -> None:
        """Count values that training never saw."""
        self._unknown.labels(column=column).inc(rows)

    def text(self) -> bytes:
        """The counters of all processes of the server, in Prometheus' text format, and its clock."""
        return self._counted() + CLOCK % time.time()

    def _counted(self) -> bytes:
        if not self._shared:
            return prometheus_client.generate_latest(self._registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return prometheus_client.generate_latest(together)
