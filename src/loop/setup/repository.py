"""What a repository on GitHub needs, as settings that no file can hold.

Each need is one shell script of `gh` commands, which may run any number of times. What is printed
is what is run.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.production import environments, rollout_policy
from loop.setup.gh import ask
from loop.setup.need import Need, written

GATE = "gate"  # the commit status that publish.yml sets
METHODS = ["merge", "squash"]  # each one commit that a release can trace to its pull request
PRODUCTION = "production"
LOOKS = "looks"  # how often each holdout was looked at: written by publish.yml and monitor.yml
HEARTBEATS = "heartbeats"  # when each schedule ran: written by status.yml
OWNERS = Path(".github/CODEOWNERS")
PLACEHOLDER, REPOSITORY = "@your-organization/ml-owners", "your-organization/your-repository"
ADDRESSES = (Path("deploy/slo.yaml"), Path("deploy/monitoring/rules.yaml"))  # of the runbook's pages
LABELS = {
    "retrain": ("0e8a16", "a model trained again on newer data"),
    "drift": ("fbca04", "data, predictions or their worth have moved"),
    "rollback": ("b60205", "production went back to an older model"),
    "dependencies": ("0366d6", "an update of a package or an action"),
}
_REPO = "repos/{owner}/{repo}"
_LOGIN = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9])*(/[A-Za-z0-9._-]+)?")
_KEPT = {"deletion", "non_fast_forward"}  # types of rules by which history is kept


def needs(reviewers: list[str]) -> list[Need]:
    """Every need, in the order in which to bring them about.

    `reviewers` are logins or ORGANIZATION/TEAM; none means whoever runs the script. How many must approve is
    said in deploy/policy.yaml. Raises LoopError for what cannot be a login.
    """
    policy, earlier = rollout_policy.read(), environments.in_force().chain[:-1]
    checks: dict[str, Callable[[], bool]] = {
        "may open": _may_open,
        "labels": lambda: all(ask(f"{_REPO}/labels/{name}") is not None for name in LABELS),
        "production": lambda: ask(f"{_REPO}/git/ref/heads/{PRODUCTION}") is not None,
        "environment": _guarded,
        "owners": _named,
        "rules of main": lambda: _reviews(policy.approvals),
        **{f"rules of {name}": partial(_kept, name) for name in (PRODUCTION, LOOKS, HEARTBEATS, *earlier)},
    }
    return written(
        "repository.yaml.j2",
        checks,
        production=PRODUCTION,
        looks=LOOKS,
        heartbeats=HEARTBEATS,
        environments=earlier,
        gate=GATE,
        methods=METHODS,
        labels=LABELS,
        reviewers=list(map(_reviewer, reviewers)) or [_with_id("User", "user")],
        owners=[f"@{name}" for name in reviewers] or ["@$(gh api user --jq .login)"],
        owners_file=OWNERS,
        placeholder=PLACEHOLDER,
        repository=REPOSITORY,
        addresses=" ".join(map(str, ADDRESSES)),
        approvals=policy.approvals,
        approvals_counted=counted(policy.approvals, "approval"),
        setter=f"the App {policy.gate_app}" if policy.gate_app else "a workflow: a release asks for its run",
    )


def _named() -> bool:
    """Whether the owners are somebody, and alerts lead to this repository's runbook."""
    text = "".join(path.read_text(encoding="utf-8") for path in (OWNERS, *ADDRESSES) if path.is_file())
    return OWNERS.is_file() and PLACEHOLDER not in text and REPOSITORY not in text


def _may_open() -> bool:
    found = ask(f"{_REPO}/actions/permissions/workflow")
    return bool(found and found["can_approve_pull_request_reviews"])


def _kept(name: str) -> bool:
    """Whether nobody can rewrite the history of a branch."""
    return _rules(name).keys() >= _KEPT


def _guarded() -> bool:
    found = ask(f"{_REPO}/environments/{PRODUCTION}") or {}
    rules = {rule["type"] for rule in found.get("protection_rules", [])}
    return "required_reviewers" in rules


def _rules(branch: str) -> dict[str, dict[str, Any]]:
    """The rules that hold for a branch: their parameters by type."""
    rules = ask(f"{_REPO}/rules/branches/{branch}?per_page=100") or []
    return {rule["type"]: rule.get("parameters") or {} for rule in rules}


def _reviews(approvals: int) -> bool:
    """Whether the default branch takes what `gate` let pass and that many approved; for 0, alone."""
    found = _rules((ask(_REPO) or {})["default_branch"])
    required = found.get("required_status_checks", {}).get("required_status_checks", [])
    asked = found.get("pull_request", {})
    count = asked.get("required_approving_review_count", 0)
    return (
        {*_KEPT, "pull_request"} <= found.keys()
        and GATE in {one["context"] for one in required}
        and (count >= approvals if approvals else count == 0 and not asked.get("require_code_owner_review"))
        and set(asked.get("allowed_merge_methods", ["rebase"])) <= set(METHODS)
        and not asked.get("require_extra_approval_for_unattributed_changes", True)
    )


def _reviewer(name: str) -> str:
    """A reviewer as GitHub takes one."""
    if not _LOGIN.fullmatch(name):
        raise LoopError(
            f"--reviewer {name}: no login of GitHub", "LOGIN or ORGANIZATION/TEAM", "--reviewer alice"
        )
    owner, _, team = name.partition("/")
    return _with_id("Team", f"orgs/{owner}/teams/{team}") if team else _with_id("User", f"users/{owner}")


def _with_id(kind: str, path: str) -> str:
    """JSON within quotes of a shell, with the id asked for when the script runs."""
    return f'{{"type": "{kind}", "id": \'"$(gh api {path} --jq .id)"\'}}'
