"""Releases of a team of one, of a `trunk`, of a merge queue; and a page that GitHub refuses."""

import os
from pathlib import Path

import pytest

from loop.base.errors import LoopError
from loop.release import plan, record
from loop.serve.image import SBOM
from workflows.act import UV
from workflows.double import git
from workflows.house import NOW, model, serving, versions

PERSON = {f"GIT_{role}_{what}": "ann@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
IMAGE = f"ghcr.io/team/model@sha256:{'a' * 64}"


def approvals(number: int):
    """An edit of how many people must approve."""

    def edit(repo) -> None:
        repo.edit("deploy/policy.yaml", "approvals: 1", f"approvals: {number}")

    return edit


def alone(house, edit) -> str:
    """A change that passed its review and that nobody approved, merged."""
    number = house.propose(edit)
    house.judged(number)
    return house.merge(number)


def test_a_team_of_one_is_told_what_to_do_and_its_change_is_released_by_it(house, capsys):
    alone(house, model("1"))
    with pytest.raises(LoopError, match="approved by nobody") as error:
        plan.main()
    assert "a pull request that sets `approvals: 0` in deploy/policy.yaml releases it" in error.value.todo
    alone(house, approvals(0))
    assert house.plan()["go"] == "true"
    now = house.record()
    assert (now.versions[1].author, now.versions[1].approver) == ("ann", None)
    note = "approved by nobody (`approvals: 0` in deploy/policy.yaml)"
    assert note in house.github.releases[0]["body"].replace("&#40;", "(").replace("&#41;", ")")
    assert "Approved-by: nobody" in git(house.place, "log", "-1", "--format=%B", "origin/production")
    assert note == f"approved by {now.versions[1].approval}"


def test_a_change_that_lowers_the_number_for_itself_needs_the_approvals_of_before(house):
    alone(house, lambda repo: (model("1")(repo), approvals(0)(repo)))
    with pytest.raises(LoopError, match="approved by nobody"):
        plan.main()


def test_where_two_must_approve_one_is_not_enough_and_is_named(house):
    house.good(approvals(2))
    number = house.propose(model("1"))
    house.judged(number)
    house.github.review(number, "bob")
    house.github.merge(number)
    house.checkout()
    with pytest.raises(LoopError, match="approved by bob alone, and 2 are asked for"):
        plan.main()
    house.github.review(number, "eve")
    assert house.plan()["go"] == "true"
    assert house.record().versions[1].approver == "bob, eve"


def test_the_commands_of_a_refusal_take_the_change_back(house):
    house.release(model("1"))
    alone(house, serving)
    with pytest.raises(LoopError) as error:
        plan.main()
    command = error.value.todo.split("`")[1]
    house.work.run("bash", "-ec", command, GIT_EDITOR="true", **PERSON)
    assert git(house.work.path, "branch", "--show-current") == "take-back"
    house.work.git("push", "--quiet", "origin", "take-back")
    number = house.github.open_pull("take-back")
    house.judged(number)
    house.github.review(number, "bob")
    house.merge(number)
    assert house.plan()["go"] == "false"


def test_a_default_branch_of_any_name_is_released(house):
    github = house.github
    git(github.repo(), "branch", "--move", "main", "trunk")
    git(github.repo(), "symbolic-ref", "HEAD", "refs/heads/trunk")
    github.main = "trunk"
    git(house.place, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    house.release(model("1"))
    assert house.production().versions[1].commit == github.tip("trunk")


def queued(house, number: int, state: str | None) -> str:
    """A pull request merged by a queue, on a main that moved on: the commit, with its `gate`."""
    house.good(lambda repo: repo.append("docs/data.md", "\nMeanwhile.\n"))
    sha = house.merge(number)
    if state:
        house.judged(number, state, sha=sha)
    return sha


@pytest.mark.parametrize(("state", "go"), [("success", True), ("failure", False), (None, False)])
def test_what_a_merge_queue_judged_is_released(house, state, go):
    number = house.propose(model("1"))
    house.judged(number)
    house.github.review(number, "bob")
    queued(house, number, state)
    if go:
        assert house.plan()["go"] == "true"
        return
    with pytest.raises(LoopError, match="its files are not those that were judged"):
        plan.main()


@pytest.mark.parametrize("status", [403, 404])
def test_a_refused_page_is_a_warning_with_the_command_that_mends_it(house, capsys, status):
    """GitHub lets no workflow tag a commit whose workflows are not those of the default branch."""
    github, sha = house.github, house.good(model("1"))
    github.no_tag = status
    house.good(lambda repo: repo.append(".github/workflows/gate.yml", "# newer\n"))
    house.checkout(sha)
    assert record.main(IMAGE, NOW) == 0
    assert (versions(house.production()), github.releases) == ([1], [])
    told = capsys.readouterr().out
    assert "but its page on GitHub is not there" in told
    assert house.plan()["build"] == "false"

    assert record.main("", NOW) == 0, "a second run alone is refused again, and harms nothing"
    assert github.releases == []
    command = told.split("A person may: `")[1].split("`")[0]
    house.work.run("bash", "-ec", command)
    assert record.main("", NOW) == 0
    assert [(one["tag_name"], one["target_commitish"]) for one in github.releases] == [("v1", sha)]


@pytest.mark.parametrize("status", [403, 404])
def test_a_list_of_packages_that_github_refuses_is_made_and_attached_by_the_next_run(
    house, capsys, monkeypatch, status
):
    github = house.github
    house.good(model("1"))
    github.faults.append(("POST", "/assets/", status))
    assert record.main(IMAGE, NOW) == 0
    told = capsys.readouterr().out
    assert "its page on GitHub lacks something" in told
    assert "A person may" not in told, "nothing is wrong with its tag"
    again = house.plan()
    assert (again["go"], again["build"]) == ("true", "false")
    SBOM.unlink()  # a run that builds no image finds none
    monkeypatch.setenv("PATH", f"{Path(UV).parent}{os.pathsep}{os.environ['PATH']}")
    assert record.main("", NOW) == 0
    (asset,) = github.releases[0]["assets"]
    assert asset["size"] == SBOM.stat().st_size > 100_000
    assert house.plan()["go"] == "false"
