"""`loop setup github` and `loop doctor`, by the real gh against a GitHub of our own."""

import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import BIN, ROOT, Repo, copy_sources
from workflows.double import NAME, Double, serve

ADMIN = {"administration": "write", "contents": "write"}
NEEDS = 9  # that `--apply` brings about
ASKED = 8  # that only `loop doctor` asks


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A repository on GitHub as "Use this template" leaves it."""
    if shutil.which("gh") is None:
        pytest.skip("no gh: the set-up of a repository is NOT executed (https://cli.github.com)")
    monkeypatch.chdir(copy_sources(tmp_path / "clone").path)
    (tmp_path / "github").mkdir()
    with serve(tmp_path / "github") as double:
        yield double


def loop(github: Double, *arguments: str, given=None) -> subprocess.CompletedProcess[str]:
    token = f"ghp_{github.next()}"
    github.tokens[token] = ADMIN if given is None else given
    host = github.url.removeprefix("https://")
    env = {
        "GH_HOST": host,
        "GH_REPO": f"{host}/{NAME}",
        "GH_ENTERPRISE_TOKEN": token,
        "GH_CONFIG_DIR": str(github.folder / "gh"),
        "SSL_CERT_FILE": str(github.folder / "cert.pem"),
    }
    done = Repo(Path.cwd()).run("loop", *arguments, check=False, **env)
    assert token not in done.stdout + done.stderr
    return done


def run(github: Double, script: str) -> None:
    """What a person does with a command that was printed."""
    host = github.url.removeprefix("https://")
    env = {
        **Repo(Path.cwd()).environment(),
        "GH_HOST": host,
        "GH_REPO": f"{host}/{NAME}",
        "GH_ENTERPRISE_TOKEN": "pasted",
        "SSL_CERT_FILE": str(github.folder / "cert.pem"),
    }
    github.tokens["pasted"] = ADMIN
    subprocess.run(["bash", "-eu", "-c", script], env=env, check=True, capture_output=True)


def test_apply_brings_about_every_need_and_a_second_time_changes_nothing(fresh):
    done = loop(fresh, "setup", "github", "--apply")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  done ") == NEEDS
    settings = fresh.settings
    assert settings.workflow["can_approve_pull_request_reviews"] is True
    assert settings.workflow["default_workflow_permissions"] == "read"
    assert {"retrain", "drift", "rollback", "dependencies"} <= settings.labels.keys()
    assert settings.branches == {"production": settings.main}
    (rule,) = settings.environments["production"]["protection_rules"]
    assert rule["reviewers"] == [{"type": "User", "id": 11}], "who ran it"
    rules = {rule["type"]: rule.get("parameters") for rule in settings.rulesets[1]["rules"]}
    assert rules["required_status_checks"]["required_status_checks"] == [{"context": "gate"}]
    assert rules["required_status_checks"]["strict_required_status_checks_policy"] is True
    asked = rules["pull_request"]
    assert (asked["required_approving_review_count"], asked["require_code_owner_review"]) == (1, True)
    assert asked["allowed_merge_methods"] == ["merge", "squash"], "a rebase is many commits"
    assert asked["require_extra_approval_for_unattributed_changes"] is False, "true where it is left out"
    assert settings.rulesets[1]["conditions"]["ref_name"]["include"] == ["~DEFAULT_BRANCH"]
    owners = Path(".github/CODEOWNERS").read_text()
    assert "/.github/                       @alice\n" in owners
    assert "your-organization" not in owners
    assert "protects nothing" not in owners
    for file in ("deploy/slo.yaml", "deploy/monitoring/rules.yaml"):
        text = Path(file).read_text()
        assert "https://git.team.example/team/model/blob/HEAD/docs/runbook" in text
        assert "your-organization" not in text

    writes = list(fresh.writes)
    again = loop(fresh, "setup", "github", "--apply")
    assert again.returncode == 0
    assert again.stdout.count("  ok ") == NEEDS
    assert fresh.writes == writes


def test_what_was_set_by_hand_and_lacks_the_gate_is_fixed_in_place(fresh):
    loop(fresh, "setup", "github", "--apply")
    ruleset = fresh.settings.rulesets[1]
    ruleset["rules"] = [rule for rule in ruleset["rules"] if rule["type"] != "required_status_checks"]
    done = loop(fresh, "setup", "github", "--apply")
    assert (done.returncode, done.stdout.count("  done ")) == (0, 1)
    assert "required_status_checks" in [rule["type"] for rule in fresh.settings.rulesets[1]["rules"]]
    assert len(fresh.settings.rulesets) == 4


def test_reviewers_are_people_and_teams(fresh):
    loop(fresh, "setup", "github", "--apply", "--reviewer", "eve_acme", "--reviewer", "team/ml-owners")
    (rule,) = fresh.settings.environments["production"]["protection_rules"]
    assert rule["reviewers"] == [{"type": "User", "id": 13}, {"type": "Team", "id": 21}]


@pytest.mark.parametrize("name", ["$(touch pwned)", "a'; touch pwned; '", "-x", "_x", "a/b/c", ""])
def test_a_reviewer_that_can_be_no_login_is_refused_before_anything_is_done(fresh, name):
    done = loop(fresh, "setup", "github", "--apply", "--reviewer", name)
    assert done.returncode == 1
    assert "no login of GitHub" in done.stderr
    assert not fresh.writes


def test_an_unknown_reviewer_fails_by_name_and_the_rest_is_done(fresh):
    done = loop(fresh, "setup", "github", "--apply", "--reviewer", "nobody")
    assert done.returncode == 1
    assert "FAILED  environment production" in done.stdout
    assert done.stdout.count("  done ") == NEEDS - 1


def test_what_a_plan_does_not_have_is_reported_by_github_and_the_rest_is_done(fresh):
    fresh.settings.plan = "free"
    done = loop(fresh, "setup", "github", "--apply")
    assert done.returncode == 0, "nobody can do more"
    assert done.stdout.count("absent  rules of") == 4
    assert "Upgrade to GitHub Pro" in done.stdout
    assert "instead every release refuses what came past review" in done.stdout
    assert done.stdout.count("  done ") == NEEDS - 4


def test_without_rights_each_need_says_so_and_nothing_is_changed(fresh):
    done = loop(fresh, "setup", "github", "--apply", given={"administration": "read"})
    assert done.returncode == 1
    assert done.stdout.count("FAILED") == NEEDS - 1, "owners are named in a file of this clone"
    assert "Resource not accessible" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_without_apply_it_prints_what_apply_runs_and_asks_github_nothing(fresh):
    printed = loop(fresh, "setup", "github").stdout
    assert not fresh.writes
    run(fresh, printed)
    assert loop(fresh, "setup", "github", "--apply").stdout.count("  ok ") == NEEDS


def test_doctor_says_what_is_missing_on_both_sides_with_the_command_that_fixes_it(fresh):
    before = loop(fresh, "doctor")
    assert before.returncode == 1
    assert before.stdout.count("to do:   loop setup github --apply") == NEEDS
    loop(fresh, "setup", "github", "--apply")
    after = loop(fresh, "doctor")
    _, _, there = after.stdout.partition(f"on GitHub, {NAME}")
    assert "missing" not in there
    assert there.count("  ok ") == NEEDS + ASKED


def test_doctor_without_a_login_says_how_to_log_in(fresh, tmp_path):
    env = {**Repo(Path.cwd()).environment(), "GH_CONFIG_DIR": str(tmp_path / "none")}
    env = {name: value for name, value in env.items() if name not in ("GH_TOKEN", "GITHUB_TOKEN")}
    done = subprocess.run([BIN / "loop", "doctor"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "unknown   gh is not logged in\n            to do:   gh auth login\n" in done.stdout


def test_a_python_that_is_not_there_is_one_message_of_make():
    done = subprocess.run(
        ["make", "setup", "PYTHON=nonexistent"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, "make's own"
    found, expected, todo, *_ = done.stderr.splitlines()
    assert found == "error: nonexistent is no program here"
    assert expected == "  expected: Python 3.11, 3.12 or 3.13"
    assert todo.startswith("  to do:    install one, or make PYTHON=")


def test_outside_of_a_clone_doctor_says_where_to_go(tmp_path):
    done = Repo(tmp_path).run("loop", "doctor", check=False)
    assert done.returncode == 1
    assert "the folder with dvc.yaml" in done.stderr


def test_a_team_of_one_gets_rules_that_it_can_live_with(fresh):
    Repo(Path.cwd()).edit("deploy/policy.yaml", "approvals: 1", "approvals: 0")
    assert loop(fresh, "setup", "github", "--apply").returncode == 0
    rules = {rule["type"]: rule.get("parameters") for rule in fresh.settings.rulesets[1]["rules"]}
    asked = rules["pull_request"]
    assert (asked["required_approving_review_count"], asked["require_code_owner_review"]) == (0, False)
    assert rules["required_status_checks"]["required_status_checks"] == [{"context": "gate"}]
    Repo(Path.cwd()).edit("deploy/policy.yaml", "approvals: 0", "approvals: 1")
    assert "to do:   loop setup github --apply" in loop(fresh, "doctor").stdout, "the rules ask for less"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("allowed_merge_methods", ["merge", "squash", "rebase"]),
        ("require_extra_approval_for_unattributed_changes", True),
        ("required_approving_review_count", 0),
    ],
)
def test_rules_that_a_release_would_not_understand_are_fixed(fresh, key, value):
    loop(fresh, "setup", "github", "--apply")
    asked = next(rule for rule in fresh.settings.rulesets[1]["rules"] if rule["type"] == "pull_request")
    good, asked["parameters"][key] = asked["parameters"][key], value
    assert loop(fresh, "setup", "github", "--apply").stdout.count("  done ") == 1
    asked = next(rule for rule in fresh.settings.rulesets[1]["rules"] if rule["type"] == "pull_request")
    assert asked["parameters"][key] == good


def test_rules_hold_for_a_default_branch_of_any_name(fresh):
    fresh.settings.default = "release/2.x"
    loop(fresh, "setup", "github", "--apply")
    assert loop(fresh, "setup", "github", "--apply").stdout.count("  ok ") == NEEDS
    assert "default branch release/2.x" in loop(fresh, "doctor").stdout


@pytest.mark.parametrize("name", ["production", "looks"])
def test_a_default_branch_that_would_be_two_things_is_refused_with_the_command(fresh, name):
    fresh.settings.default = name
    for command in (["setup", "github", "--apply"], ["doctor"]):
        done = loop(fresh, *command)
        assert done.returncode == 1
        assert f"the default branch is called {name}" in done.stdout + done.stderr
        assert f"branches/{name}/rename" in done.stdout + done.stderr
    assert not fresh.writes


def above(kind: str, **parameters: object) -> dict[str, object]:
    """A rule of the organization."""
    return {"type": kind, "parameters": parameters}


def test_rules_of_the_organization_beside_ours_are_no_lack(fresh):
    loop(fresh, "setup", "github", "--apply")
    methods = ["squash"]
    asked = {
        "required_approving_review_count": 0,
        "allowed_merge_methods": methods,
        "require_extra_approval_for_unattributed_changes": False,
    }
    fresh.settings.above = [
        above("required_status_checks", required_status_checks=[{"context": "licences"}]),
        above("pull_request", **asked),
    ]
    assert loop(fresh, "setup", "github", "--apply").stdout.count("  ok ") == NEEDS


@pytest.mark.parametrize(
    ("approvals", "asked", "says"),
    [
        (0, {"required_approving_review_count": 2}, "2 approvals, where deploy/policy.yaml asks for none"),
        (
            1,
            {"allowed_merge_methods": ["rebase"]},
            "a merge by rebase, and a release understands merge and squash",
        ),
        (1, {"require_extra_approval_for_unattributed_changes": True}, "one approval more"),
    ],
)
def test_an_organization_that_asks_for_more_is_named_for_no_command_here_mends_it(
    fresh, approvals, asked, says
):
    Repo(Path.cwd()).edit("deploy/policy.yaml", "approvals: 1", f"approvals: {approvals}")
    loop(fresh, "setup", "github", "--apply")
    fresh.settings.above = [
        above("pull_request", **{"require_extra_approval_for_unattributed_changes": False, **asked})
    ]
    writes = list(fresh.writes)
    for command in (["setup", "github", "--apply"], ["doctor"]):
        done = loop(fresh, *command)
        assert done.returncode == 1
        assert f"rules of team ask each pull request for more: {says}" in done.stdout
        assert "to do:   ask who keeps the rulesets of team to leave this repository out" in done.stdout
    assert fresh.writes == writes


@pytest.mark.parametrize(
    "actions",
    [{"enabled": False}, *({"enabled": True, "allowed_actions": one} for one in ("local_only", "selected"))],
)
def test_doctor_names_the_command_where_no_action_may_run(fresh, actions):
    fresh.settings.actions = actions
    _, _, need = loop(fresh, "doctor").stdout.partition("missing   Actions run")
    run(fresh, need.partition("to do:   ")[2].splitlines()[0])
    assert "ok        Actions run" in loop(fresh, "doctor").stdout


def test_doctor_names_what_github_stopped_and_owners_that_do_not_exist(fresh):
    fresh.settings.stopped |= dict.fromkeys(["monitor.yml", "status.yml"], "disabled_inactivity")
    fresh.settings.owner_errors = [{"kind": "Unknown owner", "message": "Unknown owner on line 7: @nobody"}]
    told = loop(fresh, "doctor").stdout
    assert "optional  the schedule of monitor.yml" in told
    assert "gh workflow enable monitor.yml" in told
    assert "gh workflow enable status.yml" in told
    assert "missing   owners that GitHub knows" in told
    assert "codeowners/errors" in told


def test_doctor_says_what_stands_in_for_what_the_plan_does_not_have(fresh):
    fresh.settings.plan, fresh.settings.visibility = "free", "private"
    done = loop(fresh, "setup", "github", "--apply")
    assert "absent  environment production with reviewers" in done.stdout
    told = loop(fresh, "doctor").stdout
    assert "team/model: private, plan free" in told
    assert told.count("your plan has no such rule; instead ") == 5, "rules of four branches, and reviewers"
    fresh.settings.plan = "enterprise"
    assert "missing   environment production with reviewers" in loop(fresh, "doctor").stdout
