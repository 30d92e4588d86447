"""What a monitoring run found, for people: a screen for the terminal, short markdown for issues and PRs.

Both are made of the finding alone. Whatever came from data, params or branch names is only words.
"""

import re
from textwrap import wrap

from loop.base.counted import counted
from loop.base.markup import figure, fitted, plain, ready, render
from loop.monitor.report.phrases import (
    HEADLINES,
    alarms,
    gained,
    judged,
    kpi,
    labels,
    moved,
    ranked,
    sentence,
    slice_drift,
    slice_loss,
    state,
    subgroup_gap,
    value,
)
from loop.monitor.schema import FOLDER, Finding, Signal, Window

HTML_REPORT = FOLDER / "report.html"
LONGEST = 8_000  # bytes of markdown
SLICES = 3  # named
WIDE, HIGH = 100, 24  # of a terminal
_PATH = re.compile(r"[\w./-]+", re.ASCII)


def terminal(finding: Finding) -> str:
    """One screen, at most 24 lines of 100 columns: the decision, what speaks for it, and what to do."""
    head = [HEADLINES[finding.decision], *_wrapped("", sentence(finding.reason), 3)]
    body = [
        *_wrapped("since", finding.since or "", 1),
        *_wrapped("to do", finding.todo, 2),
        *_wrapped("matters", ", ".join(_used(finding, name) for name in finding.features_that_matter), 2),
        *_wrapped("slices", "; ".join(slice_loss(one) for one in finding.slices[:SLICES]), 3),
        *_wrapped("drifted", "; ".join(slice_drift(one) for one in finding.drifted[:SLICES]), 2),
        *_wrapped("groups", "; ".join(subgroup_gap(one) for one in finding.subgroups if one.alarm), 2),
        *_wrapped("gain", _gain(finding), 2),
        *_wrapped("kpi", kpi(finding.kpi) if finding.kpi else "", 2),
        *_wrapped("inputs", _window(finding.inputs, finding.source), 1),
        *_wrapped("judged", judged(finding), 3),
        *_wrapped("labels", labels(finding.outcomes) if finding.outcomes else "", 2),
    ]
    tail = [
        *_wrapped("model", _model(finding), 2),
        *_wrapped("report", f"{HTML_REPORT}, runbook {finding.runbook}", 1),
    ]
    alarming = _alarms(finding, HIGH - len(head) - len(body) - len(tail))
    notes: list[str] = []
    for note in (_wrapped("note", one, 2) for one in finding.notes):
        fits = len(head) + len(body) + len(alarming) + len(notes) + len(note) + len(tail) <= HIGH
        notes += note if fits else []
    return "\n".join([*head, *body, *alarming, *notes, *tail])


def markdown(finding: Finding, files: str = "") -> str:
    """The finding in at most 8,000 bytes; what does not fit is left to the HTML report, which the text names.

    `files` is the address of the branch's files, for a link to the runbook; without it, the path alone.
    """
    path = plain(finding.runbook, 100)
    values = {
        "headline": HEADLINES[finding.decision],
        "html_report": HTML_REPORT,
        "path": ready(path) if files and _PATH.fullmatch(path) else None,
        "files": ready(files.rstrip("/")),
        "features": {one.name: one for one in finding.features},
        "signals": ranked(finding.signals),
        "where": _where(finding),
        "gained": _gain(finding),
    }
    told = (labels, moved, sentence, slice_drift, slice_loss, state, subgroup_gap, value)
    filters = {one.__name__: one for one in told} | {"in_words": kpi}
    text = render("loop.monitor.report", "monitor.md.j2", {**dict(finding), **values}, **filters)
    return fitted(text, LONGEST, f"_Cut here, because it would be too long; `{HTML_REPORT}` has all of it._")


def _wrapped(name: str, text: str, most: int | None = None) -> list[str]:
    """A named text in lines of the terminal, at most so many; none where there is nothing to say."""
    room = WIDE - 11
    lines = wrap(plain(text, LONGEST), room, max_lines=most, placeholder=" …") if text else []
    return [f"  {name if place == 0 else '':<8} {line}" for place, line in enumerate(lines)]


def _against(one: Signal) -> str:
    if one.limit is not None:
        return f"limit {figure(one.limit)}"
    return "no limit" if one.p is None else f"p {figure(one.p)} against past windows"


def _alarms(finding: Finding, room: int) -> list[str]:
    """Broken rules and alarms, each in the lines that it needs, as many as have room."""
    rows = [
        f"{plain('.'.join(filter(None, (one.table, one.column))), 120)}: {plain(one.rule, 90)} "
        f"broken by {counted(one.rows, 'row')}{f', {plain(one.where, 300)}' if one.where else ''}"
        for one in finding.breaches
    ]
    rows += [one.summary for one in finding.changes if one.accepted is None]
    rows += [
        ", ".join(
            [
                f"{one.kind}: {plain(one.title, 90)} {value(one)}",
                _against(one),
                *([f"since {plain(one.since, 10)}"] if one.since else []),
                *([] if one.confirmed else [state(one)]),
            ]
        )
        for one in alarms(finding)
    ]
    rows += [
        f"accepted: {one.summary} ({one.accepted})" for one in finding.changes if one.accepted is not None
    ]
    if finding.signals and not rows:
        rows = [f"none of {len(finding.signals)} signals"]
    lines: list[str] = []
    for place, row in enumerate(rows):
        more = _wrapped("" if lines else "alarms", row)
        if len(lines) + len(more) + (place < len(rows) - 1) > room:
            return [*lines, *_wrapped("" if lines else "alarms", f"and {len(rows) - place} more", 1)]
        lines += more
    return lines


def _used(finding: Finding, name: str) -> str:
    """A feature's name and its permutation importance."""
    found = next((one for one in finding.features if one.name == name), None)
    return (
        plain(name, 60)
        if found is None
        else f"{plain(name, 60)} (permutation importance {found.importance:.0%})"
    )


def _gain(finding: Finding) -> str:
    return "" if finding.gain is None else gained(finding.gain, finding.primary)


def _window(window: Window | None, source: str) -> str:
    if window is None:
        return ""
    rows = counted(window.rows, "row")
    return f"{window.since[:10]} until {window.until[:10]}, {rows} ({plain(source, 30)})"


def _model(finding: Finding) -> str:
    model = finding.model
    return (
        f"{plain(model.name, 30)}, commit {model.commit[:12]}, sha256 {model.sha256[:12]}, "
        f"trained on {model.train_from[:10]} until {model.train_until[:10]}"
    )


def _where(finding: Finding) -> str:
    """What was monitored."""
    parts = [
        _model(finding),
        f"inputs of {_window(finding.inputs, finding.source)}" if finding.inputs else "",
        f"judged {judged(finding)}" if judged(finding) else "",
    ]
    return "; ".join(filter(None, parts))
