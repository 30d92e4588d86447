"""`loop setup github` and `loop doctor`, by the real gh against a GitHub of our own."""

import shutil
import subprocess

import pytest

from conftest import BIN, ROOT, Repo
from workflows.double import NAME, Double, serve

ADMIN = {"administration": "write", "contents": "write"}
NEEDS = 6


@pytest.fixture
def fresh(tmp_path):
    """A repository on GitHub as "Use this template" leaves it."""
    if shutil.which("gh") is None:
        pytest.skip("no gh: the set-up of a repository is NOT executed (https://cli.github.com)")
    with serve(tmp_path) as double:
        yield double


def loop(github: Double, *arguments: str, given=None) -> subprocess.CompletedProcess[str]:
    token = f"ghp_{github.next()}"
    github.tokens[token] = ADMIN if given is None else given
    host = github.url.removeprefix("https://")
    env = {
        **Repo(ROOT).environment(),
        "GH_HOST": host,
        "GH_REPO": f"{host}/{NAME}",
        "GH_ENTERPRISE_TOKEN": token,
        "GH_CONFIG_DIR": str(github.folder / "gh"),
        "SSL_CERT_FILE": str(github.folder / "cert.pem"),
    }
    done = subprocess.run(
        [BIN / "loop", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert token not in done.stdout + done.stderr
    return done


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
    assert rules["pull_request"]["require_code_owner_review"] is True

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
    assert len(fresh.settings.rulesets) == 2


def test_reviewers_are_people_and_teams(fresh):
    loop(fresh, "setup", "github", "--apply", "--reviewer", "bob", "--reviewer", "team/ml-owners")
    (rule,) = fresh.settings.environments["production"]["protection_rules"]
    assert rule["reviewers"] == [{"type": "User", "id": 12}, {"type": "Team", "id": 21}]


@pytest.mark.parametrize("name", ["$(touch pwned)", "a'; touch pwned; '", "-x", "a/b/c", ""])
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
    assert done.returncode == 1
    assert done.stdout.count("FAILED  rules of") == 2
    assert "Upgrade to GitHub Pro" in done.stdout
    assert done.stdout.count("  done ") == NEEDS - 2


def test_without_rights_each_need_says_so_and_nothing_is_changed(fresh):
    done = loop(fresh, "setup", "github", "--apply", given={"administration": "read"})
    assert done.returncode == 1
    assert done.stdout.count("FAILED") == NEEDS
    assert "Resource not accessible" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_without_apply_it_prints_what_apply_runs_and_asks_github_nothing(fresh):
    printed = loop(fresh, "setup", "github").stdout
    assert not fresh.writes
    env = {
        **Repo(ROOT).environment(),
        "GH_HOST": fresh.url.removeprefix("https://"),
        "GH_REPO": f"{fresh.url.removeprefix('https://')}/{NAME}",
        "GH_ENTERPRISE_TOKEN": "pasted",
        "SSL_CERT_FILE": str(fresh.folder / "cert.pem"),
    }
    fresh.tokens["pasted"] = ADMIN
    subprocess.run(["bash", "-eu", "-c", printed], env=env, check=True, capture_output=True)
    assert loop(fresh, "setup", "github", "--apply").stdout.count("  ok ") == NEEDS


def test_doctor_says_what_is_missing_on_both_sides_with_the_command_that_fixes_it(fresh):
    before = loop(fresh, "doctor")
    assert before.returncode == 1
    assert before.stdout.count("to do:   loop setup github --apply") == NEEDS
    loop(fresh, "setup", "github", "--apply")
    after = loop(fresh, "doctor")
    _, _, there = after.stdout.partition(f"on GitHub, {NAME}")
    assert "missing" not in there
    assert there.count("  ok ") == NEEDS


def test_doctor_without_a_login_says_how_to_log_in(fresh, tmp_path):
    env = {**Repo(ROOT).environment(), "GH_CONFIG_DIR": str(tmp_path / "none")}
    env = {name: value for name, value in env.items() if name not in ("GH_TOKEN", "GITHUB_TOKEN")}
    done = subprocess.run(
        [BIN / "loop", "doctor"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
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
