"""Grafana's dashboard of a model that serves, as code: callers, the model, schedules."""

from collections.abc import Callable, Iterator
from typing import Any

from loop.settings.slo import Slo

WIDE, HIGH, COLUMNS = 8, 7, 24  # of a panel and of the page, in Grafana's grid
MONEY = "short"  # may be below zero
SOURCE = {"type": "prometheus", "uid": "${source}"}
Span = Callable[[float], str]
Panel = tuple[str, str, str, dict[str, str]]  # title, unit, what it says, and expressions by legend


def dashboard(slo: Slo, span: Span) -> dict[str, Any]:
    """The dashboard, to import or to provision; it asks which Prometheus to read."""
    panels = [_drawn(at, panel) for at, panel in enumerate(_panels(slo, span))]
    return {
        "uid": f"loop-{slo.job}",
        "title": f"Model: {slo.job}",
        "tags": ["loop"],
        "schemaVersion": 39,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "utc",
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels,
    }


def _panels(slo: Slo, span: Span) -> Iterator[Panel]:
    job, w = f'job="{slo.job}"', span(300)
    rows = f"scalar(sum(rate(loop_predictions_total{{{job}}}[{w}])))"
    allowed = {"errors": 1 - slo.objectives.availability.share, "late": 1 - slo.objectives.latency.share}
    buckets = f'sum by (le) (rate(loop_request_seconds_bucket{{{job}, role!="shadow"}}[{w}]))'
    yield (
        "Requests",
        "reqps",
        "By status; a shadow's are left out.",
        {"{{status}}": f'sum by (status) (rate(loop_requests_total{{{job}, role!="shadow"}}[{w}]))'},
    )
    yield (
        "Error budget burnt",
        "none",
        "In times of what lasts the whole period: above 1 the budget runs out before it ends.",
        {name: f"loop:{name}:share_1h / {round(left, 6)}" for name, left in allowed.items()},
    )
    yield (
        "Latency",
        "s",
        "From a body's arrival to its answer.",
        {f"p{q}": f"histogram_quantile({q / 100}, {buckets})" for q in (50, 95, 99)},
    )
    each = f"rate(loop_predictions_total{{{job}}}[{w}])"
    info = f"on (job, instance) group_left (version, role) loop_model_info{{{job}}}"
    yield (
        "Who scores",
        "none",
        "Rows a second, by version and role.",
        {"{{role}} {{version}}": f"sum by (version, role) ({each} * {info})"},
    )
    yield (
        "Decisions",
        "percentunit",
        "The share of each decision; nothing where a model decides nothing.",
        {"{{decision}}": f"sum by (decision) (rate(loop_decisions_total{{{job}}}[{w}])) / {rows}"},
    )
    yield (
        "Features that were not fresh",
        "percentunit",
        "The share of rows, by view.",
        {"{{view}} {{state}}": f"sum by (view, state) (rate(loop_features_total{{{job}}}[{w}])) / {rows}"},
    )
    unknown = f"sum by (column) (rate(loop_unknown_categories_total{{{job}}}[{w}]))"
    yield (
        "Values that training never saw",
        "percentunit",
        "The share of rows, by column; nothing where no column holds categories.",
        {"{{column}}": f"{unknown} / {rows}"},
    )
    yield (
        "Age of the feature store",
        "h",
        "Since the instant as of which it was filled.",
        {"age": f"max((time() - loop_features_as_of_timestamp_seconds{{{job}}}) / 3600)"},
    )
    yield (
        "Prediction log",
        "none",
        "Rows that wait for the disk, rows a second that are lost, and writes a second that failed.",
        {
            "waiting": f"sum(loop_prediction_log_waiting{{{job}}})",
            "dropped": f"sum(rate(loop_prediction_log_dropped_total{{{job}}}[{w}]))",
            "failed": f"sum(rate(loop_prediction_log_failures_total{{{job}}}[{w}]))",
        },
    )
    yield (
        "Answered for the challenger",
        "reqps",
        "The challenger gave no answer in time, and the champion did.",
        {"fallbacks": f"sum(rate(loop_fallbacks_total{{{job}}}[{w}]))"},
    )
    yield (
        "Shares in production",
        "percent",
        "As git says, not as requests fall.",
        {"{{role}} {{version}}": "max by (role, version) (loop_production_weight_percent)"},
    )
    yield (
        "Days since the last good run",
        "d",
        "Of each schedule. A line that is missing is unknown, not fine.",
        {
            "{{schedule}}": "(time() - max by (schedule) "
            "(loop_schedule_last_good_timestamp_seconds)) / 86400",
        },
    )
    about = "max by (kpi, unit) (loop_kpi_{})"
    yield (
        "What a request came to",
        MONEY,
        "The KPI by the last monitoring run: the newest week that was final, with its interval; nothing "
        "where a problem has none.",
        {f"{{{{kpi}}}} ({{{{unit}}}}), {kind}": about.format(kind) for kind in ("mean", "low", "high")},
    )


def _drawn(at: int, panel: Panel) -> dict[str, Any]:
    title, unit, text, queries = panel
    across = COLUMNS // WIDE
    return {
        "id": at + 1,
        "type": "timeseries",
        "title": title,
        "description": text,
        "datasource": SOURCE,
        "gridPos": {"x": at % across * WIDE, "y": at // across * HIGH, "w": WIDE, "h": HIGH},
        "fieldConfig": {"defaults": {"unit": unit, "min": None if unit == MONEY else 0}, "overrides": []},
        "targets": [
            {"refId": chr(65 + place), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for place, (legend, expression) in enumerate(queries.items())
        ],
    }
