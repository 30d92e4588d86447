"""Results of a review, brought to the pull request's branch in one commit by GitHub's interface."""

import base64

from loop.base.errors import LoopError
from loop.github.client import HEADLINE
from loop.publish import head, pull, results
from loop.publish.artifact import Artifact
from loop.publish.case import Case
from loop.publish.head import Head
from loop.publish.pull import NothingToDo, Pull, Run
from loop.review.rerun_check import NAME as RERUN

_COMMIT = """
mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }
"""


def bring_back(case: Case, found: Artifact) -> None:
    """The lock and the small results, committed to a branch of this repository; of a fork, the command."""
    if any(one.name == RERUN and one.result != "pass" for one in found.verdict.checks):
        if case.tip.sha != case.run.sha:
            raise moved(case.tip, case.run)
        case.notes.append("`dvc.lock` of the branch stays as it is: it claims what the rerun did not make.")
        return
    try:
        files = results.to_commit(found.files, case.head)
    except LoopError as error:
        files = {}
        case.notes.append(f"{error.found}. To do: {error.todo}.")
    if case.tip.sha != case.run.sha and not _holds(case.tip, case.run.sha, files):
        raise moved(case.tip, case.run)
    if not files:
        return
    if not case.pull.own:
        case.notes.append(
            "`dvc.lock` does not match this branch yet, and nothing is pushed to a fork. To do: `make run`, "
            "then `git add dvc.lock models reports && git commit -m 'Bring results up to date' && git push`."
        )
        return
    sha = case.tip.sha if case.tip.sha != case.run.sha else _committed(case, files)
    if sha is None:
        case.notes.append(f"`dvc.lock` could not be committed: {case.errors[-1].found}.")
        return
    case.pull = Pull(case.pull.number, sha, case.pull.branch, own=True)
    case.notes.append(
        f"`dvc.lock` and the metrics of this run are on the branch: {sha}. Pull before you push. "
        "It is judged already: `Approve workflows to run` in the banner is not needed."
    )


def _holds(tip: Head, since: str, files: dict[str, bytes]) -> bool:
    """Whether a commit brought these files, to the byte, and nothing else."""
    if not files or set(tip.changed(since)) != files.keys():
        return False
    try:
        return all(tip.read(path) == text for path, text in files.items())
    except LoopError:  # one of that name is too large to be ours
        return False


def _committed(case: Case, files: dict[str, bytes]) -> str | None:
    """The commit that brings the files, also when only GitHub's answer to it was lost."""
    sha: str | None = case.attempt(_commit, case, files)
    if sha is None:
        try:
            tip = head.fetch(case.github, pull.find(case.github, case.run))
        except (LoopError, NothingToDo):
            return None
        if tip.parents() == [case.run.sha] and _holds(tip, case.run.sha, files):
            case.errors.pop()
            sha = tip.sha
    return sha


def _commit(case: Case, files: dict[str, bytes]) -> str:
    """The new commit; refused by GitHub if the branch has moved on."""
    made = case.github.graphql(
        _COMMIT,
        input={
            "branch": {"repositoryNameWithOwner": case.github.repository, "branchName": case.pull.branch},
            "expectedHeadOid": case.run.sha,
            "message": {
                "headline": HEADLINE,
                "body": f"Made by the review of {case.run.sha}: {case.run.url}{_for_dependabot(case)}",
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


def _for_dependabot(case: Case) -> str:
    """Its own mark for commits that may be overwritten; without it, it leaves the branch alone for good."""
    return "\n\n[dependabot skip]" if case.pull.branch.startswith("dependabot/") else ""


def moved(tip: Head, run: Run) -> NothingToDo:
    """Why a head that is no longer the one that was judged gets nothing."""
    return NothingToDo(
        f"the head has moved on from {run.sha[:12]} to {tip.sha[:12]}, which has its own review"
    )
