"""publish: what a review of a pull request made, brought to the pull request by main's own code.

The comment is rendered from the verdict's values, the status `gate` follows from the run's
conclusion and the verdict, and the branch gets its dvc.lock. Whatever one of these meets, the
others are still done.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from loop.errors import LoopError
from loop.github import GitHub
from loop.markup import code, plain, prose
from loop.publish import artifact, comment, head, pull, results
from loop.publish.artifact import Artifact
from loop.publish.head import Head
from loop.publish.pull import NothingToDo, Pull, Run
from loop.review import report
from loop.review.rerun import GATE as RERUN
from loop.review.verdict import EXIT_CODES

GATE = "gate"
HEADLINE = "Bring dvc.lock and metrics up to date"
MACHINERY = (".github/", ".dvc/", "Makefile", "src/loop/", "src/problem/metrics.py", "tests/conftest.py")
DESCRIPTION = 140  # characters that GitHub allows
FIRST = 10  # changed files of the machinery that are named
_WAITS = ("action_required", "skipped", "neutral")
_COMMIT = """
mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }
"""


@dataclass
class _Case:
    """A run, its pull request, the head it judged and the head now; what to say, and what went wrong."""

    github: GitHub
    run: Run
    pull: Pull
    head: Head
    tip: Head
    notes: list[str] = field(default_factory=list)
    errors: list[LoopError] = field(default_factory=list)

    def attempt(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """What `act` gives; None when it fails, and then its error is kept."""
        try:
            return act(*arguments)
        except LoopError as error:
            self.errors.append(error)
            return None


@dataclass(frozen=True)
class _Gate:
    """A commit status: success, failure or error, and why."""

    state: str
    why: str


def main(number: int) -> int:
    """Publish the review of a run; 0 when all was done or nothing is to be, 1 when something failed."""
    github = GitHub.of_this_run()
    try:
        case = _case(github, number)
        _publish(case)
    except NothingToDo as reason:
        print(f"nothing to publish: {reason}")
        return 0
    for error in case.errors:
        print(f"failed: {plain(error.found)}\n  to do: {plain(error.todo)}")
    return 1 if case.errors else 0


def _case(github: GitHub, number: int) -> _Case:
    run = pull.run(github, number)
    if run.conclusion in _WAITS:
        raise NothingToDo(f"run {number} ended as {run.conclusion}: it judged nothing")
    try:
        found = pull.find(github, run)
    except LoopError as error:
        _status_of(github, run, run.sha, _Gate("error", error.found))
        raise NothingToDo(f"{error.found}; {error.todo}") from None
    tip = head.fetch(github, found)
    if tip.sha != run.sha and tip.parents() != [run.sha]:
        raise _moved(tip, run)
    return _Case(github, run, found, Head(run.sha), tip)


def _moved(tip: Head, run: Run) -> NothingToDo:
    return NothingToDo(
        f"the head has moved on from {run.sha[:12]} to {tip.sha[:12]}, which has its own review"
    )


def _publish(case: _Case) -> None:
    """Results to the branch, then the statuses, then the comment, which says how the first two went."""
    if case.run.conclusion == "cancelled":
        if case.tip.sha != case.run.sha:
            raise _moved(case.tip, case.run)
        case.attempt(_status, case, case.run.sha, _Gate("error", "the review was cancelled: run it again"))
        return
    try:
        found = _artifact(case)
    except LoopError as error:
        if case.tip.sha != case.run.sha:
            raise _moved(case.tip, case.run) from None
        case.notes.append(f"{prose(error.found)}. {prose(error.todo)}.")
        gate, body = _Gate("error", error.found), "## No verdict: the review's results cannot be used"
    else:
        gate, body = _gate(case, found), report.markdown(found.verdict)
        _bring_back(case, found, gate)
    for sha in {case.run.sha: 0, case.pull.sha: 0}:
        case.attempt(_status, case, sha, gate)
    case.attempt(comment.put, case.github, case.pull, _body(case, body, gate))
    print(f"#{case.pull.number} {case.run.sha[:12]}: {GATE} is {gate.state}: {plain(gate.why, DESCRIPTION)}")


def _artifact(case: _Case) -> Artifact:
    """The artifact of the run, checked to speak of this head and of a commit of main."""
    path = f"actions/runs/{case.run.id}/artifacts"
    listed = [one for one in case.github.pages(path, key="artifacts") if one["name"] == artifact.NAME]
    if len(listed) != 1 or listed[0]["expired"]:
        steps = ", ".join(case.attempt(pull.failed_steps, case.github, case.run) or ["none is named"])
        raise LoopError(
            f"the run left no artifact `{artifact.NAME}`; steps that failed: {steps}",
            "the artifact of review.yml",
            "the run's log says more",
        )
    if listed[0]["size_in_bytes"] > artifact.LARGEST:
        raise LoopError(
            f"the review's artifact has {listed[0]['size_in_bytes']:,} bytes",
            f"at most {artifact.LARGEST:,}",
            "look at what the pull request adds to it",
        )
    link = f"{case.github.api}/repos/{case.github.repository}/actions/artifacts/{int(listed[0]['id'])}/zip"
    found = artifact.read(case.github.download(link, artifact.LARGEST))
    said, base = found.verdict.candidate.commit, found.verdict.base.commit
    if said != case.run.sha or not (
        head.in_main(base) or (base == "" and found.verdict.verdict == "cannot tell")
    ):
        raise LoopError(
            f"the verdict is of {plain(said, 40)} against {plain(base, 40)}",
            f"one of {case.run.sha} against a commit of main",
            "run the review again",
        )
    return found


def _gate(case: _Case, found: Artifact) -> _Gate:
    """Success only where both the run and its verdict say so."""
    verdict = found.verdict
    why = f"{verdict.verdict}: {verdict.sentence}"
    if EXIT_CODES[verdict.verdict] != 0:
        return _Gate("failure" if verdict.verdict == "worse" else "error", why)
    if case.run.conclusion == "success":
        return _Gate("success", why)
    steps = ", ".join(case.attempt(pull.failed_steps, case.github, case.run) or ["none is named"])
    case.notes.append(f"The verdict alone would pass, but the run did not end well. Failed: {prose(steps)}.")
    return _Gate("failure", f"the run ended as {case.run.conclusion}; failed: {steps}")


def _bring_back(case: _Case, found: Artifact, gate: _Gate) -> None:
    """The lock and the small results, committed to a branch of this repository; of a fork, the command."""
    if case.tip.sha != case.run.sha:
        _already(case, found)
        return
    if any(one.name == RERUN and one.result != "pass" for one in found.verdict.gates):
        case.notes.append("`dvc.lock` of the branch stays as it is: it claims what the rerun did not make.")
        return
    try:
        files = results.to_commit(found.files, case.head)
    except LoopError as error:
        case.notes.append(f"{prose(error.found)}. To do: {prose(error.todo)}.")
        return
    if not files:
        return
    if not case.pull.own:
        case.notes.append(
            "`dvc.lock` does not match this branch yet, and nothing is pushed to a fork. To do: `make run`, "
            "then `git add dvc.lock models reports && git commit -m 'Bring results up to date' && git push`."
        )
        return
    sha = case.attempt(_commit, case, files)
    if sha is None:
        case.notes.append(f"`dvc.lock` could not be committed: {prose(case.errors[-1].found)}.")
        return
    case.pull = Pull(case.pull.number, sha, case.pull.branch, own=True)
    case.notes.append(
        f"`dvc.lock` and the metrics of this run are on the branch: {sha}. Pull before you push."
    )


def _already(case: _Case, found: Artifact) -> None:
    """Raise NothingToDo unless the head is what an earlier publish of this run put there, to the byte."""
    try:
        files = results.to_commit(found.files, case.head)
    except LoopError:
        files = {}
    there = {path: case.tip.read(path) for path in case.tip.changed(case.run.sha)}
    if not files or there != files:
        raise _moved(case.tip, case.run)
    case.notes.append(f"`dvc.lock` and the metrics of this run are on the branch: {case.tip.sha}.")


def _commit(case: _Case, files: dict[str, bytes]) -> str:
    """The new commit; refused by GitHub if the branch has moved on."""
    made = case.github.graphql(
        _COMMIT,
        input={
            "branch": {"repositoryNameWithOwner": case.github.repository, "branchName": case.pull.branch},
            "expectedHeadOid": case.run.sha,
            "message": {
                "headline": HEADLINE,
                "body": f"Made by the review of {case.run.sha}: {case.run.url}",
            },
            "fileChanges": {
                "additions": [
                    {"path": path, "contents": base64.b64encode(text).decode()}
                    for path, text in files.items()
                ]
            },
        },
    )
    return str(made["createCommitOnBranch"]["commit"]["oid"])


def _status(case: _Case, sha: str, gate: _Gate) -> None:
    _status_of(case.github, case.run, sha, gate)


def _status_of(github: GitHub, run: Run, sha: str, gate: _Gate) -> None:
    github.post(
        f"statuses/{sha}",
        state=gate.state,
        context=GATE,
        description=plain(gate.why, DESCRIPTION),
        target_url=run.url,
    )


def _body(case: _Case, text: str, gate: _Gate) -> str:
    """The comment: the report, then what this half adds, in words of main's."""
    changed = [path for path in case.head.changed(head.parted(case.run.sha)) if path.startswith(MACHINERY)]
    notes = list(case.notes)
    if changed:
        more = f" and {len(changed) - FIRST} more" if len(changed) > FIRST else ""
        named = ", ".join(code(path) for path in changed[:FIRST])
        notes.append(
            "**The figures above are this change's own claims**, because it changes code that makes or "
            f"judges them: {named}{more}. Read that first."
        )
    lines = [text.rstrip(), "", *(f"> {note}\n" for note in notes)]
    lines.append(f"`{GATE}` is **{gate.state}** for {case.run.sha[:12]} · [the run]({case.run.url})")
    return "\n".join(lines) + "\n"
