"""review: may this change become the champion? One verdict, with its evidence.

The policy and the settings of the statistics are the base's. Whatever keeps the comparison from
being made ends in "inconclusive" with the reason, never in a silent pass.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from loop.base import exit_codes, files, json_text
from loop.base.errors import LoopError, UsageError, debugging, first_line, mistake
from loop.base.warning import warn
from loop.data import score_columns, without_time
from loop.repo import workflow_event
from loop.repo.worktree import Checkout, checkout
from loop.review import candidate as candidates
from loop.review import champion as champions
from loop.review import (
    changes,
    checks,
    compare,
    conclusion,
    error_slices,
    feed_check,
    holdout_looks,
    review_html,
    review_report,
    which_champion,
)
from loop.review import rerun_check as reruns
from loop.review.base import Base, resolve
from loop.review.candidate import Candidate
from loop.review.champion import Champion
from loop.review.champion_comparison import Comparison
from loop.review.compare import Rows
from loop.review.verdict import NO_CHANGES, Changes, Check, Look, Verdict, conclude, decide
from loop.settings import params, renamed
from loop.settings.paths import GOLDEN, HOLDOUT, PARAMS, PIPELINE_LOCK, PREDICTIONS, REVIEW
from loop.settings.review_policy import Policy
from loop.stats import spending

BLOCKS, SINGLES = 11, 20  # latency: blocks of each model in turn, single predictions in each


@dataclass(frozen=True)
class Review:
    """The verdict, and the rows and slices to draw figures from when models were compared."""

    verdict: Verdict
    rows: Rows | None = None
    slices: list[compare.Slice] | None = None


def main(against: str, rerun: bool) -> int:
    """Review, write review/, print the lines that matter; the exit code is the verdict."""
    if not PARAMS.is_file():
        raise LoopError(f"{PARAMS} is missing", "a file of params", "run from the repository's root")
    done = review(against, rerun)
    files.write_text(REVIEW / "verdict.json", done.verdict.model_dump_json(indent=2) + "\n")
    files.write_text(REVIEW / "report.md", review_report.markdown(done.verdict))
    files.write_text(REVIEW / "report.html", review_html.report(done.verdict, done.rows, done.slices))
    if rerun:
        _leave_run(done.verdict)
    print(review_report.terminal(done.verdict))
    return exit_codes.REVIEW[done.verdict.verdict]


def _leave_run(verdict: Verdict) -> None:
    """The run of this training beside the report, for whoever may write to MLflow; none is no fault."""
    from loop.model import lineage, run_file, tracking

    try:
        run_file.leave(REVIEW, lineage.load()["model"]["sha256"], verdict.verdict)
    except tracking.troubles() as error:
        warn(f"the run of this training is not kept: {first_line(error, 200)}")


def review(against: str, rerun: bool = False) -> Review:
    """The verdict on the working tree against a base branch; the tree stays as it is.

    With `rerun`, results are made again first, and those that the branch committed are held
    against them: another check, named `rerun`. What could not be done is the reason of an
    "inconclusive"; nothing is raised but for a base that is none, and with LOOP_DEBUG=1.
    """
    base, found = Base(against, "", ""), NO_CHANGES
    try:
        base = resolve(against)
        found = changes.in_git(base)
        reruns.refuse_tracked()
        first = _rerun(base) if rerun else []
        contract = checks.contract(candidates.breaches())
        if contract.result == "fail":
            return Review(conclusion.refused(base, found, contract))
        if not changes.touch_the_model(base, found):
            return Review(conclusion.nothing(base, found))
        return _judge(base, found, [contract, *first])
    except UsageError:
        raise
    except Exception as error:  # whatever it is: no verdict, and no pass
        if debugging() and not isinstance(error, LoopError):
            raise
        fault = mistake(error) or LoopError(
            f"the review failed: {type(error).__name__}: {error}",
            "code that takes the examples as they are",
            "`loop --debug review` shows where",
        )
        return Review(conclusion.inconclusive(base, found, fault))


def _rerun(base: Base) -> list[Check]:
    try:
        reruns.rerun(base)
    except LoopError:
        if candidates.breaches():  # of the data: the contract's check says which
            return []
        raise
    return [reruns.check(base)]


@dataclass(frozen=True)
class _Case:
    """What is judged, by which rules; `rival` is the commit of the champion."""

    base: Base
    rival: Base
    found: Changes
    first: list[Check]
    policy: Policy
    settings: params.Resampling
    notes: list[str]
    candidate: Candidate


def _judge(base: Base, found: Changes, first: list[Check]) -> Review:
    policy, settings, notes = _policy(base)
    candidate = candidates.take()
    mine = compare.scored(candidate.holdout, candidate.predictions, "candidate")
    rival, served_note = which_champion.champion(base)
    notes += [*served_note, *conclusion.behind(base), *without_time.notes()]
    case = _Case(base, rival, found, first, policy, settings, notes, candidate)
    if base.text(PIPELINE_LOCK) is None:
        score = score_columns.array(mine)
        return _decide(case, compare.rows(candidate.holdout, (score, score), settings))
    with checkout(rival.commit, Path.cwd()) as home:
        champion = champions.bring(rival, home, candidate.windows)
        theirs = compare.scored(champion.examples, champion.predictions, "champion")
        rows = compare.align(mine, theirs, settings)
        case.notes.extend(conclusion.few(rows))
        comparison = _comparison(case, champion, rows, home)
    look = _look(case, champion, rows, comparison)
    case.notes.extend(conclusion.older(champion.windows, candidate.windows))
    if look:
        name = policy.primary.metric
        gains = comparison.gains | {name: spending.widened(comparison.gains[name], look.times)}
        comparison = replace(comparison, gains=gains)
    return _decide(case, rows, champion, comparison, look)


def _look(case: _Case, champion: Champion, rows: Rows, comparison: Comparison) -> Look | None:
    """Which look at the holdout this is, remembered; none for the champion's own model and scores."""
    candidate = case.candidate
    if candidate.md5 == champion.md5 and not any(abs(one.gain) > 0 for one in comparison.gains.values()):
        return None
    shift = (rows.scores[1] - rows.scores[0]).mean(axis=0).reshape(-1).round(6).tolist()
    window = candidate.windows.holdout
    fork = workflow_event.of_fork()
    this = holdout_looks.Look(
        model=candidate.md5,
        window=window,
        champion=champion.md5,
        shift=tuple(shift),
        fork=fork,
        scores=files.md5(PREDICTIONS),
        rows=holdout_looks.decided(rows.examples["decided_at"]),
        usual=champion.windows.holdout,
    )
    number = holdout_looks.number(this)
    holdout_looks.keep(this)
    times = spending.times(number, rows.weight.shape[1], case.settings.confidence)
    when = [f"{at:{params.ISO}}" for at in this.rows]
    return Look(
        number=number, model=candidate.md5, times=times, champion=champion.md5, shift=shift, rows=when
    )


def _comparison(case: _Case, champion: Champion, rows: Rows, home: Checkout) -> Comparison:
    try:
        golden = json_text.parse(case.rival.text(GOLDEN) or "[]")
    except ValueError:
        golden = []  # none can be compared: the check says so
    return Comparison(
        gains=compare.gains(rows, case.settings),
        slices=compare.slices(rows, case.policy, case.settings),
        golden=golden if isinstance(golden, list) else [],
        md5=champion.md5,
        seconds=_latencies(home),
    )


def _decide(
    case: _Case,
    rows: Rows,
    champion: Champion | None = None,
    comparison: Comparison | None = None,
    look: Look | None = None,
) -> Review:
    """The verdict of all checks; without a champion, of those that need none."""
    own, params_of_base = case.candidate.windows, case.base.yaml(PARAMS)
    moved = feed_check.changes(champion.windows, own, params_of_base) if champion else []
    found = [*case.first, *checks.every(case.policy, case.candidate, rows, comparison)]
    found += [feed_check.check(moved)] if champion else []
    table = conclusion.table(case.policy, comparison.gains) if comparison else []
    outcome, sentence = decide(found, table[0] if table else None)
    verdict = conclude(
        case.base,
        changes.with_results(case.found, case.rival, case.candidate, champion, case.settings.cluster),
        outcome,
        sentence,
        confidence=case.settings.confidence,
        champion=f"{case.rival.name}, {champion.md5[:12]}, {champion.how}" if champion else "none yet",
        holdout=conclusion.holdout(rows, f"{case.candidate.windows.holdout.until:%Y-%m-%d}", case.settings),
        look=look,
        metrics=table,
        slices=conclusion.moved(comparison.slices, case.policy.slices.alpha) if comparison else [],
        slices_compared=len(comparison.slices) if comparison else 0,
        calibration=conclusion.calibration(rows) if comparison else None,
        errors=error_slices.find(rows, case.candidate.holdout, case.settings),
        feed_changes=moved,
        checks=found,
        notes=case.notes,
    )
    return Review(verdict, rows, comparison.slices) if comparison else Review(verdict)


def _latencies(home: Checkout) -> tuple[list[float], list[float]]:
    """Seconds of single predictions of champion and candidate, in turns: both meet the same noise."""
    here = Checkout(Path.cwd(), Path(sys.executable), home.group)
    taken: tuple[list[float], list[float]] = ([], [])
    with home.scorer() as theirs, here.scorer() as ours:
        for _ in range(BLOCKS):
            for scorer, place, seconds in ((theirs, home, taken[0]), (ours, here, taken[1])):
                answer = scorer.ask(time=str(place.path / HOLDOUT), rows=SINGLES)
                seconds.extend(answer["seconds"])
    return taken


def _policy(base: Base) -> tuple[Policy, params.Resampling, list[str]]:
    """The base's policy and settings, and notes; the working tree's where the base never had any."""
    values, notes = base.yaml(PARAMS), []
    where = Path(f"{PARAMS} on {base.name}")
    if base.text(PIPELINE_LOCK) is None:
        if base.ever_had_a_champion():
            raise LoopError(
                f"{PIPELINE_LOCK} was taken away from {base.name}",
                "the lock that names the champion",
                f"`git log -1 -- {PIPELINE_LOCK}` on {base.name} shows when; bring it back there",
            )
        if not (isinstance(values, dict) and "review" in values):
            values, where = params.whole(), PARAMS
            notes = [f"{base.name} has no policy yet: judged by the policy of this change itself"]
    if not isinstance(values, dict) or not {"review", "evaluate"} <= values.keys():
        raise LoopError(
            f"{where} lacks the section `review` or `evaluate`",
            "the policy of the base, and how its intervals are made",
            f"add them on {base.name}",
        )
    if renamed.keys(values):
        notes.append(f"{where} has names of an older version, which are read as those of today")
    policy = params.of_commit("review", values, Policy, where)
    return policy, params.of_commit("evaluate", values, params.Resampling, where), notes
