"""What watches the servers, made from deploy/slo.yaml: Prometheus, Alertmanager, Grafana."""

import json
from collections.abc import Mapping
from typing import Any

from loop.base.template import fill
from loop.deploy import dashboard
from loop.settings.slo import Slo

HEAD = "# Made by `loop render monitoring` from deploy/slo.yaml: change that.\n"
UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
BURNS = (  # how fast, who is told, and pairs of a long window, a short one, and the part of the budget spent
    ("Fast", "page", (("1h", "5m", 0.02), ("6h", "30m", 0.05))),
    ("Slowly", "ticket", (("1d", "2h", 0.1), ("3d", "6h", 0.1))),
)
FILES = ("rules.yaml", "alertmanager.yaml", "prometheus.yaml")


def files(slo: Slo, scale: float = 1.0) -> dict[str, str]:
    """What is made of the objectives, by name. `scale` shortens all durations, for tests."""
    values: Mapping[str, Any] = {
        "slo": slo.model_dump(),
        "limits": {name: {**one, "max": f"{one['max']:g}"} for name, one in slo.limits.model_dump().items()},
        "bound": f"{slo.objectives.latency.seconds}",
        "burns": BURNS,
        "scale": scale,
        "span": lambda seconds: duration(seconds * scale),
    }
    rendered = {name: HEAD + fill("loop.deploy", f"{name}.j2", **values) for name in FILES}
    board = dashboard.dashboard(slo, lambda seconds: duration(seconds * scale))
    return {**rendered, "dashboard.json": json.dumps(board, indent=1) + "\n"}


def duration(seconds: float) -> str:
    """Seconds as Prometheus writes them: 90 as 90s, 3600 as 1h, a half as 500ms."""
    if seconds != int(seconds):
        return f"{max(1, round(seconds * 1000))}ms"
    return next(f"{int(seconds) // size}{unit}" for unit, size in UNITS if seconds % size == 0)
