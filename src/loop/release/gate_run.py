"""The run behind the status `gate`: any workflow may set it, and only a judge of main's leaves a receipt.

GitHub ties an artifact to its run, so no branch, tag or other workflow can make a receipt of publish.yml or
monitor.yml at a commit of main.
"""

import io
import json
import zipfile
from typing import Any

from loop.github import workflow_run
from loop.github.client import GitHub
from loop.github.commit_status import RECEIPT, receipt_of
from loop.publish.artifact import NAME as REVIEW

JUDGES = {
    f"{workflow_run.FOLDER}/publish.yml": ("workflow_run",),
    f"{workflow_run.FOLDER}/monitor.yml": workflow_run.SCHEDULED,
}
LARGEST = 10_000  # bytes


def receipt(github: GitHub, status: dict[str, Any], sha: str) -> dict[str, Any] | None:
    """What the run wrote that set a status `success` on a commit; None where no judge of main's set it."""
    mainline = workflow_run.mainline()
    for one in github.pages("actions/artifacts", key="artifacts", name=receipt_of(sha)):
        if one["expired"] or (one["workflow_run"] or {}).get("head_sha") not in mainline:
            continue
        run = github.get(f"actions/runs/{int(one['workflow_run']['id'])}")
        # A status that came later than the receipt is another's: an older success is not played again.
        during = run["created_at"] <= status["created_at"] <= one["created_at"]  # in UTC, as text
        if not (during and workflow_run.by_main(github, run, JUDGES)):
            continue
        found = _read(github, int(one["id"]))
        if (found["commit"], found["state"]) == (sha, "success") and _kept(github, found):
            return found
    return None


def _read(github: GitHub, number: int) -> dict[str, Any]:
    link = f"{github.api}/repos/{github.repository}/actions/artifacts/{number}/zip"
    with zipfile.ZipFile(io.BytesIO(github.download(link, LARGEST))) as opened:
        return dict(json.loads(opened.read(RECEIPT.name)))


def _kept(github: GitHub, found: dict[str, Any]) -> bool:
    """Whether the artifact that was judged is still the run's, by its hash, as long as GitHub keeps one."""
    if not found["artifact"]:  # of a retrain, which is judged where it is made
        return True
    path = f"actions/runs/{int(found['run'].rpartition('/')[2])}/artifacts"
    there = [one for one in github.pages(path, key="artifacts") if one["name"] == REVIEW]
    kept = {one.get("digest") for one in there if not one["expired"]} - {None}
    return not kept or f"sha256:{found['artifact']}" in kept
