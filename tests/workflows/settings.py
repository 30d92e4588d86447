"""The settings of a repository on our own GitHub: permissions of Actions, labels, environments, rulesets."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

LOGINS = {"alice": 11, "bob": 12, "eve_acme": 13}  # an enterprise's own have its name behind theirs
TEAMS = {"team/ml-owners": 21}


@dataclass
class Settings:
    """What `answer` changes; `plan` is "free" where GitHub refuses rulesets, as for a private repository."""

    main: str = "0" * 40
    plan: str = "team"
    visibility: str = "public"
    default: str = "main"
    actions: dict[str, Any] = field(default_factory=lambda: {"enabled": True, "allowed_actions": "all"})
    selected: dict[str, Any] = field(
        default_factory=lambda: {"github_owned_allowed": False, "patterns_allowed": []}
    )
    owner_errors: list[dict[str, Any]] = field(default_factory=list)
    stopped: dict[str, str] = field(default_factory=dict)  # workflows that are not active, by file
    workflow: dict[str, Any] = field(
        default_factory=lambda: {
            "default_workflow_permissions": "read",
            "can_approve_pull_request_reviews": False,
        }
    )
    labels: dict[str, dict[str, Any]] = field(default_factory=lambda: {"bug": {"name": "bug"}})
    branches: dict[str, str] = field(default_factory=dict)
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    rulesets: dict[int, dict[str, Any]] = field(default_factory=dict)
    above: list[dict[str, Any]] = field(default_factory=list)  # rules of the organization, for each branch

    def answer(self, method: str, path: str, given: Any) -> tuple[int, Any]:
        """Status and body for a path below /api/v3/; 404 for what is not there."""
        for command, pattern, act in _ROUTES:
            found = re.fullmatch(pattern, path)
            if command == method and found:
                return act(self, given, *found.groups())
        return 404, {"message": "Not Found"}

    def get_workflow(self, _given):
        return 200, self.workflow

    def put_workflow(self, given):
        self.workflow |= given
        return 204, {}

    def get_label(self, _given, name):
        return (200, self.labels[name]) if name in self.labels else (404, {"message": "Not Found"})

    def add_label(self, given):
        if given["name"] in self.labels:
            return 422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]}
        self.labels[given["name"]] = given
        return 201, given

    def edit_label(self, given, name):
        self.labels[name] |= given
        return 200, self.labels[name]

    def get_branch(self, _given, name):
        return (200, {"ref": name}) if name in self.branches else (404, {"message": "Not Found"})

    def add_branch(self, given):
        name = given["ref"].removeprefix("refs/heads/")
        if name in self.branches:
            return 422, {"message": "Reference already exists"}
        self.branches[name] = given["sha"]
        return 201, given

    def get_commit(self, _given):
        return 200, {"sha": self.main}

    def get_environment(self, _given, name):
        found = self.environments.get(name)
        return (200, found) if found else (404, {"message": "Not Found"})

    def put_environment(self, given, name):
        if given["reviewers"] and self.visibility == "private" and self.plan != "enterprise":
            why = "Failed to create the environment protection rule. Please ensure the billing plan supports "
            return 422, {"message": f"{why}the required reviewers protection rule."}
        for one in given["reviewers"]:
            assert one["id"] in (LOGINS if one["type"] == "User" else TEAMS).values()
        rules = [{"type": "required_reviewers", "reviewers": given["reviewers"]}] * bool(given["reviewers"])
        self.environments[name] = {"name": name, "protection_rules": rules}
        return 200, self.environments[name]

    def get_rulesets(self, _given):
        if self.plan == "free":
            return 403, {"message": "Upgrade to GitHub Pro or make this repository public to enable this."}
        return 200, [{"id": key, "name": one["name"]} for key, one in self.rulesets.items()]

    def add_ruleset(self, given):
        if given["name"] in [one["name"] for one in self.rulesets.values()]:
            return 422, {"message": "Validation Failed", "errors": ["Name must be unique"]}
        self.rulesets[len(self.rulesets) + 1] = given
        return 201, given

    def put_ruleset(self, given, key):
        self.rulesets[int(key)] = given
        return 200, given

    def get_rules(self, _given, branch):
        if self.plan == "free":
            return self.get_rulesets(None)
        found = [one for one in self.rulesets.values() if one["enforcement"] == "active"]
        branch = unquote(branch)
        here = {f"refs/heads/{branch}", *(["~DEFAULT_BRANCH"] if branch == self.default else [])}
        mine = [one for one in found if here & set(one["conditions"]["ref_name"]["include"])]
        own = [{**rule, "ruleset_source_type": "Repository"} for one in mine for rule in one["rules"]]
        theirs = {"ruleset_source_type": "Organization", "ruleset_source": "team"}
        return 200, own + [{**rule, **theirs} for rule in self.above]

    def get_repository(self, _given):
        owner = {"login": "team", "type": "Organization"}
        shown = {
            "visibility": self.visibility,
            "private": self.visibility != "public",
            "default_branch": self.default,
            "owner": owner,
        }
        return 200, {"full_name": "team/model", "html_url": "https://git.team.example/team/model", **shown}

    def put_actions(self, given):
        self.actions |= given
        return 204, {}

    def get_selected(self, _given):
        if self.actions["allowed_actions"] != "selected":
            return 409, {"message": "Conflict"}
        return 200, self.selected

    def put_selected(self, given):
        self.selected |= given
        return 204, {}

    def get_scheduled(self, _given, name):
        return 200, {"state": self.stopped.get(name, "active")}

    def get_me(self, _given):
        return self.get_user(None, "alice")

    def get_user(self, _given, login):
        found = LOGINS.get(login)
        return (200, {"login": login, "id": found}) if found else (404, {"message": "Not Found"})

    def get_team(self, _given, owner, name):
        found = TEAMS.get(f"{owner}/{name}")
        return (200, {"id": found}) if found else (404, {"message": "Not Found"})


_REPO = "repos/team/model"
_ROUTES: list[tuple[str, str, Any]] = [
    ("GET", _REPO, Settings.get_repository),
    ("GET", "orgs/team", lambda self, _given: (200, {"plan": {"name": self.plan}})),
    ("GET", f"{_REPO}/actions/permissions", lambda self, _given: (200, self.actions)),
    ("PUT", f"{_REPO}/actions/permissions", Settings.put_actions),
    ("GET", f"{_REPO}/actions/permissions/selected-actions", Settings.get_selected),
    ("PUT", f"{_REPO}/actions/permissions/selected-actions", Settings.put_selected),
    ("GET", f"{_REPO}/codeowners/errors", lambda self, _given: (200, {"errors": self.owner_errors})),
    ("GET", rf"{_REPO}/actions/workflows/([\w.]+)", Settings.get_scheduled),
    ("GET", f"{_REPO}/actions/permissions/workflow", Settings.get_workflow),
    ("PUT", f"{_REPO}/actions/permissions/workflow", Settings.put_workflow),
    ("GET", rf"{_REPO}/labels/(\w+)", Settings.get_label),
    ("POST", f"{_REPO}/labels", Settings.add_label),
    ("PATCH", rf"{_REPO}/labels/(\w+)", Settings.edit_label),
    ("GET", rf"{_REPO}/git/ref/heads/(\w+)", Settings.get_branch),
    ("POST", f"{_REPO}/git/refs", Settings.add_branch),
    ("GET", f"{_REPO}/commits/HEAD", Settings.get_commit),
    ("GET", rf"{_REPO}/environments/(\w+)", Settings.get_environment),
    ("PUT", rf"{_REPO}/environments/(\w+)", Settings.put_environment),
    ("GET", f"{_REPO}/rulesets", Settings.get_rulesets),
    ("POST", f"{_REPO}/rulesets", Settings.add_ruleset),
    ("PUT", rf"{_REPO}/rulesets/(\d+)", Settings.put_ruleset),
    ("GET", rf"{_REPO}/rules/branches/([\w.%-]+)", Settings.get_rules),
    ("GET", "user", Settings.get_me),
    ("GET", r"users/([\w-]+)", Settings.get_user),
    ("GET", r"orgs/([\w-]+)/teams/([\w-]+)", Settings.get_team),
]
