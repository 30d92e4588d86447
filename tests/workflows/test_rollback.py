"""`rollback.yml` and `reproduce.yml`, executed; the pull request of a rollback in GitHub's bad moments."""

import json
import os

import pytest
import yaml

from conftest import ROOT, Repo, copy_sources
from loop.history import reproduce
from loop.history.reproduce import Row
from loop.production import branch, transitions
from loop.production.state import Version
from loop.publish import publish
from loop.repo.git import git as ours
from loop.rollout import available, rollback
from support.states import NOW, at, policy, version
from workflows.act import CML, Runner
from workflows.double import ALL, NAME, Double, git, serve

LATER = at("2026-01-06T03:00")
NIGHT = 'it hurts "since" 3 o\'clock; `touch pwned` $(touch pwned) | @team <img src=x>\n::warning::no'


class Home:
    """A clone of a GitHub of our own, on which versions were released from main."""

    def __init__(self, double: Double, repo: Repo) -> None:
        self.double, self.repo = double, repo
        self.released = 0

    def commit(self, *edits: tuple[str, str, str]) -> str:
        """A commit of main, pushed."""
        for file, old, new in edits:
            self.repo.edit(file, old, new)
        sha = self.repo.commit()
        git(self.repo.path, "push", "--quiet", str(self.double.repo()), "HEAD:main")
        return sha

    def release(self, **changed: object) -> Version:
        """The next version, from main's tip, champion at once."""
        self.released += 1
        lineage = json.loads(self.repo.text("models/lineage.json"))
        made = {
            "commit": self.double.tip("main"),
            "model": lineage["model"]["sha256"],
            "image": None,
            **changed,
        }
        one = version(self.released, **made)
        branch.change(
            lambda now: (transitions.enter(now.state, one, policy(), NOW), f"Release {one.version}", one),
            lambda _: {},
        )
        git(self.repo.path, "push", "--quiet", str(self.double.repo()), "production")
        return one

    def champion(self) -> int:
        """Which version serves, as GitHub has it."""
        state = yaml.safe_load(git(self.double.repo(), "show", "production:rollout.yaml"))
        return next(one["version"] for one in state["models"] if one["role"] == "champion")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Version 2 serves; it moved a number of params.yaml and the lock after version 1."""
    monkeypatch.setenv("SSL_CERT_FILE", os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "CML_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(available, "_lacks", lambda _: "")
    (tmp_path / "github").mkdir()
    with serve(tmp_path / "github") as double:
        made = Home(double, copy_sources(tmp_path / "home"))
        double.settings.workflow["can_approve_pull_request_reviews"] = True
        monkeypatch.chdir(made.repo.path)
        git(made.repo.path, "config", "user.name", "t")
        git(made.repo.path, "config", "user.email", "t@t")
        made.commit()
        made.release()
        made.commit(("params.yaml", "trees: 200", "trees: 190"), ("dvc.lock", "trees: 200", "trees: 190"))
        made.release()
        yield made


@pytest.fixture
def on_call(home, tmp_path, monkeypatch) -> Home:
    """In a job of a workflow, in a checkout of main, with CML; the production commit was made by a person."""
    place = tmp_path / "job"
    git(tmp_path, "clone", "--quiet", str(home.double.repo()), str(place))
    git(place, "remote", "set-url", "origin", f"{home.double.url}/{NAME}.git")
    token = f"ghs_{home.double.next()}"
    home.double.tokens[token] = dict(ALL)
    cert = str(home.double.folder / "cert.pem")
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": "alice",
        "GITHUB_API_URL": f"{home.double.url}/api/v3",
        "GITHUB_REPOSITORY": NAME,
        "GITHUB_RUN_ID": "77",
        "GITHUB_SERVER_URL": home.double.url,
        "GITHUB_SHA": home.double.tip("main"),
        "GITHUB_TOKEN": token,
        "GIT_SSL_CAINFO": cert,
        "REQUESTS_CA_BUNDLE": cert,
        "SSL_CERT_FILE": cert,
        "PATH": f"{CML}{os.pathsep}{os.environ['PATH']}",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *_: None)
    monkeypatch.setattr("loop.rollout.follow.follow", lambda _: None)
    monkeypatch.chdir(place)
    home.token = token
    return home


def back(reason: str = "it hurts", to: int | None = None) -> int:
    return rollback.main(to, reason, LATER, commit=True, pull_request=True)


def again() -> int:
    return rollback.main(None, None, LATER, commit=False, pull_request=True)


def opened(double: Double) -> list[tuple[str, str]]:
    return [(pull["branch"], pull["base"]) for pull in double.pulls]


def test_cml_opens_the_pull_request_labelled_and_with_the_old_lock(on_call, capfd):
    assert back() == 0
    assert on_call.champion() == 1
    assert opened(on_call.double) == [("rollback-v2-to-v1", "main")]
    (pull,) = on_call.double.pulls
    assert pull["labels"] == ["rollback"]
    assert "trees: 200" in git(on_call.double.repo(), "show", "rollback-v2-to-v1:dvc.lock")
    output = capfd.readouterr().out
    assert "main gives it back by" in output
    assert "by REST" not in output
    assert on_call.token not in output


def test_the_token_and_the_name_of_cml_are_in_no_settings_that_stay(on_call):
    back()
    report = ours("config", "--local", "--list")
    assert on_call.token not in report
    assert "Olivaw" not in report


def test_the_commit_of_the_pull_request_is_the_bots(on_call):
    back()
    report = git(on_call.double.repo(), "log", "-1", "--format=%an %s", "rollback-v2-to-v1")
    assert report == "github-actions[bot] Take version 2 back from main"


def test_one_that_is_open_already_is_not_doubled(on_call, capfd):
    back()
    assert again() == 0
    assert len(on_call.double.pulls) == 1
    assert "open already" in capfd.readouterr().out


@pytest.mark.parametrize("fault", ["no cml", "cml fails"])
def test_without_cml_it_is_opened_by_rest(on_call, monkeypatch, tmp_path, fault, capfd):
    (tmp_path / "bin").mkdir()
    if fault == "cml fails":
        (tmp_path / "bin/cml").write_text('#!/bin/sh\necho \'{"message":"the disk is full"}\' >&2; exit 1\n')
        (tmp_path / "bin/cml").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/local/bin:/usr/bin:/bin")
    assert back() == 0
    assert opened(on_call.double) == [("rollback-v2-to-v1", "main")]
    assert "opened by REST" in capfd.readouterr().out


def test_an_answer_that_is_lost_makes_no_second_pull_request(on_call):
    on_call.double.lost.append("/pulls$")
    assert back() == 0
    assert len(on_call.double.pulls) == 1
    assert not on_call.double.issues


def test_where_actions_may_open_none_production_is_back_and_an_issue_has_the_command(on_call, capfd):
    on_call.double.settings.workflow["can_approve_pull_request_reviews"] = False
    assert back(NIGHT) == 0
    assert on_call.champion() == 1
    assert not on_call.double.pulls
    (issue,) = on_call.double.issues
    assert issue["labels"] == ["rollback"]
    assert "gh pr create --base main --head rollback-v2-to-v1" in issue["body"]
    assert "not permitted to create" in issue["body"]
    assert "<img" not in issue["body"]
    assert "@team" not in issue["body"]
    assert (
        "::warning::production is back, but the pull request to main is not there" in capfd.readouterr().out
    )
    again()
    assert len(on_call.double.issues) == 1


def test_once_actions_may_the_branch_that_was_left_gets_its_pull_request(on_call):
    on_call.double.settings.workflow["can_approve_pull_request_reviews"] = False
    back()
    on_call.double.settings.workflow["can_approve_pull_request_reviews"] = True
    again()
    assert opened(on_call.double) == [("rollback-v2-to-v1", "main")]


def test_a_conflict_on_main_is_an_issue_with_the_commits_to_revert(on_call, capfd):
    refused = on_call.double.tip("main")
    on_call.commit(("params.yaml", "trees: 190", "trees: 191"))
    assert back() == 0
    assert not on_call.double.pulls
    (issue,) = on_call.double.issues
    assert f"git revert --no-edit {refused}" in issue["body"]
    assert on_call.champion() == 1


@pytest.mark.parametrize("given", [{"contents": "write"}, {"contents": "write", "pull-requests": "read"}])
def test_a_token_that_may_write_no_issue_either_is_a_warning(on_call, given, capfd):
    on_call.double.tokens[on_call.token] = given
    assert back() == 0
    assert on_call.champion() == 1
    assert "nor could an issue be opened" in capfd.readouterr().out


def test_its_runs_wait_for_the_one_click_that_its_text_names(on_call, capfd):
    """GitHub lets the runs of what GITHUB_TOKEN opens wait; the first click starts the review."""
    back()
    (pull,) = on_call.double.pulls
    (waiting,) = on_call.double.held(pull["number"])
    assert "One click starts the review:** *Approve workflows to run*" in pull["body"]
    on_call.double.tokens[on_call.token] = ALL  # publish.yml has another token
    assert publish.main(waiting) == 0
    assert "judged nothing" in capfd.readouterr().out
    sha = on_call.double.pull(pull["number"])["head"]["sha"]
    assert on_call.double.gates(sha) == []
    on_call.double.runs[waiting]["conclusion"] = "cancelled"  # clicked, and then its review did not end
    assert publish.main(waiting) == 0
    assert [state for state, _ in on_call.double.gates(sha)] == ["error"]


def test_words_of_strangers_are_words_in_the_pull_request(on_call):
    back(NIGHT)
    (pull,) = on_call.double.pulls
    assert "<img" not in pull["body"]
    assert "@team" not in pull["body"]
    assert "*Approve workflows to run*" in pull["body"]


def test_a_hash_that_differs_is_a_row_of_the_issue_and_no_second_one(on_call, monkeypatch, capfd):
    rows = [
        Row("train", "models/model.skops", "a" * 32, "a" * 32),
        Row("versions/2.yaml", "models/model.skops (sha256)", "f" * 64, "e" * 64),
    ]
    monkeypatch.setattr(reproduce, "rebuild", lambda *_: rows)
    for _ in range(2):
        assert reproduce.main("champion", True) == 1
    (issue,) = on_call.double.issues
    assert issue["title"] == "Version 2 does not come out again"
    row = "| `versions/2.yaml` | `models/model.skops (sha256)` | `ffffffffffff` | `eeeeeeeeeeee` | `NO` |"
    assert row in issue["body"].splitlines()
    assert "| `train`" not in issue["body"]
    assert "/actions/runs/77)" in issue["body"]
    assert "version 2 did NOT come out again" in capfd.readouterr().err


@pytest.fixture
def runner(home, tmp_path) -> Runner:
    """A machine for the workflows."""
    return Runner(home.double, tmp_path / "runner")


def dispatch(runner: Runner, number: int, **inputs: str):
    payload = {"inputs": inputs, "ref": "refs/heads/main", "repository": {"full_name": NAME}}
    main = runner.double.tip("main")
    return runner.act("rollback.yml", "workflow_dispatch", payload, sha=main, GITHUB_RUN_ID=str(number))


def test_the_workflow_takes_production_back_and_opens_the_pull_request(home, runner):
    done = dispatch(runner, 501, version="", reason=NIGHT)
    assert done.code == 0, done.log[-3000:]
    assert home.champion() == 1
    report = git(home.double.repo(), "log", "-1", "--format=%an%n%(trailers:only,unfold)", "production")
    assert report.startswith("github-actions[bot]")
    assert "Run: https://" in report
    assert "$(touch pwned)" in report
    assert opened(home.double) == [("rollback-v2-to-v1", "main")]
    receipt = f"opened-{home.double.tip('rollback-v2-to-v1')}"
    assert receipt in [name for listed in home.double.artifacts.values() for name, _ in listed]
    assert not list(runner.folder.rglob("pwned*"))
    assert not [token for token in home.double.tokens if token in done.log]
    # run again, it goes no further back
    done = dispatch(runner, 501, version="", reason=NIGHT)
    assert done.code != 0
    assert "this run has gone back already" in done.log
    assert home.champion() == 1


def test_the_workflow_goes_to_the_version_that_is_named_and_fails_for_one_that_never_was(home, runner):
    home.commit(("params.yaml", "trees: 190", "trees: 180"))
    home.release()
    for number, (asked, serves) in enumerate([("9", 3), ("3; touch pwned", 3), ("--help", 3), ("1", 1)]):
        done = dispatch(runner, 600 + number, version=asked, reason="r")
        assert (done.code == 0) == (serves == 1), done.log[-3000:]
        assert home.champion() == serves
    assert not list(runner.folder.rglob("pwned*"))


def test_the_workflow_starts_by_hand_alone_waits_for_the_environment_and_not_for_a_release():
    found = yaml.safe_load((ROOT / ".github/workflows/rollback.yml").read_text())
    assert list(found[True]) == ["workflow_dispatch"]
    assert found["jobs"]["rollback"]["environment"] == "production"
    assert found["concurrency"] == {"group": "rollback", "cancel-in-progress": False}


def weekly(runner: Runner):
    return runner.act(
        "reproduce.yml",
        "schedule",
        {"schedule": "17 4 * * 1"},
        sha=runner.double.tip("main"),
        jobs=("champion",),
    )


def test_a_champion_that_cannot_be_made_again_fails_the_week_and_opens_one_issue(home, runner):
    home.repo.append("src/problem/source.py", "\n\nno_such_name\n")
    home.commit()
    home.release()
    for _ in range(2):
        done = weekly(runner)
        assert done.code != 0
        assert "no_such_name" in done.log
    (issue,) = home.double.issues
    assert issue["title"] == "Version 3 does not come out again"
    assert "no&#95;such_name" in issue["body"] or "no_such_name" in issue["body"]


def test_before_the_first_release_the_week_is_quiet(home, runner):
    git(home.double.repo(), "update-ref", "-d", "refs/heads/production")
    done = weekly(runner)
    assert done.code == 0, done.log[-3000:]
    assert "nothing was released yet" in done.log
    assert not home.double.issues
