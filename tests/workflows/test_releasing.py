"""`loop release plan` and `record` against a GitHub of our own: what is released, and what is refused."""

import hashlib
import json

import pytest

from loop.base.errors import LoopError
from loop.github import approvers, opener_run
from loop.github.client import HEADLINE
from loop.production import branch, rollout_policy, transitions
from loop.production.state import Refused
from loop.release import plan, record
from loop.serve.image import SBOM
from workflows.double import BOT, git
from workflows.house import NOW, House, docs, model, roles, serving, versions


def refused(house: House, match: str) -> LoopError:
    """The plan refuses, and no version is registered by asking to record it all the same."""
    with pytest.raises(LoopError, match=match) as error:
        plan.main()
    with pytest.raises(LoopError, match=match):
        record.main(f"ghcr.io/team/model@sha256:{'a' * 64}", NOW)
    assert versions(house.production()) == []
    assert house.github.releases == []
    return error.value


def test_the_first_release_is_champion_and_the_second_enters_at_the_first_stage(house):
    first = house.release(model("1"))
    assert roles(first) == {"champion": 1}
    second = house.release(model("2"), digest="b")
    assert roles(second) == {"champion": 1, "challenger": 2}
    assert second.state.challenger.stage.name == rollout_policy.read().stages[0].name
    assert (second.versions[2].model, second.versions[2].image[-64:]) == ("2" * 64, "b" * 64)


def test_a_version_says_who_let_it_in_from_which_data_and_what_the_review_said(house):
    now = house.release(model("1"))
    one, commit = now.versions[1], house.github.tip("main")
    assert (one.commit, one.author, one.approver, one.verdict) == (commit, "ann", "bob", "better")
    assert one.pull == house.github.pulls[-1]["number"]
    assert set(one.data) >= {"data/raw", "data/examples"}


def test_the_commit_on_production_says_what_changed_and_by_whom(house):
    house.release(model("1"))
    house.release(model("2"))
    output = git(house.place, "log", "-1", "--format=%B", "origin/production")
    assert output.startswith("Release version 2: challenger, shadow")
    assert f"Commit: {house.github.tip('main')}" in output
    assert "Approved-by: bob" in output


@pytest.mark.parametrize(
    "edit",
    [
        docs,
        lambda repo: repo.edit("deploy/policy.yaml", "days_min: 2", "days_min: 4"),
        lambda repo: repo.set_param("review.primary.margin", 0.1),
    ],
)
def test_what_no_server_sees_is_nothing_to_release_and_nobody_is_asked(house, edit, capsys):
    house.release(model("1"))
    house.checkout(house.merge(house.propose(edit)))  # not approved, not judged: it does not matter
    house.github.tokens.clear()  # every question to GitHub would fail
    assert house.plan()["go"] == "false"
    assert "neither the model nor what serves it differs from version 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("edit", "public"), [(serving, "true"), (lambda repo: repo.set_param("serve.threshold", 0.3), "false")]
)
def test_what_serves_is_a_new_version_of_the_same_model(house, edit, public):
    house.release(model("1"))
    house.github.settings.visibility = "public" if public == "true" else "private"
    house.good(edit)
    assert house.plan() == {
        "go": "true",
        "build": "true",
        "version": "2",
        "image": "ghcr.io/team/model",
        "registry": "ghcr.io",
        "public": public,
        "model_changed": "false",
    }


def test_the_same_commit_twice_changes_nothing(house):
    house.release(model("1"))
    before, report = git(house.place, "rev-parse", "origin/production"), len(house.github.writes)
    assert house.plan()["go"] == "false"
    house.record(digest="f")
    assert git(house.place, "ls-remote", "origin", "production").split()[0] == before
    assert (len(house.github.releases), len(house.github.writes)) == (1, report)


def test_a_release_that_broke_off_before_its_page_is_finished_without_another_image(house):
    house.good(model("1"))
    house.github.faults += [("POST", "/releases", 500)]
    with pytest.raises(LoopError, match="500"):
        record.main(f"ghcr.io/team/model@sha256:{'a' * 64}", NOW)
    assert (versions(house.production()), house.github.releases) == ([1], [])
    again = house.plan()
    assert (again["go"], again["build"], again["version"]) == ("true", "false", "1")
    assert record.main("", NOW) == 0
    assert [one["tag_name"] for one in house.github.releases] == ["v1"]
    assert house.production().versions[1].image.endswith("a" * 64)


def test_the_page_is_made_once_though_github_did_not_answer(house):
    house.good(model("1"))
    house.github.lost += ["/releases$"]
    with pytest.raises(LoopError, match="502"):
        record.main(f"ghcr.io/team/model@sha256:{'a' * 64}", NOW)
    again = house.plan()
    assert (again["go"], again["build"]) == ("true", "false"), "the list of packages is not there"
    assert record.main("", NOW) == 0
    (page,) = house.github.releases
    assert [one["name"] for one in page["assets"]] == [SBOM.name]
    assert house.plan()["go"] == "false"


def test_the_page_holds_what_changed_the_card_and_the_list_of_packages(house):
    house.release(model("1"))
    house.release(lambda repo: (model("2")(repo), repo.set_param("train.model.trees", 300)))
    page = house.github.releases[-1]
    assert (page["tag_name"], page["target_commitish"]) == ("v2", house.github.tip("main"))
    assert "Since version 1" in page["body"]
    assert "`train.model.trees`: `200` → `300`" in page["body"]
    assert "Intended use" in page["body"]
    assert [one["name"] for one in page["assets"]] == [SBOM.name]


def test_a_tag_of_that_name_on_another_commit_is_reported_and_not_moved(house):
    git(house.github.repo(), "tag", "v1", "main")
    house.good(model("1"))
    with pytest.raises(LoopError, match="the tag v1 is on"):
        record.main(f"ghcr.io/team/model@sha256:{'a' * 64}", NOW)
    assert house.github.releases == []


def test_without_a_branch_production_nothing_is_released_and_the_command_is_named(house, capsys):
    git(house.github.repo(), "update-ref", "-d", "refs/heads/production")
    house.good(model("1"))
    assert house.plan()["go"] == "false"
    assert "loop setup github" in capsys.readouterr().out
    assert record.main("", NOW) == 0
    assert house.github.releases == []


def test_an_mlflow_that_is_down_stops_no_release(house, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert versions(house.release(model("1"))) == [1]
    assert "loop registry sync" in capsys.readouterr().out


# Two merges at once


def test_of_two_merges_the_loser_of_the_race_waits_for_the_other(house, monkeypatch):
    house.release(model("1"))
    older = house.good(model("2"))
    newer, change = house.good(model("3")), branch.change

    def slow(move, files):
        """The older commit's version is pushed between our look and our push."""
        monkeypatch.setattr(branch, "change", change)
        house.checkout(older)
        house.record()
        house.checkout(newer)
        return change(move, files)

    monkeypatch.setattr(branch, "change", slow)
    now = house.record()
    assert (now.of_commit(older).version, now.of_commit(newer)) == (2, None)
    assert roles(now) == {"champion": 1, "challenger": 2}


def test_an_older_commit_does_not_replace_a_newer_one(house, monkeypatch, capsys):
    house.release(model("1"))
    older = house.good(model("2"))
    newer = house.good(model("3"))
    house.record()
    house.checkout(older)
    assert house.plan()["go"] == "false"
    house.record()
    assert house.production().state.challenger.commit == newer
    assert "newer commit of main" in capsys.readouterr().out


def test_a_newer_commit_that_is_released_meanwhile_stops_the_older_one_in_the_move(
    house, monkeypatch, capsys
):
    house.release(model("1"))
    older = house.good(model("2"))
    newer, change = house.good(model("3")), branch.change
    house.checkout(older)

    def slow(move, files):
        monkeypatch.setattr(branch, "change", change)
        house.checkout(newer)
        house.record()
        house.checkout(older)
        return change(move, files)

    monkeypatch.setattr(branch, "change", slow)
    assert versions(house.record("b")) == [1, 2]
    assert house.production().of_commit(older) is None


def test_a_version_of_a_commit_that_the_clone_does_not_have_yet_is_a_newer_one(house):
    now = house.release(model("1"))
    stranger = now.versions[1].model_copy(update={"version": 2, "commit": "f" * 40})
    branch.change(
        lambda now: (
            transitions.enter(now.state, stranger, rollout_policy.read(), NOW),
            "Release 2",
            stranger,
        ),
        lambda _: {},
    )
    house.good(model("2"))
    assert house.plan()["go"] == "false"


# A challenger on its way


def champion(now):
    """The challenger after its last stage, whatever it has shown."""
    policy = rollout_policy.read()
    while now.state.challenger:
        after = transitions.advance(now.state, policy, NOW)
        now.state = after
    return now.state, "Advance", None


def test_main_waits_while_a_challenger_is_on_its_way_and_is_one_version_after_it(house, capsys):
    house.release(model("1"))
    house.release(model("2"))
    for edit in (serving, model("3"), docs):
        house.good(edit)
        assert house.plan()["go"] == "false"
        assert "version 2 is on its way, in shadow" in capsys.readouterr().out
    assert record.main("", NOW) == 0
    assert roles(house.production()) == {"champion": 1, "challenger": 2}
    branch.change(champion, lambda _: {})
    assert house.plan()["version"] == "3"
    assert roles(house.record()) == {"champion": 2, "challenger": 3}


def test_a_change_past_the_rules_is_refused_at_once_though_main_waits(house):
    house.release(model("1"))
    house.release(model("2"))
    house.merge(house.propose(serving))
    with pytest.raises(LoopError, match="approved by nobody"):
        plan.main()


def test_what_comes_instead_of_a_challenger_that_was_taken_back_is_released(house):
    house.release(model("1"))
    house.release(model("2"))
    house.good(model("3"))
    branch.change(lambda now: (transitions.abort(now.state, "slow", NOW), "Abort", None), lambda _: {})
    assert roles(house.record()) == {"champion": 1, "challenger": 3}


def test_a_challenger_that_gets_no_request_gives_way(house):
    house.release(model("1"))
    house.release(
        lambda repo: (model("2")(repo), repo.edit("deploy/policy.yaml", "mirror: true", "mirror: false"))
    )
    assert roles(house.release(model("3"))) == {"champion": 1, "challenger": 3}


# What came past the rules


def test_an_unapproved_change_is_refused_with_commit_and_pull_request(house):
    number = house.propose(model("1"))
    house.judged(number)
    sha = house.merge(number)
    error = refused(house, "approved by nobody who may write")
    assert sha[:12] in error.found
    assert f"#{number}" in error.found
    assert "by a pull request" in error.todo


@pytest.mark.parametrize(
    ("review", "why"),
    [
        ({"login": "ann"}, "only by who made it"),
        ({"login": "eve"}, "by nobody who may write"),
        ({"login": "zoe", "role": "COLLABORATOR"}, "by nobody who may write"),
        ({"login": BOT, "role": "COLLABORATOR"}, "by nobody who may write"),
        ({"login": "bob", "state": "COMMENTED"}, "by nobody who may write"),
        ({"login": "bob", "commit_id": "0" * 40}, "of an older commit"),
        ({"login": "bob", "submitted_at": "2026-01-05T12:00:01Z"}, "by nobody who may write"),
    ],
)
def test_an_approval_that_is_none_is_refused(house, review, why):
    house.github.rights |= {"eve": "read", "zoe": ""}
    number = house.propose(model("1"))
    house.judged(number)
    house.github.review(number, **review)
    house.merge(number)
    refused(house, why)


def test_a_member_of_whom_github_does_not_tell_may_approve_if_they_may_write(house):
    number = house.propose(model("1"))
    house.judged(number)
    house.github.review(number, "bob", role="NONE")
    house.merge(number)
    assert house.plan()["go"] == "true"


@pytest.mark.parametrize(("turned", "go"), [("11:00:01", False), ("10:59:59", True)])
def test_an_approval_of_a_change_against_another_branch_is_none_of_it_against_main(house, turned, go):
    """Turned to main, it brings what the other branch has: perhaps the approver's own commits."""
    number = house.propose(model("1"))
    house.judged(number)
    house.github.review(number, "bob")  # at 11:00:00
    house.github.events[number] = [
        {"event": "labeled", "created_at": "2026-01-05T11:30:00Z"},
        {"event": "base_ref_changed", "created_at": f"2026-01-05T{turned}Z"},
    ]
    house.merge(number)
    if go:
        assert house.plan()["go"] == "true"
    else:
        refused(house, "approved before it was turned to main")


def test_who_made_a_commit_of_somebody_elses_pull_request_does_not_approve_it(house):
    number = house.propose(model("1"), author="ann")
    house.judged(number)
    house.github.review(number, "t")  # the name under which the test commits
    house.merge(number)
    refused(house, "only by who made it")


def test_a_co_author_whom_a_message_names_may_approve(house):
    """Anybody can write a name there, and GitHub writes that of a reviewer whose suggestion was taken."""
    number = house.propose(model("1"))
    house.work.git("commit", "--quiet", "--amend", "-m", "A change\n\nCo-authored-by: bob <bob@example.org>")
    branch_of_it = house.github.pull(number)["head"]["ref"]
    house.work.git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch_of_it}")
    house.github.sync()
    house.judged(number)
    house.github.review(number, "bob")
    house.merge(number)
    assert house.plan()["go"] == "true"


def approved_by(house, login: str, *, pushed: str | None, author: str = "ann") -> None:
    """A pull request with a commit by the name `t`, merged with that approval."""
    number = house.propose(model("1"), author=author)
    if pushed:
        house.github.pushed(number, pushed)
    house.judged(number)
    house.github.review(number, login)
    house.merge(number)


@pytest.mark.parametrize("unknown", [{"t"}, set()], ids=["no account", "another's name"])
@pytest.mark.parametrize("author", ["ann", BOT])
def test_who_pushed_a_commit_does_not_approve_it_whatever_name_it_bears(house, unknown, author):
    house.github.unknown = unknown
    approved_by(house, "mallory", pushed="mallory", author=author)
    refused(house, "only by who made it")


def test_a_push_is_found_however_many_came_after_it(house):
    number = house.propose(model("1"))
    house.github.pushed(number, "mallory")
    house.github.activity += [house.github.activity[0] | {"after": "1" * 40, "actor": {"login": BOT}}] * 150
    house.judged(number)
    house.github.review(number, "mallory")
    house.merge(number)
    refused(house, "only by who made it")


def test_a_commit_under_a_persons_name_that_a_workflow_pushed_is_refused(house):
    approved_by(house, "mallory", pushed=BOT, author=BOT)
    refused(house, "a workflow pushed commit .* GitHub does not know for whom")


def test_a_commit_of_no_account_is_its_pushers_and_another_may_approve_it(house):
    house.github.unknown = {"t"}
    approved_by(house, "bob", pushed="eve")
    assert house.plan()["go"] == "true"


@pytest.mark.parametrize("pushed", [None, BOT])
def test_a_commit_of_which_nobody_can_be_named_is_refused(house, pushed):
    house.github.unknown = {"t"}
    approved_by(house, "bob", pushed=pushed)
    refused(house, "knows neither who made commit .* nor who pushed it")


def test_a_github_that_tells_no_pushes_leaves_the_names_in_the_commits(house):
    house.github.activity = None
    approved_by(house, "bob", pushed=None)
    assert house.plan()["go"] == "true"
    house.github.unknown = {"t"}
    refused(house, "knows neither who made commit")


def test_an_older_push_to_a_branch_of_that_name_is_of_another_change(house):
    number = house.propose(model("1"))
    ref = f"refs/heads/{house.github.pull(number)['head']['ref']}"
    house.github.activity = [{"ref": ref, "after": "0" * 40, "actor": {"login": "bob"}}]
    house.judged(number)
    house.github.review(number, "bob")
    house.merge(number)
    assert house.plan()["go"] == "true"


@pytest.mark.parametrize("rewritten", [True, False], ids=["this branch", "an older one"])
def test_who_pushed_what_was_rewritten_since_made_the_change_too(house, rewritten):
    """Of two commits that she pushed one is left, under another's name, and the newest push is another's."""
    number = house.propose(model("1"))
    house.github.pushed(number, "ann")
    newest = house.github.activity[-1]
    hers = newest | {"after": "a" * 40, "before": "0" * 40, "actor": {"login": "mallory"}}
    gone = [newest | {"after": "0" * 40, "before": "a" * 40, "actor": {"login": "ann"}}] * (not rewritten)
    newest["before"] = "a" * 40 if rewritten else "0" * 40
    house.github.activity[:] = [hers, *gone, newest]
    house.judged(number)
    house.github.review(number, "mallory")
    house.merge(number)
    if rewritten:
        refused(house, "only by who made it")
    else:
        assert house.plan()["go"] == "true"


def merged_in(house, *, signed: bool, other: str = "", by_hand: str = "") -> None:
    """A pull request with a merge under GitHub's name, pushed and approved by mallory.

    It is of main, or of an `other` branch; `by_hand` is a file that she changed in it, as by GitHub's editor.
    """
    number = house.propose(model("1"))
    name = house.github.pull(number)["head"]["ref"]
    house.merge(house.propose(docs))
    house.work.git("fetch", "--quiet", "origin")
    if other:
        house.work.git("switch", "--quiet", "--detach", "origin/main")
        serving(house.work)
        house.work.commit(other)
    house.work.git("switch", "--quiet", "--detach", f"origin/{name}")
    who = ("-c", "user.name=mallory", "-c", "user.email=m@x", "-c", "merge.ff=false")
    merge = [*who, "merge", "--quiet", "--no-edit", *(["--no-commit"] if by_hand else [])]
    house.work.run("git", *merge, other or "origin/main", GIT_COMMITTER_NAME="web-flow")
    if by_hand:
        house.work.append(by_hand, "\n# hers\n")
        commit = [*who, "commit", "--quiet", "--all", "--no-edit"]
        house.work.run("git", *commit, GIT_COMMITTER_NAME="web-flow")
    house.work.git("push", "--quiet", "origin", f"HEAD:{name}")
    house.github.sync()
    house.github.pushed(number, "mallory")
    if signed:
        house.github.signed.add(house.github.pull(number)["head"]["sha"])
    house.judged(number)
    house.github.review(number, "mallory")
    house.merge(number)


def test_of_main_merged_in_by_githubs_button_whoever_clicked_may_approve(house):
    merged_in(house, signed=True)
    assert house.plan()["go"] == "true"


def test_a_merge_under_githubs_name_is_of_who_pushed_it(house):
    merged_in(house, signed=False)
    refused(house, "only by who made it")


def test_of_another_branch_merged_in_by_githubs_button_whoever_clicked_does_not_approve(house):
    """Her commits bear the name of who opened the pull request, and she brought them in."""
    merged_in(house, signed=True, other="hers")
    refused(house, "only by who made it")


def test_of_a_conflict_resolved_in_githubs_editor_whoever_resolved_it_does_not_approve(house):
    merged_in(house, signed=True, by_hand="src/loop/serve/service.py")
    refused(house, "only by who made it")


def test_a_commit_that_a_key_pushed_which_is_nobodys_is_refused(house):
    number = house.propose(model("1"))
    house.github.pushed(number, "x")
    house.github.activity[-1]["actor"] = None
    house.judged(number)
    house.github.review(number, "mallory")
    house.merge(number)
    refused(house, "a key or an account that is gone pushed commit")


def test_a_pull_request_of_more_commits_than_github_names_is_refused(house, monkeypatch):
    monkeypatch.setattr(approvers, "MOST", 1)
    approved_by(house, "bob", pushed="ann")
    refused(house, "1 commits or more")


@pytest.mark.parametrize(
    ("then", "why"), [("DISMISSED", "nobody who may write"), ("CHANGES_REQUESTED", "bob asked")]
)
def test_the_newest_word_of_a_reviewer_counts(house, then, why):
    number = house.propose(model("1"))
    house.judged(number)
    house.github.review(number, "bob")
    house.github.review(number, "bob", then)
    house.merge(number)
    refused(house, why)


def test_a_bots_pull_request_is_not_approved_by_whoever_made_its_commits(house):
    number = house.propose(model("1"), author=BOT)
    house.judged(number)
    house.github.review(number, "t")  # the name under which the test commits
    house.merge(number)
    refused(house, "only by who made it")


@pytest.fixture
def by_a_workflow(house) -> int:
    """What a workflow of whatever branch commits, pushes and proposes by its own token; GitHub signs it."""
    name = f"change-{house.github.next()}"
    house.work.git("fetch", "--quiet", "origin")
    house.work.git("switch", "--quiet", "--detach", f"origin/{house.github.main}")
    model("1")(house.work)
    house.work.git("add", "--all", "--force")
    house.work.git("-c", f"user.name={BOT}", "commit", "-qm", "Tidy up")
    house.work.git("push", "--quiet", "origin", f"HEAD:refs/heads/{name}")
    number = house.github.open_pull(name, author=BOT)
    house.github.pushed(number, BOT)
    house.github.signed.add(house.github.pull(number)["head"]["sha"])
    house.judged(number)
    house.github.review(number, "bob")
    return number


def test_what_a_workflow_proposed_needs_one_approval_more(house, by_a_workflow):
    """Whoever pushed that workflow may be who approves: nobody else would have seen the change."""
    house.merge(by_a_workflow)
    refused(house, "bob alone, and 2 are asked for; a workflow made commit .* so one more must approve")
    house.github.review(by_a_workflow, "cleo")
    assert house.plan()["go"] == "true"


RUNS = {  # a run that says that it opened a pull request -> whether that is believed
    "rollback.yml of main": ({}, True),
    "rollback.yml of a branch": ({"head_branch": "mine"}, False),
    "rollback.yml of a fork": ({"head_repository": {"full_name": "eve/model"}}, False),
    "rollback.yml at a push": ({"event": "push"}, False),
    "another workflow of main": ({"path": ".github/workflows/mine.yml"}, False),
    "at a commit that main never was at": ({"head_sha": "1" * 40}, False),
}


@pytest.mark.parametrize("run", RUNS)
def test_what_a_workflow_of_mains_proposed_needs_no_approval_more(house, by_a_workflow, run):
    given, believed = RUNS[run]
    opener = {"path": ".github/workflows/rollback.yml", "event": "workflow_dispatch"}
    key = house.github.judge(**opener | given)
    name = opener_run.receipt_of(house.github.pull(by_a_workflow)["head"]["sha"])
    house.github.artifacts[key] = [(name, b"")]
    house.merge(by_a_workflow)
    if believed:
        assert house.plan()["go"] == "true"
    else:
        refused(house, "so one more must approve")


@pytest.mark.parametrize(("file", "go"), [("models/more.json", True), ("src/loop/mine.py", False)])
def test_what_a_workflow_put_below_a_persons_commit_needs_it_but_for_results(house, file, go):
    number = house.propose(model("1"))
    for name, author in ((file, BOT), ("docs/more.md", "ann")):
        (house.work.path / name).write_text("{}")
        house.work.git("add", "--all", "--force")
        house.work.git("-c", f"user.name={author}", "commit", "-qm", HEADLINE)
        house.work.git("push", "--quiet", "origin", f"HEAD:{house.github.pull(number)['head']['ref']}")
        house.github.sync()
        house.github.signed.add(house.github.pull(number)["head"]["sha"])
    house.judged(number)
    house.github.review(number, "bob")
    house.merge(number)
    if go:
        assert house.plan()["go"] == "true"
    else:
        refused(house, "so one more must approve")


@pytest.mark.parametrize(
    ("gate", "why"),
    [
        (None, "never set"),
        ({"state": "failure"}, "`gate` is failure"),
        ({"by": "mallory"}, "set by mallory, not by the review"),
    ],
)
def test_a_gate_that_is_missing_red_or_set_by_a_person_is_refused(house, gate, why):
    number = house.propose(model("1"))
    house.github.review(number, "bob")
    if gate is not None:
        house.judged(number, **gate)
    house.merge(number)
    refused(house, why)


def test_a_gate_that_a_person_set_over_the_reviews_is_refused(house):
    number = house.propose(model("1"))
    house.github.review(number, "bob")
    house.judged(number, state="failure")
    house.judged(number, by="mallory")
    house.merge(number)
    refused(house, "set by mallory")


FORGED = "no run of publish.yml or monitor.yml of main"
LATER = "2026-01-05T11:00:00Z"


def forged(house, **run) -> None:
    """A success with something behind it that is no judge of main's."""
    number = house.propose(model("1"))
    sha = house.github.pull(number)["head"]["sha"]
    house.github.review(number, "bob")
    house.gate(sha)
    if run:
        house.github.receipt(**{"sha": sha, **run})
    house.merge(number)
    refused(house, FORGED)


@pytest.mark.parametrize(
    "run",
    [
        {},
        {"path": ".github/workflows/evil.yml"},
        {"path": ".github/workflows/review.yml", "event": "pull_request"},
        {"event": "push"},
        {"event": "pull_request"},
        {"path": ".github/workflows/monitor.yml", "event": "push"},
        {"path": ".github/workflows/monitor.yml", "event": "workflow_dispatch", "head_branch": "of-old"},
        {"head_repository": {"full_name": "stranger/model"}},
        {"head_repository": None},
        {"state": "failure"},
    ],
)
def test_a_gate_that_a_workflow_of_a_branch_set_is_refused(house, run):
    forged(house, **run)


@pytest.mark.parametrize("squash", [True, False])
def test_a_judge_that_was_started_on_a_branch_of_its_own_code_is_none(house, squash):
    """A tag or a branch may be called main, and its commit may come into main by a merge."""
    number = house.propose(model("1"))
    sha = house.github.pull(number)["head"]["sha"]
    dispatched = {"path": ".github/workflows/monitor.yml", "event": "workflow_dispatch", "head_sha": sha}
    house.github.review(number, "bob")
    house.gate(sha)
    house.github.receipt(sha, **dispatched)
    house.merge(number, squash)
    refused(house, FORGED)


def test_a_receipt_of_another_commit_opens_no_gate(house):
    other = house.github.pull(house.propose(docs))["head"]["sha"]
    forged(house, sha=other)


def test_an_older_success_is_not_played_again_over_a_later_failure(house):
    number = house.propose(model("1"))
    sha = house.github.pull(number)["head"]["sha"]
    house.github.review(number, "bob")
    house.judged(number)
    house.gate(sha, "failure", at=LATER)
    house.gate(sha, at="2026-01-05T11:30:00Z")
    house.merge(number)
    refused(house, FORGED)
    house.github.receipt(sha, created_at=LATER, updated_at="2026-01-05T11:31:00Z")
    assert house.plan()["go"] == "true"


def test_an_artifact_that_was_replaced_after_its_review_is_refused(house):
    number = house.propose(model("1"))
    sha = house.github.pull(number)["head"]["sha"]
    house.github.review(number, "bob")
    house.gate(sha)
    review = house.github.run(number, "success")
    house.github.artifacts[review] = [("review", b"judged")]
    digest = hashlib.sha256(b"judged").hexdigest()
    url = house.github.runs[review]["html_url"]
    house.github.receipt(sha, told={"run": url, "artifact": digest})
    house.merge(number)
    assert house.plan()["go"] == "true"
    house.github.artifacts[review] = [("review", b"another")]
    refused(house, FORGED)


def test_a_retrain_that_the_monitor_judged_is_released(house):
    number = house.propose(model("1"), author=BOT)
    sha = house.github.pull(number)["head"]["sha"]
    house.github.review(number, "bob")
    house.gate(sha)
    house.github.receipt(sha, path=".github/workflows/monitor.yml", event="schedule")
    house.merge(number)
    assert house.plan()["go"] == "true"


def test_an_app_of_ones_own_is_believed_without_a_run_and_nobody_else_is(house):
    house.merge(
        house.propose(lambda repo: repo.edit("deploy/policy.yaml", "gate_app: null", "gate_app: judge"))
    )
    number = house.propose(model("1"))
    house.judged(number)
    house.github.review(number, "bob")
    house.merge(number)
    refused(house, "never set on .* by the App judge")
    sha = house.github.pull(number)["head"]["sha"]
    house.gate(sha, by="judge[bot]")
    house.gate(sha, "failure")
    assert house.plan()["go"] == "true"


def test_an_app_that_a_change_names_for_itself_is_not_believed(house):
    app = ("deploy/policy.yaml", "gate_app: null", "gate_app: mine")
    number = house.propose(lambda repo: (model("1")(repo), repo.edit(*app)))
    house.gate(house.github.pull(number)["head"]["sha"], by="mine[bot]")
    house.github.review(number, "bob")
    house.merge(number)
    refused(house, r"set by mine\[bot\], not by the review")


def test_a_merge_of_other_files_than_were_judged_is_refused(house):
    number = house.propose(model("1"))
    house.judged(number)
    house.github.review(number, "bob")
    house.merge(house.propose(docs))  # main moves on meanwhile
    house.merge(number)
    refused(house, "main had moved on")


def test_a_push_to_main_without_a_pull_request_is_refused(house):
    house.work.git("switch", "--quiet", "main")
    model("1")(house.work)
    sha = house.work.commit()
    house.work.git("push", "--quiet", "origin", "main")
    house.checkout(sha)
    refused(house, "no pull request")


def test_all_that_is_missing_is_reported_at_once(house):
    house.merge(house.propose(model("1")))
    error = refused(house, "approved by nobody")
    assert "never set" in error.found


def test_the_bots_commit_of_results_on_an_approved_head_needs_no_second_approval(house):
    number = house.propose(docs)
    house.github.review(number, "bob")
    name = house.github.pull(number)["head"]["ref"]
    model("1")(house.work)
    house.work.git("add", "--all")
    house.work.git("-c", f"user.name={BOT}", "commit", "-qm", "Bring dvc.lock and metrics up to date")
    house.work.git("push", "--quiet", "origin", f"HEAD:{name}")
    house.github.sync()
    sha = house.github.pull(number)["head"]["sha"]
    house.judged(number)
    house.github.signed.add(sha)
    house.merge(number)
    assert house.plan()["go"] == "true"
    house.github.signed.remove(sha)  # a person's commit under the bot's name
    with pytest.raises(LoopError, match="of an older commit"):
        plan.main()


def stacked(house, number: int, edit) -> str:
    """A commit on top of a pull request, as any workflow may have GitHub make and sign it for the bot."""
    name = house.github.pull(number)["head"]["ref"]
    edit(house.work)
    house.work.git("add", "--all", "--force")
    house.work.git("-c", f"user.name={BOT}", "commit", "-qm", "Bring dvc.lock and metrics up to date")
    house.work.git("push", "--quiet", "origin", f"HEAD:{name}")
    house.github.sync()
    sha = house.github.pull(number)["head"]["sha"]
    house.github.signed.add(sha)
    return sha


def test_a_bots_commit_that_moves_code_among_the_results_needs_an_approval(house):
    number = house.propose(model("1"))
    house.github.review(number, "bob")
    stacked(house, number, lambda work: work.git("mv", "src/loop/serve/answer.py", "reports/personal.py"))
    house.judged(number)
    house.merge(number)
    refused(house, "of an older commit")


@pytest.mark.parametrize(
    "file", ["models/dvc.yaml", "reports/.dvcignore", "models/sitecustomize.py", "reports/a.json.dvc"]
)
def test_a_bots_commit_that_brings_what_no_review_brings_needs_an_approval(house, file):
    number = house.propose(model("1"))
    house.github.review(number, "bob")

    def write(work) -> None:
        (work.path / file).parent.mkdir(exist_ok=True)
        (work.path / file).write_text("x")

    stacked(house, number, write)
    house.judged(number)
    house.merge(number)
    refused(house, "of an older commit")


def test_results_that_a_workflow_stacked_on_an_approved_head_need_a_gate_of_their_own(house):
    """The approval is of the head, the receipt of what lies below: neither speaks of what was merged."""
    number = house.propose(model("1"))
    house.github.review(number, "bob")
    house.judged(number)
    sha = stacked(house, number, model("2"))
    house.merge(number)
    refused(house, f"never set on {sha[:12]}")
    house.gate(sha)  # by the same workflow
    refused(house, f"no run of publish.yml or monitor.yml of main set the status `gate` of {sha[:12]}")


def test_results_on_top_of_results_need_an_approval(house):
    """Those of a review lie on what was approved; what lies on these came from elsewhere."""
    number = house.propose(docs)
    house.github.review(number, "bob")
    for sign in "12":
        stacked(house, number, model(sign))
    house.judged(number)
    house.merge(number)
    refused(house, "of an older commit")


def test_a_merge_commit_is_as_good_as_a_squash(house):
    house.good(model("1"), squash=False)
    assert house.plan()["go"] == "true"


def test_a_change_that_came_past_the_rules_spoils_a_later_one_until_it_is_taken_back(house):
    house.release(model("1"))
    house.merge(house.propose(serving))
    house.good(model("2"))
    with pytest.raises(LoopError, match="nobody who may write"):
        plan.main()
    house.good(lambda repo: repo.edit("src/loop/serve/service.py", "\n# served\n", ""))
    with pytest.raises(LoopError, match="nobody who may write"):
        plan.main()  # model 2 was judged on top of it
    house.good(model("1"))
    assert house.plan()["go"] == "false"
    house.good(model("2"))
    assert house.plan()["go"] == "true"


# What was taken back


def taken_back(house: House) -> None:
    """Version 2 was champion, and production went back to 1."""
    house.release(model("1"))
    house.release(model("2"))

    def back(now):
        champion = transitions.enter(
            now.state.model_copy(update={"models": []}), now.version(2), rollout_policy.read(), NOW
        )
        return transitions.back(champion, now.version(1), "angry callers", NOW), "Roll back", None

    branch.change(back, lambda _: {})
    assert house.production().state.refused == [Refused(version=2, at=NOW, reason="angry callers")]


def test_what_was_taken_back_is_not_brought_up_again_by_other_changes(house, capsys):
    taken_back(house)
    for edit in (docs, serving):
        house.good(edit)
        assert house.plan()["go"] == "false"
        assert "taken back on 2026-01-05: angry callers; merge its revert" in capsys.readouterr().out
    assert roles(house.production()) == {"champion": 1}


def test_after_the_revert_nothing_is_to_do_and_the_next_model_goes_forward(house):
    taken_back(house)
    house.good(model("1"))
    assert house.plan()["go"] == "false"
    house.good(model("2"))
    assert house.plan()["go"] == "false"
    assert roles(house.release(model("3"))) == {"champion": 1, "challenger": 3}


def test_what_serves_and_was_taken_back_is_not_brought_up_below_another_change(house):
    house.release(model("1"))
    house.release(serving)
    branch.change(
        lambda now: (transitions.abort(now.state, "answers too late", NOW), "Abort", None), lambda _: {}
    )
    house.good(lambda repo: repo.set_param("serve.threshold", 0.3))
    assert house.plan()["go"] == "false"
    house.good(lambda repo: repo.append("src/loop/serve/service.py", "\n# fixed\n"))
    assert house.plan()["go"] == "true"


# The model card


@pytest.mark.parametrize(
    ("key", "value", "report"),
    [
        ("owner", "", "`card.owner` is empty"),
        ("intended_use", "TODO: say it", "`card.intended_use` holds the placeholder 'TODO'"),
        ("limits", [], "`card.limits`"),
        ("out_of_scope", ["<what>"], "`card.out_of_scope.0` holds the placeholder '<what>'"),
        ("metrics", {}, "`card.metrics`"),
        ("name", None, "`card.name`"),
    ],
)
def test_an_incomplete_card_is_refused_with_the_field(house, key, value, report):
    def edit(repo):
        model("1")(repo)
        card = json.loads(repo.text("models/card.json")) | {key: value}
        (repo.path / "models/card.json").write_text(json.dumps(card))

    house.good(edit)
    error = refused(house, "card")
    assert report in error.found


def test_a_card_of_another_model_is_refused(house):
    house.good(lambda repo: repo.edit("models/lineage.json", json.loads(
        repo.text("models/lineage.json"))["model"]["sha256"], "1" * 64))  # fmt: skip
    refused(house, "speaks of model")


def test_a_github_that_does_not_answer_is_no_permission(house):
    house.good(model("1"))
    house.github.faults += [("GET", "/reviews", 404)]
    with pytest.raises(LoopError, match="404"):
        plan.main()
