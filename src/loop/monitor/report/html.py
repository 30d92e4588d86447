"""What a monitoring run found as one HTML page that needs nothing but itself: `monitor/report.html`."""

from loop.base.markup import render
from loop.monitor.report import monitor_figures
from loop.monitor.report.phrases import (
    HEADLINES,
    alarms,
    gained,
    judged,
    labels,
    moved,
    named,
    sentence,
    state,
    value,
    week,
)
from loop.monitor.schema import Finding


def report(finding: Finding) -> str:
    """The report: the decision and what to do, then the loss, since when, what moved, and which labels."""
    values = {
        **dict(finding),
        "headline": HEADLINES[finding.decision],
        "figures": monitor_figures.draw(finding),
        "alarms": alarms(finding),
        "judged": judged(finding),
        "rows": monitor_figures.ROWS,
        "shown": len(monitor_figures.shown(finding.features)),
        "named_features": {one.name: one for one in finding.features},
    }
    filters = {one.__name__: one for one in (gained, labels, moved, named, sentence, state, value, week)}
    return render("loop.monitor.report", "monitor.html.j2", values, **filters)
