"""Earlier retrains, from git alone and from GitHub."""

import os
import subprocess

import pandas as pd
import pytest

from loop.monitor.inputs import past_retrains
from loop.monitor.inputs.past_retrains import Attempt
from workflows.double import ALL, BOT, NAME, serve

NOW = pd.Timestamp("2013-08-05T00:00Z")
PARAMS = 'windows:\n  as_of: "{}"  # nothing known later\nseed: {}\n'


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(message: str, as_of: str = "2013-06-03T00:00Z", seed: int = 0) -> str:
    with open("params.yaml", "w") as stream:
        stream.write(PARAMS.format(as_of, seed))
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "-m", message)
    return git("rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A repository without a remote, whose model is of June."""
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "CML_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "clone").mkdir()
    monkeypatch.chdir(tmp_path / "clone")
    git("init", "--quiet", "--initial-branch=main")
    git("config", "user.name", "t")
    git("config", "user.email", "t@t")
    commit("first")
    return tmp_path / "clone"


def found() -> list[tuple[str, str]]:
    return [(one.day, one.outcome) for one in past_retrains.attempts(NOW)]


def test_before_the_first_retrain_there_is_none(clone):
    assert past_retrains.attempts(NOW) == []


def test_outside_of_a_branch_main_there_is_none(clone):
    git("branch", "--move", "trunk")
    assert found() == []


@pytest.mark.parametrize(
    ("branch", "outcome"), [("retrain/2013-07-01", "open"), ("retrain/2013-07-01-refused", "refused")]
)
def test_a_branch_is_a_retrain_of_the_day_that_it_is_named_by(clone, branch, outcome):
    git("branch", branch)
    assert past_retrains.attempts(NOW) == [Attempt("2013-07-01", outcome, branch)]


@pytest.mark.parametrize(
    "branch", ["retrain/july", "retrain/2013-07-01/more", "other/2013-07-01", "retraining"]
)
def test_other_branches_are_none(clone, branch):
    git("branch", branch)
    assert found() == []


def test_a_branch_at_origin_is_seen_from_any_clone(clone, tmp_path, monkeypatch):
    git("branch", "retrain/2013-07-01")
    git("clone", "--quiet", str(clone), str(tmp_path / "other"))
    monkeypatch.chdir(tmp_path / "other")
    assert found() == [("2013-07-01", "open")]


def test_a_merged_commit_with_the_trailer_counts_and_its_branch_no_more(clone):
    git("switch", "--quiet", "--create", "retrain/2013-07-01")
    commit("Retrain on rows until 2013-06-01\n\nRetrain: 2013-07-01T00:00Z", "2013-07-01T00:00Z")
    git("switch", "--quiet", "main")
    git("merge", "--quiet", "--no-ff", "-m", "Merge it", "retrain/2013-07-01")
    assert found() == [("2013-07-01", "merged")]


def test_a_squash_that_keeps_the_words_in_its_body_counts(clone):
    commit("A title (#7)\n\n* Retrain on rows\n\nRetrain: 2013-07-01T00:00Z\n\nmore words\n", seed=1)
    assert found() == [("2013-07-01", "merged")]


def test_a_squash_that_drops_the_words_is_known_by_as_of_that_moved_on(clone):
    commit("A title (#7)", "2013-07-01T00:00Z")
    assert found() == [("2013-07-01", "merged")]


def test_taking_a_retrain_back_is_no_retrain(clone):
    commit("A title (#7)", "2013-07-01T00:00Z")
    commit("Revert", "2013-06-03T00:00Z")
    assert found() == [("2013-07-01", "merged")]


def test_another_number_of_params_is_no_retrain(clone):
    commit("seed", seed=2)
    assert found() == []


def test_params_that_cannot_be_read_are_passed_over(clone):
    commit("broken", as_of='"')
    commit("fixed")
    assert found() == []


def test_what_comes_after_now_is_not_known_yet(clone):
    git("branch", "retrain/2013-09-02")
    commit("A title (#7)", "2013-09-09T00:00Z")
    assert found() == []


def test_attempts_are_in_order_of_days_one_of_each(clone):
    for day in ("2013-07-29", "2013-07-01", "2013-07-01-refused"):
        git("branch", f"retrain/{day}")
    assert found() == [("2013-07-01", "open"), ("2013-07-29", "open")]


@pytest.fixture
def github(clone, tmp_path, monkeypatch):
    """The same in a workflow."""
    monkeypatch.setenv("SSL_CERT_FILE", os.environ.get("SSL_CERT_FILE", ""))
    (tmp_path / "github").mkdir()
    with serve(tmp_path / "github") as double:
        git("push", "--quiet", str(double.repo()), "main")
        git("remote", "add", "origin", f"{double.url}/{NAME}.git")
        double.tokens["t"] = {**ALL, "pull-requests": "read", "contents": "read", "statuses": "read"}
        cert = str(double.folder / "cert.pem")
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": f"{double.url}/api/v3",
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_SERVER_URL": double.url,
            "GITHUB_TOKEN": "t",
            "GIT_SSL_CAINFO": cert,
            "REQUESTS_CA_BUNDLE": cert,
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *_: None)
        yield double


def push(github, branch: str) -> None:
    git("push", "--quiet", str(github.repo()), f"HEAD:refs/heads/{branch}")


def proposed(github, branch: str, *, gate: bool = True) -> int:
    push(github, branch)
    number = github.open_pull(branch)
    if gate:
        sha = github.tip(branch)
        fields = {"context": "gate", "state": "success", "description": "better"}
        github.statuses.append({"sha": sha, **fields})
    return number


def test_an_open_pull_request_counts_once_its_gate_is_set(github):
    commit("one", "2013-07-01T00:00Z")
    proposed(github, "retrain/2013-07-01-7-1", gate=False)
    assert found() == []
    commit("two", "2013-07-08T00:00Z")
    proposed(github, "retrain/2013-07-08-8-1")
    assert found() == [("2013-07-08", "open")]


def test_a_branch_that_a_run_left_without_a_pull_request_does_not_count(github):
    push(github, "retrain/2013-07-01-7-1")
    git("fetch", "--quiet", str(github.repo()), "+refs/heads/*:refs/remotes/origin/*")
    assert found() == []


def test_one_that_a_person_closed_counts_as_closed_and_a_merged_one_as_merged(github):
    git("switch", "--quiet", "--detach")
    commit("one", seed=1)
    closed = proposed(github, "retrain/2013-07-01-7-1")
    commit("two", "2013-07-15T00:00Z", seed=2)
    merged = proposed(github, "retrain/2013-07-15-9-1")
    for one in github.pulls:
        one["state"] = "closed" if one["number"] == closed else one["state"]
    github.merge(merged)
    assert found() == [("2013-07-01", "closed"), ("2013-07-15", "merged")]


def test_one_that_was_cut_short_counts_for_nothing_closed_too(github):
    commit("one", "2013-07-01T00:00Z")
    proposed(github, "retrain/2013-07-01-7-1", gate=False)
    github.pulls[0]["state"] = "closed"
    assert found() == []


def test_one_of_a_fork_is_nobodys_retrain(github):
    github.repo("stranger/model")
    git("push", "--quiet", str(github.repo("stranger/model")), "HEAD:refs/heads/retrain/2013-07-01-7-1")
    github.open_pull("retrain/2013-07-01-7-1", "stranger/model")
    assert found() == []


@pytest.mark.parametrize(
    ("title", "labels", "login", "expected"),
    [
        (past_retrains.refused_title("2013-07-01"), ["retrain"], BOT, [("2013-07-01", "refused")]),
        (past_retrains.refused_title("2013-07-01"), ["retrain"], "eve", []),
        (past_retrains.refused_title("2013-07-01"), [], BOT, []),
        ("A retrain cannot be proposed", ["retrain"], BOT, []),
    ],
)
def test_a_workflows_issue_about_a_refused_retrain_counts_open_or_closed(
    github, title, labels, login, expected
):
    for number, state in enumerate(("open", "closed")):
        fields = {"title": title, "labels": labels, "user": {"login": login}}
        github.issues = [{"number": 900 + number, "state": state, "html_url": "u", **fields}]
        assert found() == expected


def test_of_one_day_what_became_of_it_in_the_end_counts(github):
    commit("one", "2013-07-01T00:00Z")
    title = past_retrains.refused_title("2013-07-01")
    fields = {"title": title, "labels": ["retrain"], "user": {"login": BOT}}
    github.issues = [{"number": 9, "state": "open", "html_url": "u", **fields}]
    proposed(github, "retrain/2013-07-01-7-2")
    assert found() == [("2013-07-01", "open")]
