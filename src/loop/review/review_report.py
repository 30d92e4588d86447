"""The review for people: a few lines for the terminal, markdown for the pull request.

Both are made of the verdict alone. Whatever came from data, params or branch names passes
through `prose` or `code`; what is left are words and figures of our own.
"""

from collections.abc import Iterable

from loop.base.markup import code, figure, plain, prose
from loop.review.verdict import Changes, Gate, Metric, Moved, Slice, Verdict

LONGEST = 55_000  # characters; GitHub refuses a comment of more than 65,536
FIRST = 5  # changes of a kind that are shown before the fold
HEADLINES = {
    "better": "Better: this change may become the champion",
    "equivalent": "Equivalent: this change may become the champion",
    "worse": "Worse: this change may not become the champion",
    "cannot tell": "Cannot tell: a person decides",
    "nothing to judge": "Nothing to judge: the model stays as it is",
}
SIGNS = {"pass": "pass", "fail": "**fail**", "cannot tell": "**cannot tell**"}


def terminal(verdict: Verdict) -> str:
    """One sentence with the verdict and its reason, then the few lines that matter."""
    lines = [f"{HEADLINES[verdict.verdict]}", f"  {plain(verdict.sentence, 2000)}"]
    if verdict.todo:
        lines.append(f"  to do: {plain(verdict.todo)}")
    if verdict.metrics:
        wide = max(len(metric.title) for metric in verdict.metrics)
        lines += ["", *(_line(metric, wide) for metric in verdict.metrics)]
    bad = [gate for gate in verdict.gates if gate.result != "pass"]
    if verdict.gates:
        passed = len(verdict.gates) - len(bad)
        lines += ["", f"  {passed} of {len(verdict.gates)} gates pass"]
    lines += [f"  {gate.result}: {gate.name}: {plain(gate.said)}" for gate in bad]
    lines += [f"  note: {plain(note)}" for note in verdict.notes]
    return "\n".join(lines)


def markdown(verdict: Verdict) -> str:
    """The report for the pull request, at most 55,000 characters: cut after a section, and said so."""
    sections = [
        _head(verdict),
        _notes(verdict),
        _metrics(verdict),
        _failures(verdict),
        _glance(verdict),
        _reproduce(verdict),
        _picture(verdict),
        _gates(verdict.gates),
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
    word = "shown only" if metric.margin is None else metric.word
    return (
        f"  {metric.title:<{wide}}  {figure(metric.champion)} -> {figure(metric.candidate)}  "
        f"gain {figure(metric.gain, '+.4f')} [{figure(metric.low, '+.4f')}, {figure(metric.high, '+.4f')}]  "
        f"{word}{role}"
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
        f"| {figure(metric.gain, '+.4f')} | {_interval(metric.low, metric.high)} | {_word(metric)} |"
        for metric in verdict.metrics
    ]
    return "\n".join(
        [*head, *rows, "", f"{where} A gain above zero is better, whichever way the metric points."]
    )


def _named(metric: Metric) -> str:
    name = prose(metric.title)
    return f"**{name}** (decides)" if metric.role == "primary" else name


def _word(metric: Metric) -> str:
    if metric.margin is None:
        return "shown only"
    word = f"**{metric.word}**" if metric.word in ("worse", "better") else metric.word
    return f"{word}, margin {metric.margin:g}"


def _interval(low: float | None, high: float | None) -> str:
    return f"{figure(low, '+.4f')} to {figure(high, '+.4f')}"


def _failures(verdict: Verdict) -> str:
    bad = [gate for gate in verdict.gates if gate.result != "pass"]
    if not verdict.gates:
        return ""
    if not bad:
        return f"**All {len(verdict.gates)} gates pass.**"
    good = len(verdict.gates) - len(bad)
    lines = [f"- {SIGNS[gate.result]}: {code(gate.name)} {prose(gate.said)}" for gate in bad]
    return "\n".join([f"**{good} of {len(verdict.gates)} gates pass.** Not these:", "", *lines])


def _gates(gates: list[Gate]) -> str:
    return _fold(f"Gates: all {len(gates)}, with the reason of each limit", _table(gates)) if gates else ""


def _table(gates: Iterable[Gate]) -> list[str]:
    rows = [
        f"| {code(gate.name)} | {SIGNS[gate.result]} | {prose(gate.said)} | {prose(gate.reason)} |"
        for gate in gates
    ]
    return ["| gate | | found | why this limit |", "|---|---|---|---|", *rows]


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
    word = "**worse**" if part.worse else "gained" if (part.gain or 0) > 0 else "lost, within the margin"
    return (
        f"| {prose(part.cut)} | {code(part.name)} | {part.rows:,} | {figure(part.champion)} "
        f"| {figure(part.candidate)} | {figure(part.gain, '+.4f')} | {_interval(part.low, part.high)} "
        f"| {figure(part.p, '.4f')} | {word} |"
    )


def _glance(verdict: Verdict) -> str:
    """What changed, a line of each kind."""
    found = verdict.changes
    kinds = {
        "params": [_change(row) for row in found.params],
        **{f"code of {stage}": [code(line) for line in told] for stage, told in found.code.items()},
        "data": [_change(row) for row in found.data],
        "drift of the training set": [code(line) for line in found.drift],
        "environment": [_change(row) for row in found.environment],
        "training time": [_change(found.training)] if found.training else [],
        "policy": [_change(row) for row in found.policy],
        "files that no stage reads": [code(path) for path in found.other],
    }
    lines = [f"- **{prose(kind)}**: {_first(told)}" for kind, told in kinds.items() if told]
    if found.policy:
        lines.append(
            f"- **the policy changes**: judged by the one of {code(verdict.base.name)}, where it has one"
        )
    if found.judge:
        told = _first([code(path) for path in found.judge])
        lines.append(f"- **code that judges changes**, read it with care: {told}")
    return "\n".join(["**What changed**", "", *lines]) if lines else ""


def _first(told: list[str]) -> str:
    more = f", and {len(told) - FIRST} more" if len(told) > FIRST else ""
    return "; ".join(told[:FIRST]) + more


def _change(row: Moved) -> str:
    return f"{code(row.name)} {_cell(row.old)} → {_cell(row.new)}"


def _changes(found: Changes) -> str:
    """Every change, for whom the glance was too short."""
    lines: list[str] = []
    for kind in ("params", "policy", "data", "environment"):
        rows: list[Moved] = getattr(found, kind)
        if rows:
            lines += ["", f"**{kind}**", "", "| | was | is |", "|---|---|---|"]
            lines += [f"| {code(row.name)} | {_cell(row.old)} | {_cell(row.new)} |" for row in rows]
    for stage, told in found.code.items():
        lines += [
            "",
            f"**code of {code(stage)}** and what follows it",
            "",
            *(f"- {code(line)}" for line in told),
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
