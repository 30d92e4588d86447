"""What a repository on GitHub needs, as settings that no file can hold.

Each need is one shell script of `gh` commands, which may run any number of times. What is printed
is what is run.
"""

import json
import re
from pathlib import Path
from typing import Any

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.production import rollout_policy
from loop.setup.gh import ask
from loop.setup.need import Need

GATE = "gate"  # the commit status that publish.yml sets
METHODS = ("merge", "squash")  # each one commit that a release can trace to its pull request
PRODUCTION, MAIN = "production", "main"  # names of their rulesets; the branch of the latter may have any
OWNERS = Path(".github/CODEOWNERS")
PLACEHOLDER = "@your-organization/ml-owners"
LABELS = {
    "retrain": ("0e8a16", "a model trained again on newer data"),
    "drift": ("fbca04", "data, predictions or their worth have moved"),
    "rollback": ("b60205", "production went back to an older model"),
    "dependencies": ("0366d6", "an update of a package or an action"),
}
_REPO = "repos/{owner}/{repo}"
_ADMIN = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "pull_request"}  # 5: administrators
_KEPT: list[dict[str, Any]] = [{"type": "deletion"}, {"type": "non_fast_forward"}]
_LOGIN = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9])*(/[A-Za-z0-9._-]+)?")


def needs(reviewers: list[str]) -> list[Need]:
    """Every need, in the order in which to bring them about.

    `reviewers` are logins or ORGANIZATION/TEAM; none means whoever runs the script. How many must approve is
    said in deploy/policy.yaml. Raises LoopError for what cannot be a login.
    """
    policy = rollout_policy.read()
    approvals = policy.approvals
    setter = f"the App {policy.gate_app}" if policy.gate_app else "a workflow: a release asks for its run"
    return [
        Need(
            "Actions may open pull requests",
            "a retraining or a rollback cannot bring its pull request",
            f"gh api -X PUT '{_REPO}/actions/permissions/workflow' "
            "-f default_workflow_permissions=read -F can_approve_pull_request_reviews=true",
            _may_open,
        ),
        Need(
            f"labels {', '.join(LABELS)}",
            "pull requests and issues of workflows come without one",
            "\n".join(
                f"gh label create {name} --force --color {color} --description '{text}'"
                for name, (color, text) in LABELS.items()
            ),
            lambda: all(ask(f"{_REPO}/labels/{name}") is not None for name in LABELS),
        ),
        Need(
            f"branch {PRODUCTION}",
            "nothing can be released: it holds what serves",
            f"gh api -X POST '{_REPO}/git/refs' -f ref=refs/heads/{PRODUCTION} "
            f"-f sha=\"$(gh api '{_REPO}/commits/HEAD' --jq .sha)\"",
            lambda: ask(f"{_REPO}/git/ref/heads/{PRODUCTION}") is not None,
        ),
        Need(
            f"environment {PRODUCTION} with reviewers",
            "a release or a rollback waits for nobody",
            _environment([_reviewer(name) for name in reviewers]),
            _guarded,
            instead="every release asks GitHub for the approvals that deploy/policy.yaml names",
        ),
        Need(
            f"owners in {OWNERS}",
            "it protects nothing: its owner does not exist",
            _owners(reviewers),
            lambda: OWNERS.is_file() and PLACEHOLDER not in OWNERS.read_text(encoding="utf-8"),
        ),
        Need(
            f"rules of the default branch: pull request, {counted(approvals, 'approval')}, "
            f"status `{GATE}` by {setter}",
            "a change can reach it without a review of the model",
            _ruleset(MAIN, "~DEFAULT_BRANCH", [*_KEPT, *_reviewed(approvals)], [_ADMIN]),
            lambda: _reviews(approvals),
            instead="every release refuses what came past review: merge only what `gate` lets pass",
        ),
        Need(
            f"rules of {PRODUCTION}: history is kept",
            "what served when can be rewritten",
            _ruleset(PRODUCTION, f"refs/heads/{PRODUCTION}", _KEPT, []),
            lambda: {"deletion", "non_fast_forward"} <= _rules(PRODUCTION).keys(),
            instead="`loop audit` shows each transition, and what was changed by hand",
        ),
    ]


def _may_open() -> bool:
    found = ask(f"{_REPO}/actions/permissions/workflow")
    return bool(found and found["can_approve_pull_request_reviews"])


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
        {"deletion", "non_fast_forward", "pull_request"} <= found.keys()
        and GATE in {one["context"] for one in required}
        and (count >= approvals if approvals else count == 0 and not asked.get("require_code_owner_review"))
        and set(asked.get("allowed_merge_methods", ["rebase"])) <= set(METHODS)
        and not asked.get("require_extra_approval_for_unattributed_changes", True)
    )


def _reviewed(approvals: int) -> list[dict[str, Any]]:
    """Rules by which what a release will ask for is asked before the merge; with 0, one person can merge."""
    return [
        {
            "type": "pull_request",
            "parameters": {
                "required_approving_review_count": approvals,
                "dismiss_stale_reviews_on_push": approvals > 0,
                "require_code_owner_review": approvals > 0,
                "require_last_push_approval": False,
                "required_review_thread_resolution": False,
                "allowed_merge_methods": list(METHODS),
                "require_extra_approval_for_unattributed_changes": False,  # results are a bot's commit
            },
        },
        {
            "type": "required_status_checks",
            "parameters": {
                "strict_required_status_checks_policy": True,
                "required_status_checks": [{"context": GATE}],
            },
        },
    ]


def _owners(reviewers: list[str]) -> str:
    """A script that names the owners in the file of this clone, for a person to bring by a pull request."""
    named = " ".join(f"@{name}" for name in reviewers) or "@$(gh api user --jq .login)"
    return (
        f'owner="{named}"\n'
        f'text="$(sed "s|{PLACEHOLDER}|$owner|; /protects nothing/d" {OWNERS})"\n'
        f"printf '%s\\n' \"$text\" > {OWNERS}  # then commit it, and open a pull request"
    )


def _reviewer(name: str) -> str:
    """A reviewer as GitHub takes one, with the id asked for when the script runs."""
    if not _LOGIN.fullmatch(name):
        raise LoopError(
            f"--reviewer {name}: no login of GitHub", "LOGIN or ORGANIZATION/TEAM", "--reviewer alice"
        )
    owner, _, team = name.partition("/")
    path = f"orgs/{owner}/teams/{team}" if team else f"users/{owner}"
    return f'{{"type": "{"Team" if team else "User"}", "id": \'"$(gh api {path} --jq .id)"\'}}'


def _environment(reviewers: list[str]) -> str:
    me = '{"type": "User", "id": \'"$(gh api user --jq .id)"\'}'
    listed = ", ".join(reviewers or [me])
    return (
        f"gh api -X PUT '{_REPO}/environments/{PRODUCTION}' --input - <<< "
        f'\'{{"reviewers": [{listed}], "deployment_branch_policy": null}}\''
    )


def _ruleset(name: str, ref: str, rules: list[dict[str, Any]], bypass: list[dict[str, Any]]) -> str:
    """A script that makes the ruleset of a branch, or makes the one of that name like it."""
    body = {
        "name": name,
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": [ref], "exclude": []}},
        "rules": rules,
        "bypass_actors": bypass,
    }
    return (
        f"id=$(gh api '{_REPO}/rulesets?includes_parents=false&per_page=100' "
        f"--jq '[.[] | select(.name == \"{name}\") | .id][0] // empty')\n"
        f'gh api -X "$([ "$id" ] && echo PUT || echo POST)" "{_REPO}/rulesets${{id:+/$id}}" --input - '
        f"<<'JSON'\n{json.dumps(body, indent=2)}\nJSON"
    )
