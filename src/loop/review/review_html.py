"""The review as one HTML page that needs nothing but itself: what the comment says, with figures."""

from typing import Any

from loop.base.markup import render
from loop.review import review_figures
from loop.review.review_report import headline
from loop.review.verdict import Verdict


def report(verdict: Verdict, rows: Any = None, slices: Any = None) -> str:
    """The report; with figures where models were compared (`rows` and `slices` of the comparison)."""
    drawn = review_figures.draw(verdict.metrics, verdict.calibration, rows, slices) if verdict.metrics else {}
    values = {**dict(verdict), "headline": headline(verdict), "figures": drawn}
    return render("loop.review", "review.html.j2", values)
