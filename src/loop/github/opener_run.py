"""Which pull requests main's own workflows opened: what github-actions[bot] commits may be anybody's.

Whoever may push a branch may push a workflow on it, which commits and opens a pull request by its own token.
So main's workflows leave an artifact of what they opened, which GitHub ties to the run, its file and commit.
"""

from pathlib import Path

from loop.base.files import write_json
from loop.github import workflow_output, workflow_run
from loop.github.client import GitHub
from loop.repo import remote

RECEIPT = Path("review/opened.json")
OPENERS = {
    f"{workflow_run.FOLDER}/monitor.yml": workflow_run.SCHEDULED,
    f"{workflow_run.FOLDER}/update.yml": workflow_run.SCHEDULED,
    f"{workflow_run.FOLDER}/rollback.yml": ("workflow_dispatch",),
}


def receipt_of(sha: str) -> str:
    """The name of the artifact that a workflow leaves of the commit that it proposes."""
    return f"opened-{sha}"


def leave(sha: str, url: str) -> None:
    """Leave the receipt of a pull request for the workflow's next step to upload; nothing outside of one."""
    if workflow_output.run_url():
        write_json(RECEIPT, {"commit": sha, "pull_request": url})
        workflow_output.put(opened=receipt_of(sha))


def by_main(github: GitHub, sha: str) -> bool:
    """Whether a run of main's own workflows proposed a commit."""
    commits = workflow_run.mainline(remote.main_ref() or "HEAD")
    for one in github.pages("actions/artifacts", key="artifacts", name=receipt_of(sha)):
        if (one["workflow_run"] or {}).get("head_sha") in commits and one["name"] == receipt_of(sha):
            run = github.get(f"actions/runs/{int(one['workflow_run']['id'])}")
            if workflow_run.by_main(github, run, OPENERS, commits):
                return True
    return False
