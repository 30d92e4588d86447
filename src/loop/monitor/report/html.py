"""What a look found as one HTML page that needs nothing but itself: `monitor/report.html`."""

import re

from markupsafe import Markup, escape

from loop.markup import render
from loop.monitor import figures
from loop.monitor.finding import Finding
from loop.monitor.words import HEADLINES, alarms, gained, labels, moved, named, sentence, value


def page(finding: Finding) -> str:
    """The page: the decision and what to do, then whether it hurts, since when, what moved, which labels."""
    values = {
        **dict(finding),
        "headline": HEADLINES[finding.decision],
        "figures": figures.draw(finding),
        "alarms": alarms(finding),
        "rows": figures.ROWS,
        "shown": len(figures.shown(finding.features)),
        "used": {one.name: one for one in finding.features},
    }
    said = {one.__name__: one for one in (gained, labels, moved, named, sentence, spans, value)}
    return render("loop.monitor", "monitor.html.j2", values, **said)


def spans(text: str) -> Markup:
    """Escaped text in which what stands between backticks is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before
