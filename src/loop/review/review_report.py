"""The review for people: a few lines for the terminal, markdown for the pull request.

Both are made of the verdict alone. Whatever came from data, params or branch names passes
through `prose` or `code`; what is left are words and figures of our own.
"""

from collections.abc import Iterable

from loop.base.markup import code, figure, plain, prose
from loop.review.verdict import Change, Changes, Check, Metric, Slice, Verdict

LONGEST = 55_000  # characters; GitHub refuses a comment of more than 65,536
FIRST = 5  # changes of a kind that are shown before the fold
HEADLINES = {
    "better": "Better: this change may become the champion",
    "equivalent": "Equivalent: this change may become the champion",
    "worse": "Worse: this change may not become the champion",
    "inconclusive": "Inconclusive: a person decides",
    "no model change": "No model change: the model stays as it is",
}
SIGNS = {"pass": "pass", "fail": "**fail**", "inconclusive": "**inconclusive**"}


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
    return "\n".join(lines)


def markdown(verdict: Verdict) -> str:
    """The report for the pull request, at most 55,000 characters: cut after a section, with a note."""
    sections = [
        _head(verdict),
        _notes(verdict),
        _metrics(verdict),
        _failures(verdict),
        _glance(verdict),
        _reproduce(verdict),
        _picture(verdict),
        _checks(verdict.checks),
        _slices(verdict),
        _changes(verdict.changes),
    ]
    note = "\n_The report is cut here, because it would be too long; `review/report.html` has all of it._\n"
    text = ""
    for section in filter(None, sections):
        if len(text) + len(section) + 2 + len(note) > LONGEST:
            return text + note
        text += section + "\n\n"
    return text.rstrip() + "\n"


def _line(metric: Metric, wide: int) -> str:
    role = " (decides)" if metric.role == "primary" else ""
    outcome = "shown only" if metric.margin is None else metric.verdict
    return (
        f"  {metric.title:<{wide}}  {figure(metric.champion)} -> {figure(metric.candidate)}  "
        f"gain {figure(metric.gain, '+.4f')} [{figure(metric.low, '+.4f')}, {figure(metric.high, '+.4f')}]  "
        f"{outcome}{role}"
    )


def _head(verdict: Verdict) -> str:
    lines = [f"## {HEADLINES[verdict.verdict]}", "", f"{prose(verdict.sentence)}"]
    if verdict.todo:
        lines += ["", f"**To do:** {prose(verdict.todo)}"]
    return "\n".join(lines)


def _notes(verdict: Verdict) -> str:
    return "\n\n".join(f"**Note:** {prose(note)}" for note in verdict.notes)


def _metrics(verdict: Verdict) -> str:
    found = verdict.holdout
    where = ""
    if found:
        where = (
            f"{found.rows:,} rows of {code(found.since)} until {code(found.until)}, which neither model was "
            f"trained on; {found.clusters} clusters ({code(found.cluster)}) resampled."
        )
    if not verdict.metrics:
        return where
    head = [
        f"| | {_cell(verdict.base.name)} | candidate | gain | {verdict.confidence or 0:.0%} interval | |",
        "|---|--:|--:|--:|:-:|---|",
    ]
    rows = [
        f"| {_named(metric)} | {figure(metric.champion)} | {figure(metric.candidate)} "
        f"| {figure(metric.gain, '+.4f')} | {_interval(metric.low, metric.high)} | {_judged(metric)} |"
        for metric in verdict.metrics
    ]
    return "\n".join(
        [*head, *rows, "", f"{where} A gain above zero is better, whichever way the metric points."]
    )


def _named(metric: Metric) -> str:
    name = prose(metric.title)
    return f"**{name}** (decides)" if metric.role == "primary" else name


def _judged(metric: Metric) -> str:
    if metric.margin is None:
        return "shown only"
    outcome = f"**{metric.verdict}**" if metric.verdict in ("worse", "better") else metric.verdict
    return f"{outcome}, margin {metric.margin:g}"


def _interval(low: float | None, high: float | None) -> str:
    return f"{figure(low, '+.4f')} to {figure(high, '+.4f')}"


def _failures(verdict: Verdict) -> str:
    bad = [check for check in verdict.checks if check.result != "pass"]
    if not verdict.checks:
        return ""
    if not bad:
        return f"**All {len(verdict.checks)} checks pass.**"
    good = len(verdict.checks) - len(bad)
    lines = [f"- {SIGNS[check.result]}: {code(check.name)} {prose(check.finding)}" for check in bad]
    return "\n".join([f"**{good} of {len(verdict.checks)} checks pass.** Not these:", "", *lines])


def _checks(checks: list[Check]) -> str:
    return (
        _fold(f"Checks: all {len(checks)}, with the reason of each limit", _table(checks)) if checks else ""
    )


def _table(checks: Iterable[Check]) -> list[str]:
    rows = [
        f"| {code(check.name)} | {SIGNS[check.result]} | {prose(check.finding)} | {prose(check.reason)} |"
        for check in checks
    ]
    return ["| check | | found | why this limit |", "|---|---|---|---|", *rows]


def _picture(verdict: Verdict) -> str:
    """Gains with their intervals as text, each scaled to its margin."""
    judged = [metric for metric in verdict.metrics if metric.margin and metric.low is not None]
    if not judged:
        return ""
    wide = max(len(plain(metric.title, 30)) for metric in judged)
    head = f"{'':<{wide}}  {'worse':<10}-margin    0    +margin{'better':>10}"
    bars = [f"{plain(metric.title, 30):<{wide}}  {_bar(metric)}" for metric in judged]
    return _fold(
        "Gains and intervals, drawn", ["```text", head, *(bar.replace("`", "'") for bar in bars), "```"]
    )


def _bar(metric: Metric) -> str:
    """Forty-one places from three margins below zero to three above; an arrow where the interval goes on."""

    def place(value: float | None) -> int:
        return round(20 + 20 * max(-1.0, min(1.0, (value or 0.0) / (3 * (metric.margin or 1.0)))))

    low, middle, high = place(metric.low), place(metric.gain), place(metric.high)
    signs = [" "] * 41
    for at in (13, 20, 27):
        signs[at] = "┊"
    for at in range(low, high + 1):
        signs[at] = "─"
    signs[low], signs[high] = "├", "┤"
    signs[middle] = "●"
    if low == 0:
        signs[0] = "◄"
    if high == 40:
        signs[40] = "►"
    return "".join(signs).rstrip()


def _slices(verdict: Verdict) -> str:
    if not verdict.slices_compared:
        return ""
    title = f"Slices: {len(verdict.slices)} of {verdict.slices_compared} moved"
    if not verdict.slices:
        return f"No slice of {verdict.slices_compared} moved (corrected for looking at so many)."
    rows = [_slice(part) for part in verdict.slices]
    head = [
        f"| | slice | rows | {_cell(verdict.base.name)} | candidate | gain | interval | p (Holm) | |",
        "|---|---|--:|--:|--:|--:|:-:|--:|---|",
    ]
    return _fold(title, [*head, *rows])


def _slice(part: Slice) -> str:
    outcome = "**worse**" if part.worse else "gained" if (part.gain or 0) > 0 else "lost, within the margin"
    return (
        f"| {prose(part.cut)} | {code(part.name)} | {part.rows:,} | {figure(part.champion)} "
        f"| {figure(part.candidate)} | {figure(part.gain, '+.4f')} | {_interval(part.low, part.high)} "
        f"| {figure(part.p, '.4f')} | {outcome} |"
    )


def _glance(verdict: Verdict) -> str:
    """What changed, a line of each kind."""
    found = verdict.changes
    kinds = {
        "params": [_change(row) for row in found.params],
        **{f"code of {stage}": [code(line) for line in entries] for stage, entries in found.code.items()},
        "data": [_change(row) for row in found.data],
        "drift of the training set": [code(line) for line in found.drift],
        "environment": [_change(row) for row in found.environment],
        "training time": [_change(found.training)] if found.training else [],
        "policy": [_change(row) for row in found.policy],
        "files that no stage reads": [code(path) for path in found.other],
    }
    lines = [f"- **{prose(kind)}**: {_first(entries)}" for kind, entries in kinds.items() if entries]
    if found.policy:
        lines.append(
            f"- **the policy changes**: judged by the one of {code(verdict.base.name)}, where it has one"
        )
    if found.judge:
        entries = _first([code(path) for path in found.judge])
        lines.append(f"- **code that judges changes**, read it with care: {entries}")
    return "\n".join(["**What changed**", "", *lines]) if lines else ""


def _first(entries: list[str]) -> str:
    more = f", and {len(entries) - FIRST} more" if len(entries) > FIRST else ""
    return "; ".join(entries[:FIRST]) + more


def _change(row: Change) -> str:
    return f"{code(row.name)} {_cell(row.old)} → {_cell(row.new)}"


def _changes(found: Changes) -> str:
    """Every change, for whom the glance was too short."""
    lines: list[str] = []
    for kind in ("params", "policy", "data", "environment"):
        rows: list[Change] = getattr(found, kind)
        if rows:
            lines += ["", f"**{kind}**", "", "| | was | is |", "|---|---|---|"]
            lines += [f"| {code(row.name)} | {_cell(row.old)} | {_cell(row.new)} |" for row in rows]
    for stage, entries in found.code.items():
        lines += [
            "",
            f"**code of {code(stage)}** and what follows it",
            "",
            *(f"- {code(line)}" for line in entries),
        ]
    if found.judge:
        lines += ["", "**code of the judge**", "", *(f"- {code(path)}" for path in found.judge)]
    if found.other:
        lines += ["", "**files that no stage reads**", "", *(f"- {code(path)}" for path in found.other)]
    return _fold("Every change", lines) if lines else ""


def _reproduce(verdict: Verdict) -> str:
    name = "" if verdict.candidate.name == "HEAD" else f"{code(verdict.candidate.name)} "  # on no branch
    here = " with changes that are not committed: commit them to review the same elsewhere"
    about = (
        f"candidate {name}{code(verdict.candidate.commit[:12])}"
        f"{here if verdict.candidate.dirty else ''}, "
        f"{code(verdict.base.name)} {code(verdict.base.commit[:12])}"
    )
    champion = f" Champion: {prose(verdict.champion)}." if verdict.champion else ""
    commands = [plain(command).replace("`", "'") for command in verdict.reproduce]
    return "\n".join(
        ["**Reproduce**", "", "```sh", *commands, "```", "", f"{about[:1].upper()}{about[1:]}.{champion}"]
    )


def _cell(value: str | None) -> str:
    return "none" if value is None else code(value)


def _fold(title: str, lines: list[str]) -> str:
    return "\n".join([f"<details><summary>{title}</summary>", "", *lines, "", "</details>"])
