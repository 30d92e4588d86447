"""The review for people: a few lines for the terminal, markdown for the pull request.

Both are made of the verdict alone. Whatever came from data, params or branch names is only words.
"""

from collections.abc import Sequence

from loop.base.markup import figure, fitted, plain, render
from loop.base.template import fill
from loop.repo.inert import shown, steers
from loop.review import comment_figures
from loop.review.verdict import Change, Changes, Verdict
from loop.settings.paths import REVIEW

LONGEST = 55_000  # bytes; GitHub refuses a comment of more than 65,536 characters
CUT = "_The report is cut here, because it would be too long; `review/report.html` has all of it._"
HEADLINES = {
    "better": "Better: this change may become the champion",
    "equivalent": "Equivalent: this change may become the champion",
    "worse": "Worse: this change may not become the champion",
    "inconclusive": "Inconclusive: a person decides",
    "no model change": "No model change: the model stays as it is",
}


def headline(verdict: Verdict) -> str:
    """The verdict as a sentence: worse is what loses against the champion, refused what breaks a limit."""
    failed = [check.name for check in verdict.checks if check.result == "fail"]
    compared = any(name in ("primary", "slices") or name.startswith("guards.") for name in failed)
    if verdict.verdict == "worse" and failed and not compared:
        return "Refused: this change may not become the champion"
    return HEADLINES[verdict.verdict]


def terminal(verdict: Verdict) -> str:
    """One sentence with the verdict and its reason, then the few lines that matter."""
    values = {
        **dict(verdict),
        "headline": headline(verdict),
        "wide": max((len(metric.title) for metric in verdict.metrics), default=0),
        "bad": [check for check in verdict.checks if check.result != "pass"],
        "folder": REVIEW,
    }
    return fill("loop.review", "terminal.txt.j2", **values, plain=plain, figure=figure)


def markdown(verdict: Verdict) -> str:
    """The report for the pull request, at most 55,000 bytes: cut after a section, with a note."""
    bad = [check for check in verdict.checks if check.result != "pass"]
    values = {
        "headline": headline(verdict),
        "bad": bad,
        "gains": comment_figures.gains(verdict.metrics),
        "gaps": comment_figures.calibration(verdict.calibration),
        "glance": glance(verdict.changes),
        "steering": shown(path for path in verdict.changes.unlisted if steers(path)),
        "judge": shown(verdict.changes.judge),
    }
    return fitted(render("loop.review", "review.md.j2", {**dict(verdict), **values}), LONGEST, CUT)


def glance(found: Changes) -> dict[str, Sequence[Change | str]]:
    """What changed, of each kind; the judge, and what steers, have lines of their own."""
    return {
        "params": found.params,
        **{f"code of {stage}": entries for stage, entries in found.code.items()},
        "data": found.data,
        "drift of the training set": found.drift,
        "environment": found.environment,
        "training time": [found.training] if found.training else [],
        "policy": found.policy,
        "other code, that no stage lists": shown(path for path in found.unlisted if not steers(path)),
        "files that nothing runs": found.other,
    }
