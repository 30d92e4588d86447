"""What a server counts, for /metrics, added up over the processes of one server.

BentoML counts only what reaches it, which no prediction does: its counters are in the same text.
"""

import os
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, multiprocess

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)  # seconds


class Counters:
    """The metrics of a server of one model in one role."""

    def __init__(self, about: dict[str, Any], role: str) -> None:
        self._registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Any:
            return Counter(f"loop_{name}", text, labels, registry=registry)

        self._requests = counter("requests_total", "bodies answered, by HTTP status", "status")
        self._status: dict[int, Any] = {}
        self.predictions = counter("predictions_total", "rows scored")
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
        self.seconds = Histogram(
            "loop_request_seconds", "from a body's arrival to its answer", registry=registry, buckets=BUCKETS
        )
        info = Gauge(
            "loop_model_info",
            "1; its labels say what is served",
            ("version", "commit", "engine", "role"),
            registry=registry,
            multiprocess_mode="max",
        )
        commit = about["commit"] or "unknown"
        info.labels(version=about["version"], commit=commit, engine=about["engine"], role=role).set(1)
        for nothing_yet in (self.predictions, self.store_failures, self.dropped, self.failures):
            nothing_yet.inc(0)

    def status(self, status: int) -> None:
        """Count a body by the status of its answer."""
        if status not in self._status:
            self._status[status] = self._requests.labels(status=str(status))
        self._status[status].inc()

    def not_fresh(self, view: str, state: str, rows: int) -> None:
        """Count rows of which a view knew nothing, or only what is too old."""
        self._features.labels(view=view, state=state).inc(rows)

    def unknown(self, column: str, rows: int) -> None:
        """Count values that training never saw."""
        self._unknown.labels(column=column).inc(rows)

    def text(self) -> bytes:
        """The counters of all processes of the server, in Prometheus' text format."""
        if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            return prometheus_client.generate_latest(self._registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return prometheus_client.generate_latest(together)
