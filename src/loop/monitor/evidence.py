"""A finding in markdown, for a pull request or an issue: foreign texts are words only, whatever they hold."""

from loop.markup import code, figure, prose
from loop.monitor.finding import Breach, Feature, Finding, Gain

LONGEST = 60_000  # bytes; GitHub refuses a body of more than 65,536 signs, and CML gets it as one argument
BREACHES = 50  # rows of a table of broken rules


def markdown(finding: Finding) -> str:
    """The decision, its reason and first day, the features that matter, and what a retrain gains."""
    since = f" since {prose(finding.since)}" if finding.since else ""
    lines = [f"**{finding.decision.capitalize()}**{since}: {prose(finding.reason)}"]
    lines += ["", f"Looked at {prose(finding.now)}, at {prose(finding.model.name)} ({_trained(finding)})."]
    if finding.gain is not None:
        lines += ["", _gain(finding.gain, finding.primary)]
    named = {one.name: one for one in finding.features}
    matter = [named[name] for name in finding.features_that_matter if name in named]
    if matter:
        lines += ["", "| feature | share of the model's use | moved since | measure | value | limit |"]
        lines += ["|---|--:|---|---|--:|--:|", *map(_feature, matter)]
    seen = [one for one in finding.signals if one.alarm]
    if seen:
        lines += ["", *(f"- {prose(one.title)}: {prose(one.said)}" for one in seen)]
    return "\n".join(lines)


def breaches(found: list[Breach]) -> str:
    """The broken rules of a feed, a row each."""
    lines = ["| table | rule | column | rows | examples | to do |", "|---|---|---|--:|---|---|"]
    for one in found[:BREACHES]:
        examples = ", ".join(code(value, 60) for value in one.examples[:3])
        cells = (
            code(one.table),
            code(one.rule),
            code(one.column),
            f"{one.rows:,}",
            examples,
            prose(one.todo),
        )
        lines.append(f"| {' | '.join(cells)} |")
    if len(found) > BREACHES:
        lines.append(f"\nand {len(found) - BREACHES} more, in the run's artifact.")
    return "\n".join(lines)


def capped(text: str) -> str:
    """A text that GitHub takes, cut after a line and said so."""
    raw = text.encode()
    if len(raw) <= LONGEST:
        return text
    whole = raw[:LONGEST].decode(errors="ignore").rpartition("\n")[0]
    return f"{whole}\n\n_Cut here, because it would be too long; the run's artifact has all of it._\n"


def _trained(finding: Finding) -> str:
    return f"trained {prose(finding.model.train_from)} to {prose(finding.model.train_until)}"


def _gain(gain: Gain, primary: str) -> str:
    return (
        f"A model trained {prose(gain.train_from)} to {prose(gain.train_until)} gains {gain.value:+.4f} "
        f"({gain.confidence:.0%} interval {gain.low:+.4f} to {gain.high:+.4f}) in {prose(primary)} on the "
        f"newest {gain.rows:,} rows with a label: {gain.champion:.4f} → {gain.challenger:.4f}."
    )


def _feature(one: Feature) -> str:
    first = one.statistics[0] if one.statistics else None
    name, value, limit = (first.name, first.value, first.limit) if first else ("", None, None)
    cells = (
        code(one.name),
        f"{one.use:.0%}",
        prose(one.since or "-"),
        prose(name),
        figure(value),
        figure(limit),
    )
    return f"| {' | '.join(cells)} |"
