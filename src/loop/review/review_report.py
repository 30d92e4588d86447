"""The review for people: a few lines for the terminal, markdown for the pull request.

Both are made of the verdict alone. Whatever came from data, params or branch names is only words.
"""

from collections.abc import Sequence

from loop.base.markup import figure, fitted, plain, render
from loop.repo.inert import shown, steers
from loop.review import comment_figures
from loop.review.verdict import Change, Changes, Metric, Verdict
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


def terminal(verdict: Verdict) -> str:
    """One sentence with the verdict and its reason, then the few lines that matter."""
    lines = [f"{HEADLINES[verdict.verdict]}", f"  {plain(verdict.sentence, 2000)}"]
    if verdict.todo:
        lines.append(f"  to do: {plain(verdict.todo)}")
    if verdict.metrics:
        wide = max(len(metric.title) for metric in verdict.metrics)
        lines += ["", *(_line(metric, wide) for metric in verdict.metrics)]
    bad = [check for check in verdict.checks if check.result != "pass"]
    if verdict.checks:
        passed = len(verdict.checks) - len(bad)
        lines += ["", f"  {passed} of {len(verdict.checks)} checks pass"]
    lines += [f"  {check.result}: {check.name}: {plain(check.finding)}" for check in bad]
    lines += [f"  note: {plain(note)}" for note in verdict.notes]
    if verdict.candidate.dirty:
        lines.append("  note: this tree has changes that are not committed")
    return "\n".join([*lines, f"  report      {REVIEW}/report.html, {REVIEW}/report.md"])


def markdown(verdict: Verdict) -> str:
    """The report for the pull request, at most 55,000 bytes: cut after a section, with a note."""
    bad = [check for check in verdict.checks if check.result != "pass"]
    values = {
        "headline": HEADLINES[verdict.verdict],
        "bad": bad,
        "gains": comment_figures.gains(verdict.metrics),
        "gaps": comment_figures.calibration(verdict.calibration),
        "glance": _glance(verdict.changes),
        "steering": shown(path for path in verdict.changes.unlisted if steers(path)),
        "judge": shown(verdict.changes.judge),
    }
    return fitted(render("loop.review", "review.md.j2", {**dict(verdict), **values}), LONGEST, CUT)


def _line(metric: Metric, wide: int) -> str:
    role = " (decides)" if metric.role == "primary" else ""
    outcome = "shown only" if metric.margin is None else metric.verdict
    return (
        f"  {metric.title:<{wide}}  {figure(metric.champion)} -> {figure(metric.candidate)}  "
        f"gain {figure(metric.gain, '+.4f')} [{figure(metric.low, '+.4f')}, {figure(metric.high, '+.4f')}]  "
        f"{outcome}{role}"
    )


def _glance(found: Changes) -> dict[str, Sequence[Change | str]]:
    """What changed, of each kind."""
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
