"""Who may give a version more traffic: whoever else approves or merges a pull request to `production`."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from loop.base.errors import LoopError
from loop.deploy import permitted
from loop.production import branch, image_origin, promotion, rollout_policy, transitions
from loop.production.state import EMPTY
from loop.rollout import rollout
from support.states import NOW, version
from workflows.act import Runner
from workflows.double import ALL, BOT, NAME, Double, git, serve
from workflows.house import model

POLICY = Path("deploy/policy.yaml")


class Site:
    """A clone of a repository on a GitHub of our own: small commits, each by a pull request of ann's."""

    def __init__(self, github: Double, folder: Path) -> None:
        self.github, self.folder, self.place = github, folder, folder / "clone"
        git(folder, "init", "--quiet", "--initial-branch=main", "clone")
        for name, value in {
            "user.name": "t",
            "user.email": "t@t",
            "remote.origin.url": github.repo(),
        }.items():
            git(self.place, "config", name, str(value))
        git(self.place, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        for path in (POLICY, promotion.HERE):
            (self.place / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, self.place / path)
        git(self.place, "add", "--all")
        git(self.place, "commit", "--quiet", "-m", "first")
        git(self.place, "push", "--quiet", "origin", "HEAD:main", "HEAD:production")
        git(self.place, "fetch", "--quiet", "origin")

    def merged(self, path: Path, text: str, author: str = "ann") -> str:
        """A change of a file by somebody, approved by bob and merged; main's commit."""
        name = f"change-{self.github.next()}"
        git(self.place, "checkout", "--quiet", "--detach", "origin/main")
        (self.place / path).write_text(text)
        git(self.place, "add", "--all")
        git(self.place, "commit", "--quiet", "-m", name)
        git(self.place, "push", "--quiet", "origin", f"HEAD:refs/heads/{name}")
        number = self.github.open_pull(name, author=author)
        self.github.review(number, "bob")
        made = self.github.merge(number)
        git(self.place, "fetch", "--quiet", "origin")
        git(self.place, "checkout", "--quiet", made)
        return made

    def release(self, number: int) -> None:
        """A version of a change of its own enters as a release lets it."""
        made = version(number, commit=self.merged(Path("model"), str(number)))
        policy = rollout_policy.in_force()
        branch.change(
            lambda now: (transitions.enter(now.state, made, policy, NOW), f"Release {number}", made),
            lambda _: {},
        )


@pytest.fixture
def shadow(tmp_path, monkeypatch) -> Iterator[Site]:
    """Version 2, by ann, mirrors the champion; its evidence is there."""
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "GH_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "github").mkdir()
    with serve(tmp_path / "github") as github:
        github.settings.workflow["can_approve_pull_request_reviews"] = True
        github.tokens["token"] = ALL
        for name, value in {
            "GITHUB_TOKEN": "token",
            "GITHUB_API_URL": f"{github.url}/api/v3",
            "GITHUB_SERVER_URL": github.url,
            "GITHUB_REPOSITORY": NAME,
            "REQUESTS_CA_BUNDLE": str(github.folder / "cert.pem"),
        }.items():
            monkeypatch.setenv(name, value)
        made = Site(github, tmp_path)
        monkeypatch.chdir(made.place)
        monkeypatch.setattr(rollout, "gathered", lambda *_: None)
        monkeypatch.setattr("loop.rollout.follow.follow", lambda _: None)
        monkeypatch.setattr("loop.deploy.render.rendered", lambda *_: {})
        made.release(1)
        made.release(2)
        yield made


def advance() -> None:
    rollout.advance(rollout.view([], NOW))


def proposed(site: Site, by: str = "ann") -> int:
    """The pull request of the next step, opened and pushed by somebody."""
    advance()
    found = site.github.pulls[-1]
    found["user"]["login"] = by
    site.github.pushed(found["number"], by)
    return found["number"]


def may(site: Site, kept=None) -> tuple[dict[str, int], str]:
    """What a host brings about, and what it says of the rest."""
    state, error = permitted.of(branch.serving(), kept or site.folder / "approved.json")
    return {one.role: one.version for one in state.models if one.weight}, error.found if error else ""


def test_a_step_to_more_traffic_is_a_pull_request_and_changes_nothing(shadow):
    before = shadow.github.tip("production")
    advance()
    pull = shadow.github.pulls[-1]
    assert (pull["title"], pull["base"]) == ("Make version 2 canary-5", "production")
    assert pull["branch"] == "promote/v2-canary-5"
    assert shadow.github.tip("production") == before
    assert git(shadow.github.repo(), "rev-parse", f"{pull['branch']}^") == before
    advance()
    assert len([one for one in shadow.github.pulls if one["base"] == "production"]) == 1


@pytest.mark.parametrize("squash", [True, False])
def test_it_takes_effect_when_another_person_merged_it(shadow, squash, capsys):
    number = proposed(shadow)
    shadow.github.merge(number, squash, by="bob")
    assert may(shadow) == ({"champion": 1, "challenger": 2}, "")
    assert rollout.verify() == 0
    assert f"version 2      5 %  bob in #{number}" in capsys.readouterr().out


def test_it_takes_effect_when_another_person_approved_it_whoever_merged(shadow):
    number = proposed(shadow)
    shadow.github.review(number, "bob")
    shadow.github.merge(number, by="ann")
    assert may(shadow)[1] == ""


WAYS = {  # what was done with a pull request by ann -> what is said
    "by nobody": (lambda github, one: None, "by nobody who may write"),
    "by its author": (lambda github, one: github.review(one, "ann"), "only by who made it"),
    "withdrawn": (
        lambda github, one: (github.review(one, "bob"), github.review(one, "bob", "DISMISSED")),
        "by nobody",
    ),
    "refused": (lambda github, one: github.review(one, "bob", "CHANGES_REQUESTED"), "bob asked for changes"),
    "too late": (
        lambda github, one: github.review(one, "bob", submitted_at="2026-01-05T13:00:00Z"),
        "by nobody",
    ),
    "by a bot": (lambda github, one: github.review(one, "helper[bot]"), "by nobody"),
    "by a stranger": (
        lambda github, one: (github.rights.update(eve="read"), github.review(one, "eve")),
        "by nobody",
    ),
    "of an older commit": (
        lambda github, one: github.review(one, "bob", commit_id="0" * 40),
        "older commit",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_without_the_approval_of_another_the_host_stays_where_it_was_and_says_why(shadow, way):
    number = proposed(shadow)
    done, said = WAYS[way]
    done(shadow.github, number)
    shadow.github.merge(number, by="ann")
    served, why = may(shadow)
    assert served == {"champion": 1}
    assert "version 2 at 5 %" in why
    assert said in why
    with pytest.raises(LoopError, match="more than was approved"):
        rollout.verify()


@pytest.mark.parametrize("bot", [BOT, "github-merge-queue[bot]", "helper[bot]"])
def test_a_bot_that_merges_is_nobody(shadow, bot):
    """Whoever may push a branch may push a workflow on it that merges by its own token."""
    number = proposed(shadow)
    shadow.github.merge(number, by=bot)
    assert may(shadow)[0] == {"champion": 1}
    shadow.github.review(number, "bob")
    assert may(shadow) == ({"champion": 1, "challenger": 2}, "")


def test_who_made_the_versions_change_may_not_approve_its_steps(shadow):
    number = proposed(shadow, by="bob")
    shadow.github.review(number, "ann")
    shadow.github.merge(number, by="ann")
    assert may(shadow)[0] == {"champion": 1}


OTHER = f"ghcr.io/team/model@sha256:{'e' * 64}"


@pytest.fixture
def traced(shadow) -> Site:
    """The same; from now on releases leave receipts, and version 3 mirrors the champion with its own."""
    (shadow.place / image_origin.HERE).parent.mkdir(parents=True, exist_ok=True)
    shadow.merged(image_origin.HERE, "")
    shadow.release(3)
    three = branch.fetch().version(3)
    shadow.github.pushed_image(three.commit, three.image)
    return shadow


def run(site: Site, *, images: bool = True) -> tuple[dict[str, int], str]:
    """What a host of containers runs, shadows too, and what it says of the rest."""
    state, error = permitted.of(branch.serving(), site.folder / "approved.json", images=images)
    return {one.role: one.version for one in state.models}, str(error or "")


def test_an_image_that_a_release_pushed_runs_and_is_known_from_then_on(traced, monkeypatch):
    assert run(traced) == ({"champion": 1, "challenger": 3}, "")
    assert rollout.verify() == 0
    monkeypatch.setattr("loop.github.client.GitHub._ask", None)
    assert run(traced) == ({"champion": 1, "challenger": 3}, "")


def entered(site: Site, commit: str, image: str) -> str:
    """A version that a hand makes enter as a release would: a reviewed commit with an image of its own."""
    made = version(4, commit=commit, image=image)
    policy = rollout_policy.in_force()
    branch.change(
        lambda now: (transitions.enter(now.state, made, policy, NOW), "Release version 4", made), lambda _: {}
    )
    return commit


FORGERIES = {  # who says of the image that it was pushed -> a run as GitHub shows it
    "nobody": None,
    "another workflow": {"path": ".github/workflows/mine.yml"},
    "release.yml of a branch": {"head_branch": "mine"},
    "release.yml of a fork": {"head_repository": {"full_name": "eve/model"}},
    "release.yml in a pull request": {"event": "pull_request"},
    "the release of another commit": {"head_sha": "another"},
}


@pytest.mark.parametrize("way", FORGERIES)
def test_a_reviewed_commit_with_another_image_is_not_run_and_the_host_says_why(traced, way):
    commit = traced.merged(Path("model"), "4")
    if (forged := FORGERIES[way]) is not None:
        sha = branch.fetch().version(3).commit if forged.get("head_sha") else commit
        traced.github.pushed_image(commit, OTHER, **{**forged, "head_sha": sha})
    entered(traced, commit, OTHER)
    served, why = run(traced)
    assert served == {"champion": 1, "challenger": 3}
    assert f"version 4: no run of release.yml at its commit {commit[:12]} pushed sha256:eeeeeeeeeeee" in why
    assert run(traced, images=False)[1] == "", "processes run git's files, and no image"
    with pytest.raises(LoopError, match="an image that no release is known to have made"):
        rollout.verify()


def test_an_image_that_no_release_pushed_is_not_proposed_for_more_traffic(traced):
    """A challenger whose shadow runs nowhere by containers may look well by processes, or in a cluster."""
    entered(traced, traced.merged(Path("model"), "4"), OTHER)
    with pytest.raises(LoopError, match=r"version 4: no run of release\.yml at its commit"):
        advance()
    assert "production" not in {one["base"] for one in traced.github.pulls}


def test_one_that_a_release_pushed_is_proposed_also_where_that_cannot_be_asked(traced, capsys):
    advance()
    assert traced.github.pulls[-1]["branch"] == "promote/v3-canary-5"
    traced.github.tokens["token"] = {**ALL, "actions": "none"}
    advance()
    assert "whether a release made the image of version 3 was not asked" in capsys.readouterr().out


def test_another_image_is_not_run_at_a_commit_of_before_the_rule_nor_at_one_that_was_never_main(traced):
    old = branch.fetch().version(2).commit
    entered(traced, old, OTHER)
    assert f"no run of release.yml at its commit {old[:12]}" in run(traced)[1]
    swapped(traced, "Release", commit="9" * 40, number=4)
    assert "main never was at its commit 999999999999" in run(traced)[1]


def test_an_environment_before_production_asks_for_its_images_too(traced, monkeypatch):
    entered(traced, traced.merged(Path("model"), "4"), OTHER)
    monkeypatch.setattr(permitted, "BRANCH", "the last")
    assert "version 4: no run of release.yml" in run(traced)[1]


def test_images_of_before_the_rule_run_on(shadow):
    assert run(shadow) == ({"champion": 1, "challenger": 2}, "")


def test_where_nothing_was_released_there_is_nothing_to_verify(shadow, capsys):
    git(shadow.github.repo(), "update-ref", "refs/heads/production", "main")
    assert rollout.verify() == 0
    assert "nothing was released yet" in capsys.readouterr().out


def test_an_account_that_was_renamed_is_the_same_person(shadow):
    number = proposed(shadow, by="bob")
    for pull in shadow.github.pulls:  # ann is now called eva, on everything that GitHub shows
        if pull["user"]["login"] == "ann":
            pull["user"]["login"] = "eva"
    shadow.github.merge(number, by="eva")
    assert may(shadow)[0] == {"champion": 1}


def test_a_step_that_was_pushed_by_hand_takes_no_effect(shadow):
    policy = rollout.view([], NOW).policy
    branch.change(lambda now: (transitions.advance(now.state, policy, NOW), "Make", None), lambda _: {})
    served, why = may(shadow)
    assert served == {"champion": 1}
    assert "by no pull request to production" in why


@pytest.mark.parametrize("says", ["approvals: 0", "that it is of before the rule"])
def test_a_commit_that_main_never_was_at_cannot_say_that_nobody_need_approve_it(shadow, says):
    policy = shadow.place / POLICY
    git(shadow.place, "checkout", "--quiet", "--detach", "origin/main")
    if says == "approvals: 0":
        policy.write_text(policy.read_text().replace("approvals: 1", says))
    else:
        (shadow.place / promotion.HERE).unlink()
    git(shadow.place, "commit", "--quiet", "--all", "-m", "mine")
    git(shadow.place, "push", "--quiet", "origin", "HEAD:refs/heads/mine")
    three = version(3, commit=git(shadow.place, "rev-parse", "HEAD"))
    branch.change(
        lambda now: (transitions.mirrored(now.state, three, NOW), "Make version 3 champion", three),
        lambda _: {},
    )
    served, why = may(shadow)
    assert served == {"champion": 1}
    assert "came to main by no pull request" in why


def swapped(site: Site, subject: str, number: int = 2, **what: str) -> None:
    """By hand, another commit or image under a version's number, in the state and in its record."""
    now = branch.fetch().state
    two = [one.model_copy(update=what) if one.version == number else one for one in now.models]
    record = branch.fetch().version(number).model_copy(update=what)
    state = now.model_copy(update={"models": two})
    branch.change(lambda _: (state, subject, record), lambda _: {})


@pytest.mark.parametrize("subject", ["Make version 2 canary-5", "Release version 2: challenger, canary-5"])
@pytest.mark.parametrize("what", ["commit", "image"])
def test_what_was_approved_of_a_version_is_what_it_runs_and_not_its_number(shadow, what, subject):
    shadow.github.merge(proposed(shadow), by="bob")
    kept = shadow.folder / "approved.json"
    assert may(shadow, kept) == ({"champion": 1, "challenger": 2}, "")
    before = branch.fetch().state
    git(shadow.place, "checkout", "--quiet", "--detach", "origin/main")
    (shadow.place / "model").write_text("of nobody's review")
    git(shadow.place, "commit", "--quiet", "--all", "-m", "mine")
    git(shadow.place, "push", "--quiet", "origin", "HEAD:refs/heads/mine")
    other = {
        "commit": git(shadow.place, "rev-parse", "HEAD"),
        "image": f"ghcr.io/team/model@sha256:{'e' * 64}",
    }
    swapped(shadow, subject, **{what: other[what]})
    for place in (kept, shadow.folder / "none.json"):
        state, error = permitted.of(branch.serving(), place)
        assert state.challenger == before.challenger
        assert "version 2 at 5 %" in str(error)


def test_another_state_than_the_one_that_was_proposed_takes_no_effect(shadow):
    number = proposed(shadow)
    branch.change(lambda now: (now.state, "Render", None), lambda _: {"more.yaml": "1\n"})
    shadow.github.merge(number, by="bob")
    assert "had moved on before the merge" in may(shadow)[1]


def test_where_the_history_began_anew_no_version_is_the_first_one_that_needs_no_rollout(shadow):
    kept = shadow.folder / "approved.json"
    may(shadow, kept)
    three = version(3, commit=shadow.merged(Path("model"), "3"))
    here = shadow.github.repo()
    state = transitions.enter(EMPTY, three, rollout_policy.in_force(), NOW)
    git(here, "update-ref", "-d", "refs/heads/production")
    git(shadow.place, "update-ref", "-d", "refs/remotes/origin/production")
    branch.change(lambda _: (state, "Release version 3: champion", three), lambda _: {})
    with pytest.raises(LoopError, match=r"version 3 at 100 %.*by no pull request to production"):
        may(shadow, kept)


def test_an_approved_step_on_top_of_one_that_was_not_lets_both_through(shadow):
    first = proposed(shadow)
    shadow.github.merge(first, by="ann")
    assert may(shadow)[1]
    second = proposed(shadow)
    shadow.github.merge(second, by="bob")
    assert may(shadow) == ({"champion": 1, "challenger": 2}, "")


def test_going_back_is_one_persons_right_and_so_is_going_forward_again_to_what_was_approved(shadow):
    for _ in ("canary-5", "canary-25", "champion"):
        shadow.github.merge(proposed(shadow), by="bob")
    assert may(shadow) == ({"champion": 2}, "")
    now = branch.fetch()
    branch.change(
        lambda at: (transitions.back(at.state, now.version(1), "why", NOW), "Roll back", None), lambda _: {}
    )
    assert may(shadow) == ({"champion": 1}, "")
    branch.change(
        lambda at: (transitions.back(at.state, now.version(2), "no", NOW), "Roll back", None), lambda _: {}
    )
    assert may(shadow) == ({"champion": 2}, "")


def test_what_was_approved_once_is_kept_when_github_does_not_answer(shadow, monkeypatch):
    shadow.github.merge(proposed(shadow), by="bob")
    kept = shadow.folder / "approved.json"
    may(shadow, kept)
    shares = {name.split()[0]: weight for name, weight in json.loads(kept.read_text()).items()}
    assert shares == {"1": 100, "2": 5}
    monkeypatch.setattr("loop.github.client.GitHub._ask", None)
    assert may(shadow, kept)[1] == ""
    kept.write_text('{"1": ')
    with pytest.raises(TypeError):
        may(shadow, kept)


def test_a_team_of_one_needs_nobody(shadow, capsys):
    text = (shadow.place / POLICY).read_text()
    shadow.merged(POLICY, text.replace("approvals: 1", "approvals: 0"))
    advance()
    assert branch.fetch().state.challenger.weight == 5
    assert may(shadow)[1] == ""
    assert rollout.verify() == 0
    assert "approvals: 0" in capsys.readouterr().out


def test_a_version_of_before_the_rule_needs_nobody(shadow, monkeypatch):
    policy = rollout.view([], NOW).policy
    branch.change(lambda now: (transitions.advance(now.state, policy, NOW), "Make", None), lambda _: {})
    monkeypatch.setattr(promotion, "HERE", promotion.HERE.with_name("another.py"))
    assert may(shadow)[1] == ""


def test_the_workflow_is_red_where_nobody_approved_what_was_merged(house, tmp_path, monkeypatch):
    house.release(model("1"))
    house.release(model("2"), digest="b")
    house.github.settings.workflow["can_approve_pull_request_reviews"] = True
    monkeypatch.setattr(rollout, "gathered", lambda *_: None)
    number = proposed(house)
    before = house.github.tip("production")
    (tmp_path / "runner").mkdir()
    runner = Runner(house.github, tmp_path / "runner")
    codes = {}
    for merger in ("ann", "bob"):
        git(house.github.repo(), "update-ref", "refs/heads/production", before)
        house.github.merge(number, by=merger)
        payload = {"action": "closed", "pull_request": {"merged": True, "base": {"ref": "production"}}}
        done = runner.act("promotion.yml", "pull_request_target", payload, sha=house.github.tip("main"))
        codes[merger] = done.code
    assert codes == {"ann": 1, "bob": 0}, done.log[-3000:]
    assert f"bob in #{number}" in done.log


def test_without_a_token_the_command_for_a_person_is_printed(shadow, monkeypatch, capsys):
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.setattr("loop.github.client.GitHub.known", lambda: True)
    advance()
    told = capsys.readouterr().out
    assert "gh pr create --base production --head promote/v2-canary-5" in told
    assert not [one for one in shadow.github.pulls if one["base"] == "production"]
    with pytest.raises(LoopError, match="there is no token"):
        may(shadow, shadow.folder / "none.json")
