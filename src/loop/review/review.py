"""review: may this change become the champion? One verdict, with its evidence.

The policy and the settings of the statistics are the base's. Whatever keeps the comparison from
being made ends in "cannot tell" with the reason, never in a silent pass.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loop import files, params
from loop.errors import LoopError
from loop.git import git
from loop.paths import GOLDEN, HOLDOUT, PARAMS, PIPELINE_LOCK, REVIEW
from loop.policy import Policy
from loop.review import candidate as candidates
from loop.review import champion as champions
from loop.review import changes, compare, gate, page, report
from loop.review.base import Base, resolve
from loop.review.candidate import Candidate
from loop.review.champion import Champion
from loop.review.checkout import Checkout, checkout
from loop.review.compare import Rows
from loop.review.gate import Contest
from loop.review.verdict import (
    EXIT_CODES,
    NO_CHANGES,
    Changes,
    Commit,
    Gate,
    Holdout,
    Metric,
    Slice,
    Verdict,
    decide,
)
from loop.stats import paired
from loop.yaml_file import load
from problem import metrics

LATENCY_BLOCKS, LATENCY_ROWS = 11, 20  # blocks of each model in turn; single predictions in each


@dataclass(frozen=True)
class Review:
    """The verdict, and the rows to draw figures from when models were compared."""

    verdict: Verdict
    rows: Rows | None = None
    slices: list[compare.Slice] | None = None


def review(against: str) -> Review:
    """The verdict on the working tree against a base branch; the tree stays as it is.

    Never raises LoopError: what could not be done is the reason of a "cannot tell".
    """
    found = NO_CHANGES
    base: Base | None = None
    try:
        base = resolve(against)
        found = changes.in_git(base)
        broken = gate.contract(candidates.breaches())
        if broken.result == "fail":
            return _refused(base, found, broken)
        if not changes.touch_the_model(base, found):
            return _nothing(base, found)
        return _judge(base, found, broken)
    except LoopError as error:
        return _cannot_tell(against, base, found, error)


def main(against: str) -> int:
    """Review, write review/, print the terminal's lines; the exit code is the verdict."""
    done = review(against)
    files.write_text(REVIEW / "verdict.json", done.verdict.model_dump_json(indent=2) + "\n")
    files.write_text(REVIEW / "report.md", report.markdown(done.verdict))
    files.write_text(REVIEW / "report.html", page.page(done.verdict, done.rows, done.slices))
    print(report.terminal(done.verdict))
    print(f"  report      {REVIEW}/report.html, {REVIEW}/report.md")
    return EXIT_CODES[done.verdict.verdict]


def _judge(base: Base, found: Changes, contract: Gate) -> Review:
    policy, settings, notes = _policy(base)
    candidate = candidates.take()
    mine = compare.scored(candidate.holdout, candidate.predictions, "candidate")
    if base.text(PIPELINE_LOCK) is None:
        return _first(base, found, contract, policy, settings, candidate)
    with checkout(base.commit, Path.cwd()) as home:
        champion = champions.bring(base, home, candidate.windows)
        theirs = compare.scored(champion.examples, champion.predictions, "champion")
        rows = compare.align(mine, theirs, settings)
        contest = _contest(base, policy, settings, champion, rows, home)
    gates = [contract, *gate.gates(policy, settings, candidate, rows, contest)]
    table = _metrics(policy, contest)
    word, sentence = decide(gates, next(metric for metric in table if metric.role == "primary"))
    verdict = _verdict(
        base,
        changes.with_results(found, base, candidate, champion, settings.cluster),
        verdict=word,
        sentence=sentence,
        todo=_todo(word),
        confidence=settings.confidence,
        champion=f"{champion.md5[:12]}, {champion.how}",
        holdout=_holdout(rows, candidate, settings),
        metrics=table,
        slices=[_slice(part) for part in contest.slices if part.moved(policy.slices.alpha)],
        slices_compared=len(contest.slices),
        gates=gates,
        notes=notes + _behind(base),
    )
    return Review(verdict, rows, contest.slices)


def _contest(
    base: Base, policy: Policy, settings: params.Resampling, champion: Champion, rows: Rows, home: Checkout
) -> Contest:
    golden = base.text(GOLDEN)
    return Contest(
        rows=rows,
        gains=compare.gains(rows, settings),
        slices=compare.slices(rows, policy, settings),
        golden=json.loads(golden) if golden else [],
        md5=champion.md5,
        seconds=_latencies(home),
    )


def _latencies(home: Checkout) -> tuple[list[float], list[float]]:
    """Seconds of single predictions of champion and candidate, in turns, so that both meet the same noise."""
    here = Checkout(Path.cwd(), Path(sys.executable), home.group)
    taken: tuple[list[float], list[float]] = ([], [])
    with home.scorer() as theirs, here.scorer() as ours:
        for _ in range(LATENCY_BLOCKS):
            for scorer, place, seconds in ((theirs, home, taken[0]), (ours, here, taken[1])):
                seconds += scorer.ask(time=str(place.path / HOLDOUT), rows=LATENCY_ROWS)["seconds"]  # noqa: PLW2901
    return taken


def _policy(base: Base) -> tuple[Policy, params.Resampling, list[str]]:
    """The base's policy and settings; the working tree's where the base has never had any."""
    values, notes = base.yaml(PARAMS), []
    where = Path(f"{PARAMS} on {base.name}")
    first = base.text(PIPELINE_LOCK) is None and not base.ever_had_a_champion()
    if base.text(PIPELINE_LOCK) is None and not first:
        raise LoopError(
            f"{PIPELINE_LOCK} was taken away from {base.name}",
            "the lock that names the champion",
            f"`git log -1 -- {PIPELINE_LOCK}` on {base.name} shows when; bring it back there",
        )
    if first and not (isinstance(values, dict) and "review" in values):
        values, where = load(PARAMS), PARAMS
        notes = [f"{base.name} has no policy yet: judged by the policy of this change itself"]
    if not isinstance(values, dict) or not {"review", "evaluate"} <= values.keys():
        raise LoopError(
            f"{where} has no sections `review` and `evaluate`",
            "the policy of the base",
            f"add them on {base.name}",
        )
    policy = params.parse("review", values["review"], Policy, where)
    return policy, params.parse("evaluate", values["evaluate"], params.Resampling, where), notes


def _first(
    base: Base,
    found: Changes,
    contract: Gate,
    policy: Policy,
    settings: params.Resampling,
    candidate: Candidate,
) -> Review:
    """The first candidate ever: no champion to compare with, the gates that need none decide."""
    mine = compare.scored(candidate.holdout, candidate.predictions, "candidate")
    score = mine["score"].to_numpy(np.float64)
    rows = compare.rows(candidate.holdout, (score, score), settings)
    gates = [contract, *gate.gates(policy, settings, candidate, rows, None)]
    word, sentence = decide(gates, None)
    verdict = _verdict(
        base,
        changes.with_results(found, base, candidate, None, settings.cluster),
        verdict=word,
        sentence=sentence,
        todo=_todo(word),
        confidence=settings.confidence,
        champion="none yet",
        holdout=_holdout(rows, candidate, settings),
        gates=gates,
        notes=_behind(base),
    )
    return Review(verdict)


def _refused(base: Base, found: Changes, broken: Gate) -> Review:
    return Review(
        _verdict(
            base,
            found,
            verdict="worse",
            sentence=f"contract: {broken.said}",
            todo="nothing was trained: mend the data at its source, see reports/validation.json",
            gates=[broken],
        )
    )


def _nothing(base: Base, found: Changes) -> Review:
    what = "the policy, not the model" if found.policy else "nothing that a stage reads"
    sentence = f"this change touches {what}"
    return Review(_verdict(base, found, verdict="nothing to judge", sentence=sentence, notes=_behind(base)))


def _cannot_tell(against: str, base: Base | None, found: Changes, error: LoopError) -> Review:
    base = base or Base(against, "", "")
    todo = f"{error.todo} (expected: {error.expected})"
    return Review(_verdict(base, found, verdict="cannot tell", sentence=error.found, todo=todo))


def _verdict(base: Base, found: Changes, **known: Any) -> Verdict:
    nothing: dict[str, Any] = {
        "todo": "",
        "confidence": None,
        "champion": "",
        "holdout": None,
        "metrics": [],
        "slices": [],
        "slices_compared": 0,
        "gates": [],
        "notes": [],
    }
    return Verdict(
        schema_version=1,
        base=Commit(name=base.name, commit=base.commit, dirty=False),
        candidate=_here(),
        changes=found,
        reproduce=["make run", f"loop review --against {base.commit[:12] or base.name}"],
        **(nothing | known),
    )


def _here() -> Commit:
    try:
        commit, name = git("rev-parse", "HEAD"), git("rev-parse", "--abbrev-ref", "HEAD")
        return Commit(name=name, commit=commit, dirty=bool(git("status", "--porcelain")))
    except LoopError:
        return Commit(name="", commit="", dirty=True)


def _behind(base: Base) -> list[str]:
    count = base.behind()
    return (
        [f"{base.name} has moved on by {count} commits: merge it to be judged as it will be"] if count else []
    )


def _todo(word: str) -> str:
    return {
        "worse": "mend what the gate names; a limit that is wrong is changed in a pull request of its own",
        "cannot tell": "a person decides: look at the gate that could not tell",
    }.get(word, "")


def _holdout(rows: Rows, candidate: Candidate, settings: params.Resampling) -> Holdout:
    decided = rows.examples["decided_at"]
    return Holdout(
        since=f"{decided.min().floor('D'):%Y-%m-%d}" if len(decided) else "",
        until=f"{candidate.windows.holdout.until:%Y-%m-%d}",
        rows=len(rows.label),
        clusters=rows.weight.shape[1],
        cluster=settings.cluster,
    )


def _metrics(policy: Policy, contest: Contest) -> list[Metric]:
    """Primary first, then guards, then the rest."""
    margins = {policy.primary.metric: policy.primary.margin} | {n: g.margin for n, g in policy.guards.items()}
    names = [*margins, *(name for name in contest.gains if name not in margins)]
    return [
        Metric(
            name=name,
            title=metrics.METRICS[name].title,
            role="primary" if name == policy.primary.metric else "guard" if name in margins else "shown",
            margin=margins.get(name),
            word=paired.verdict(contest.gains[name], margins.get(name, 0.0)),
            **_figures(contest.gains[name]),
        )
        for name in names
    ]


def _figures(gain: paired.Gain) -> dict[str, float | None]:
    return {
        name: files.rounded(getattr(gain, name)) for name in ("champion", "candidate", "gain", "low", "high")
    }


def _slice(part: compare.Slice) -> Slice:
    figures = _figures(part.gain)
    return Slice(
        cut=part.cut,
        name=part.name,
        rows=part.gain.rows,
        p=files.rounded(part.p),
        worse=part.worse,
        **figures,
    )
