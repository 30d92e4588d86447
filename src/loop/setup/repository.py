"""What a repository on GitHub needs, as settings that no file can hold.

Each need is one shell script of `gh` commands, which may run any number of times. What is printed
is what is run.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.production import environments, rollout_policy
from loop.setup.gh import PlanError, ask, plan
from loop.setup.need import LackError, Need, written

GATE = "gate"  # the commit status that publish.yml sets
METHODS = ["merge", "squash"]  # each one commit that a release can trace to its pull request
PRODUCTION = "production"
LOOKS = "looks"  # how often each holdout was looked at: written by publish.yml and monitor.yml
HEARTBEATS = "heartbeats"  # when each schedule ran: written by status.yml
OWNERS = Path(".github/CODEOWNERS")
PLACEHOLDER = "@your-organization/ml-owners"
REPOSITORY = "https://github.com/your-organization/your-repository"
ADDRESSES = (Path("deploy/slo.yaml"), Path("deploy/monitoring/rules.yaml"))  # of the runbook's pages
LABELS = {
    "retrain": ("0e8a16", "a model trained again on newer data"),
    "drift": ("fbca04", "data, predictions or their worth have moved"),
    "rollback": ("b60205", "production went back to an older model"),
    "dependencies": ("0366d6", "an update of a package or an action"),
}
_REPO = "repos/{owner}/{repo}"
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9._-]+)?")  # NAME_COMPANY: an enterprise manages it
NO_REVIEWERS = ("free", "pro", "team")  # plans on which a private repository's environments have none
CHECKS = "required_status_checks"
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


def apart(here: dict[str, Any]) -> None:
    """Raise LoopError where the default branch has the name of one that holds something else."""
    name = here["default_branch"]
    if name in (PRODUCTION, LOOKS, HEARTBEATS):
        raise LoopError(
            f"the default branch is called {name}, as the branch that holds what "
            f"{'serves' if name == PRODUCTION else 'workflows keep on record'}",
            "any other name",
            f"gh api -X POST 'repos/{{owner}}/{{repo}}/branches/{name}/rename' -f new_name=main",
        )


def _named() -> bool:
    """Whether the owners are somebody, and alerts lead to this repository's runbook."""
    text = "".join(path.read_text("utf-8", "replace") for path in (OWNERS, *ADDRESSES) if path.is_file())
    return OWNERS.is_file() and PLACEHOLDER not in text and REPOSITORY not in text


def _may_open() -> bool:
    found = ask(f"{_REPO}/actions/permissions/workflow")
    return bool(found and found["can_approve_pull_request_reviews"])


def _kept(name: str) -> bool:
    """Whether nobody can rewrite the history of a branch."""
    return _rules(name).keys() >= _KEPT


def _guarded() -> bool:
    """Whether somebody reviews what enters production. PlanError where the plan has no such rule."""
    found = ask(f"{_REPO}/environments/{PRODUCTION}") or {}
    if "required_reviewers" in {rule["type"] for rule in found.get("protection_rules", [])}:
        return True
    here = ask(_REPO) or {}
    if here.get("visibility") == "private" and (named := plan(here)) in NO_REVIEWERS:
        raise PlanError(f"no required reviewers in a private repository on {named}", "Enterprise", "")
    return False


def _rules(branch: str) -> dict[str, list[dict[str, Any]]]:
    """The rules that hold for a branch, by type: the repository's, and beside them its organization's."""
    found: dict[str, list[dict[str, Any]]] = {}
    for rule in ask(f"{_REPO}/rules/branches/{quote(branch, safe='')}?per_page=100") or []:
        found.setdefault(rule["type"], []).append({"parameters": {}, **rule})
    return found


def _reviews(approvals: int) -> bool:
    """Whether the default branch takes what `gate` let pass and that many approved; for 0, alone.

    Of several rules of a type GitHub takes the strictest. Raises LackError for one of an organization that is
    stricter than a pull request here can meet: nobody here can change it.
    """
    found = _rules((ask(_REPO) or {})["default_branch"])
    asked = found.get("pull_request", [])
    checks = [one["parameters"].get("required_status_checks", []) for one in found.get(CHECKS, [])]
    if (
        not {*_KEPT, "pull_request"} <= found.keys()
        or GATE not in {one["context"] for some in checks for one in some}
        or max(map(_count, asked)) < approvals
        or not set.intersection(*map(_methods, asked)) <= set(METHODS)
    ):
        return False
    strict = [one for one in asked if _stricter(one, approvals)]
    if strict and all(one.get("ruleset_source_type", "Repository") != "Repository" for one in strict):
        whose = strict[0]["ruleset_source"]
        raise LackError(
            f"rules of {whose} ask each pull request for more: {_stricter(strict[0], approvals)}",
            "rules that a pull request can meet",
            f"ask who keeps the rulesets of {whose} to leave this repository out",
        )
    return not strict


def _stricter(rule: dict[str, Any], approvals: int) -> str:
    """What a rule asks for that deploy/policy.yaml does not, or that the commit of results cannot have."""
    if not approvals and _count(rule):
        return f"{counted(_count(rule), 'approval')}, where deploy/policy.yaml asks for none"
    if not approvals and rule["parameters"].get("require_code_owner_review"):
        return "a code owner's approval, where deploy/policy.yaml asks for none"
    if not _methods(rule) & set(METHODS):
        allowed = " or ".join(sorted(_methods(rule)))
        return f"a merge by {allowed}, and a release understands {' and '.join(METHODS)}"
    if rule["parameters"].get("require_extra_approval_for_unattributed_changes", True):
        return "one approval more, for the commit of results is a bot's"
    return ""


def _count(rule: dict[str, Any]) -> int:
    return int(rule["parameters"].get("required_approving_review_count", 0))


def _methods(rule: dict[str, Any]) -> set[str]:
    """The ways to merge that a rule allows: all where it names none."""
    return set(rule["parameters"].get("allowed_merge_methods", [*METHODS, "rebase"]))


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
