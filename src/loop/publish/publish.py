"""publish: what a review of a pull request made, brought to the pull request by main's own code.

The comment is rendered from the verdict's values, the status `gate` follows from the run's
conclusion and the verdict, and the branch gets its dvc.lock. Whatever one of these meets, the
others are still done, but there is no success without its evidence.
"""

import traceback
from contextlib import suppress
from pathlib import Path

from loop.base import exit_codes
from loop.base.deadline import within
from loop.base.errors import LoopError
from loop.base.markup import plain, ready, render
from loop.github import comment, commit_status
from loop.github.client import GitHub
from loop.github.commit_status import Gate
from loop.publish import artifact, bring_back, head, looked, pull, results
from loop.publish.artifact import Artifact
from loop.publish.case import Case
from loop.publish.head import Head
from loop.publish.pull import NothingToDo, Pull, Run
from loop.repo import default_branch
from loop.repo.inert import inert, shown, steers
from loop.review import holdout_looks, review_report
from loop.review.verdict import Verdict

# What the review runs, but every team changes.
PROBLEM = {f"src/problem/{name}.py" for name in ("source", "schema", "features", "model")}
SECONDS = 120
_SLOW = (
    f"the review's results take more than {SECONDS} s to read",
    "results of the usual size",
    "look at what the pull request adds to them",
)
_CHECKED = ("tests/", "docs/")  # run beside the review, or not at all
PASSING = ("better", "equivalent")
_WAITS = ("action_required", "skipped", "neutral")


def main(number: int) -> int:
    """Publish the review of a run; 0 when all was done or nothing is to be, 1 when something failed."""
    github, run = GitHub.of_this_run(), None
    try:
        run = pull.run(github, number)
        errors = _guarded(github, run)
    except NothingToDo as reason:
        print(f"nothing to publish: {plain(reason)}")
        errors = _still_a_look(github, run) if run else []
    for error in errors:
        print(f"failed: {plain(error.found)}\n  to do: {plain(error.todo)}")
    return 1 if errors else 0


def _guarded(github: GitHub, run: Run) -> list[LoopError]:
    """Publish, and what failed; where all breaks down, `gate` is an error, and no foreign line is printed."""
    case = None
    try:
        case = _case(github, run)
        _publish(case)
    except NothingToDo:
        raise
    except Exception as error:
        mistake = error if isinstance(error, LoopError) else _fault(error)
        with suppress(LoopError):
            for sha in {run.sha: 0, case.pull.sha if case else run.sha: 0}:
                if case or not commit_status.final(github, sha):  # without a case nothing was judged anew
                    commit_status.put(github, sha, Gate("error", mistake.found), run.url)
        if case:
            _say(case, mistake)
        raise LoopError(plain(mistake.found), plain(mistake.expected), plain(mistake.todo)) from None
    return case.errors


def _still_a_look(github: GitHub, run: Run) -> list[LoopError]:
    """Count what a run judged of which nothing is published: its page showed the report all the same.

    So no later push, closed pull request or cancelled run makes a look that costs nothing. Returns what
    failed; a run without results that can be read showed none.
    """
    if run.conclusion in _WAITS or run.queued:
        return []
    judged, none = Head(run.sha), Pull(0, run.sha, run.branch, run.repository == github.repository)
    case = Case(github, run, none, judged, judged)
    if case.attempt(head.past, github, run.sha) is None:
        return case.errors
    try:
        with within(SECONDS, LoopError(*_SLOW)):
            found = _artifact(case)
        look = looked.at(case, found)
    except LoopError as error:
        print(f"no look at the holdout is counted: {plain(error.found)}")
        return []
    if look:
        number = case.attempt(holdout_looks.publish, look)
        if number:
            print(f"its look at the holdout is on record all the same: number {number} at these rows")
    return case.errors


def _say(case: Case, mistake: LoopError) -> None:
    """The comment where all broke down, of main's own words alone."""
    if case.run.queued:
        return
    case.notes = [f"{mistake.found}. {mistake.todo}."]
    gate, ran = Gate("error", mistake.found), dict[str, list[str]](judging=[], ran=[])
    with suppress(Exception):
        body = _body(case, "## No verdict: it could not be published", gate, ran)
        comment.put(case.github, case.pull.number, case.pull.sha, body)


def _fault(error: Exception) -> LoopError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return LoopError(
        f"publish broke down: {type(error).__name__} in {where}",
        "results that it can read",
        "look at what the pull request does to them; if nothing, this is a fault of ours",
    )


def _case(github: GitHub, run: Run) -> Case:
    if run.conclusion in _WAITS:
        raise NothingToDo(f"run {run.id} ended as {run.conclusion}: it judged nothing")
    found = pull.find(github, run)
    tip = head.queued(github, found) if run.queued else head.fetch(github, found)
    if tip.sha != run.sha and tip.parents() != [run.sha]:
        raise bring_back.moved(tip, run)
    return Case(github, run, found, Head(run.sha), tip)


def _publish(case: Case) -> None:
    """Results to the branch, then the comment, then the statuses."""
    moved = bring_back.moved(case.tip, case.run) if case.tip.sha != case.run.sha else None
    ran, kept = _code_that_ran(case), None
    if case.run.conclusion == "cancelled":
        if moved:
            raise moved
        cancelled = Gate("error", "the review was cancelled: run it again")
        case.attempt(commit_status.put, case.github, case.run.sha, cancelled, case.run.url)
        case.errors.extend(_still_a_look(case.github, case.run))
        return
    try:
        with within(SECONDS, LoopError(*_SLOW)):
            found = _artifact(case)
            text = review_report.markdown(_ours(case, found.verdict))
    except LoopError as error:
        if moved:
            raise moved from None
        case.notes.append(f"{error.found}. {error.todo}.")
        case.notes.append(f"Steps of the run that failed: {_failed(case)}.")
        gate, text = Gate("error", error.found), "## No verdict: the review's results cannot be used"
    else:
        gate = _counted(case, found, _gate(case, found))
        if case.run.queued:
            gate = _complete(case, found, gate)
        else:
            bring_back.bring_back(case, found)
        kept = found
    failures = len(case.errors)
    if not case.run.queued:  # the comment is of the head, and stays
        body = _body(case, text, gate, ran)
        case.attempt(comment.put, case.github, case.pull.number, case.pull.sha, body)
    if len(case.errors) > failures and gate.state == "success":
        gate = Gate("error", "the report could not be written: run publish again")
    for sha in {case.run.sha: 0, case.pull.sha: 0}:
        case.attempt(commit_status.put, case.github, sha, gate, case.run.url)
    print(f"#{case.pull.number} {case.run.sha[:12]}: {commit_status.NAME} is {gate.state}: {plain(gate.why)}")
    if kept:
        _keep_run(case, kept, gate)


def _keep_run(case: Case, found: Artifact, gate: Gate) -> None:
    """The run of a review of an own branch, in MLflow where a server is set; what fails is a warning."""
    from loop.model import kept_run, tracking

    if not found.run or case.run.queued or not case.pull.own or not tracking.server():
        return
    tags = {"pull_request": str(case.pull.number), "review_of": case.run.sha, "review": case.run.url}
    kept_run.keep(found.run, {**tags, "verdict": found.verdict.verdict, "gate": gate.state})


def _artifact(case: Case) -> Artifact:
    """The artifact of the run, checked to speak of this head and of a commit of main."""
    path = f"actions/runs/{case.run.id}/artifacts"
    listed = [one for one in case.github.pages(path, key="artifacts") if one["name"] == artifact.NAME]
    newest = max(listed, key=lambda one: int(one["id"]), default=None)  # a re-run leaves another
    if newest is None or newest["expired"]:
        raise LoopError(
            f"the run left no artifact `{artifact.NAME}`",
            "the artifact of review.yml",
            "the run's log says more",
        )
    if newest["size_in_bytes"] > artifact.LARGEST:
        raise LoopError(
            f"the review's artifact has {newest['size_in_bytes']:,} bytes",
            f"at most {artifact.LARGEST:,}",
            "look at what the pull request adds to it",
        )
    link = f"{case.github.api}/repos/{case.github.repository}/actions/artifacts/{int(newest['id'])}/zip"
    found = artifact.read(case.github.download(link, artifact.LARGEST))
    judged_commit, base = found.verdict.candidate.commit, found.verdict.base.commit
    if case.run.queued:  # on top of the entry before it, which main does not have yet
        judged = case.head.parents()[:1] == [base]
    else:
        judged = Head("HEAD").holds(base) and Head(base).holds(head.merge_base(case.run.sha))
    if judged_commit != case.run.sha or not (
        judged or (base == "" and found.verdict.verdict == "inconclusive")
    ):
        raise LoopError(
            f"the verdict is of {plain(judged_commit, 40)} against {plain(base, 40)}",
            f"one of {case.run.sha} against main, its merge base with this head or later",
            "run the review again",
        )
    return found


def _gate(case: Case, found: Artifact) -> Gate:
    """Success only where both the run and its verdict say so."""
    verdict = found.verdict
    why = f"{verdict.verdict}: {verdict.sentence}"
    if exit_codes.REVIEW[verdict.verdict] != 0:
        return Gate("failure" if verdict.verdict == "worse" else "error", why)
    if case.run.conclusion == "success":
        return Gate("success", why, found.sha256)
    steps = _failed(case)
    case.notes.append(f"The verdict alone would pass, but the run did not end well. Failed: {steps}.")
    return Gate("failure", f"the run ended as {case.run.conclusion}; failed: {steps}")


def _counted(case: Case, found: Artifact, gate: Gate) -> Gate:
    """The gate, once the look at the holdout is on record: main's own count is the one that decides."""
    said = found.verdict.look
    try:
        if (look := looked.at(case, found)) is None:
            return gate
        number = holdout_looks.publish(look)
    except LoopError as error:
        case.errors.append(error)
        return Gate("error", f"{error.found}. Run publish again")
    if said is None:
        hidden = f"The verdict leaves out its look at the holdout: it was look {number}"
        case.notes.append(f"{hidden} at these rows, and is on record.")
        return Gate("error", f"{hidden}. Run the review again") if gate.state == "success" else gate
    outcome = looked.outcome(found.verdict, number)
    if gate.state != "success" or outcome in PASSING:
        return gate
    then = f"and was {said.number} when judged: others came between"
    note = f"This is look {number} at these rows by now, {then}"
    case.notes.append(f"{note}." if case.pull.own else f"{note}, and forks have a count of their own.")
    return Gate("error", f"{outcome} as look {number} at these rows: a person decides, or newer rows do")


def _complete(case: Case, found: Artifact, gate: Gate) -> Gate:
    """The gate of an entry of a queue, to which no results can be brought: it must hold them already."""
    if gate.state != "success":
        return gate
    try:
        late = results.to_commit(found.files, case.head)
    except LoopError as error:
        return Gate("error", error.found)
    if late:
        return Gate("error", f"update the branch: with what is merged before it, {min(late)} comes out anew")
    return gate


def _failed(case: Case) -> str:
    """The steps that failed, by the names that the run's own workflow gives them: foreign text."""
    return ", ".join(case.attempt(pull.failed_steps, case.github, case.run) or ["none is named"])


def _ours(case: Case, verdict: Verdict) -> Verdict:
    """The verdict with commands of main's own: those of the artifact are a stranger's."""
    base = verdict.base.commit[:12] or default_branch.name()
    return verdict.model_copy(
        update={
            "reproduce": [
                f"git fetch origin pull/{case.pull.number}/head",
                f"git switch --detach {case.run.sha[:12]}",
                f"make review BASE={base}",
            ]
        }
    )


def _body(case: Case, text: str, gate: Gate, ran: dict[str, list[str]]) -> str:
    """The comment: the report, with what this half adds in words of main's: warnings below the headline."""
    headline, _, rest = text.rstrip().partition("\n")
    values = {
        **ran,
        "headline": ready(headline),
        "report": ready(rest.strip()),
        "notes": case.notes,
        "status": commit_status.NAME,
        "gate": gate,
        "sha": case.run.sha[:12],
        "url": ready(case.run.url),
    }
    return render("loop.publish", "comment.md.j2", values).rstrip() + "\n"


def _code_that_ran(case: Case) -> dict[str, list[str]]:
    """What of the change ran in its own review, by main's own diff: what makes or judges, and all."""
    base = head.merge_base(case.run.sha)
    links = case.head.links(base)
    ran = [path for path in case.head.changed(base) if path in links or not inert(path)]
    odd = {path for path in ran if path in links or steers(path)}
    judging = [path for path in ran if path in odd or not (path in PROBLEM or path.startswith(_CHECKED))]
    lists = {"judging": judging, "ran": ran}
    return {name: shown(paths, lambda path: Path(path).exists()) for name, paths in lists.items()}  # in main
