"""What a repository on GitHub needs, as settings that no file can hold.

Each need is one shell script of `gh` commands, which may run any number of times. What is printed
is what is run.
"""

import re
from importlib.resources import files as resources

from loop.base.errors import LoopError
from loop.setup.gh import ask
from loop.setup.need import Need

GATE = "gate"  # the commit status that publish.yml sets
MAIN, PRODUCTION = "main", "production"
LABELS = {
    "retrain": ("0e8a16", "a model trained again on newer data"),
    "drift": ("fbca04", "data, predictions or their worth have moved"),
    "rollback": ("b60205", "production went back to an older model"),
    "dependencies": ("0366d6", "an update of a package or an action"),
}
_REPO = "repos/{owner}/{repo}"
_LOGIN = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9])*(/[A-Za-z0-9._-]+)?")


def needs(reviewers: list[str]) -> list[Need]:
    """Every need, in the order in which to bring them about.

    `reviewers` are logins or ORGANIZATION/TEAM; none means whoever runs the script. Raises LoopError
    for what cannot be a login.
    """
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
            f"-f sha=\"$(gh api '{_REPO}/commits/{MAIN}' --jq .sha)\"",
            lambda: ask(f"{_REPO}/git/ref/heads/{PRODUCTION}") is not None,
        ),
        Need(
            f"environment {PRODUCTION} with reviewers",
            "a release or a rollback waits for nobody",
            _environment([_reviewer(name) for name in reviewers]),
            _guarded,
        ),
        Need(
            f"rules of {MAIN}: pull request, code owners, status `{GATE}`",
            f"a change can reach {MAIN} without a review of the model",
            _ruleset(MAIN),
            lambda: _rules(MAIN, {"deletion", "non_fast_forward", "pull_request", "required_status_checks"}),
        ),
        Need(
            f"rules of {PRODUCTION}: history is kept",
            "what served when can be rewritten",
            _ruleset(PRODUCTION),
            lambda: _rules(PRODUCTION, {"deletion", "non_fast_forward"}),
        ),
    ]


def _may_open() -> bool:
    found = ask(f"{_REPO}/actions/permissions/workflow")
    return bool(found and found["can_approve_pull_request_reviews"])


def _guarded() -> bool:
    found = ask(f"{_REPO}/environments/{PRODUCTION}") or {}
    rules = {rule["type"] for rule in found.get("protection_rules", [])}
    return "required_reviewers" in rules


def _rules(branch: str, types: set[str]) -> bool:
    """Whether rules of these types hold for a branch, `gate` among the required statuses if any is."""
    rules = ask(f"{_REPO}/rules/branches/{branch}?per_page=100") or []
    found = {rule["type"]: rule.get("parameters") or {} for rule in rules}
    required = found.get("required_status_checks", {}).get("required_status_checks", [])
    return types <= found.keys() and (
        "required_status_checks" not in types or GATE in {one["context"] for one in required}
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


def _ruleset(branch: str) -> str:
    """A script that makes the ruleset of a branch, or makes the one of that name like it."""
    body = resources("loop.setup").joinpath("rulesets", f"{branch}.json").read_text(encoding="utf-8")
    return (
        f"id=$(gh api '{_REPO}/rulesets?includes_parents=false&per_page=100' "
        f"--jq '[.[] | select(.name == \"{branch}\") | .id][0] // empty')\n"
        f'gh api -X "$([ "$id" ] && echo PUT || echo POST)" "{_REPO}/rulesets${{id:+/$id}}" --input - '
        f"<<'JSON'\n{body}JSON"
    )
