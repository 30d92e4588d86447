"""`loop rollout` in a real clone: evidence decides, and each transition is one commit that carries it."""

import json
import shutil
import subprocess

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from conftest import ROOT
from loop.base.errors import LoopError, UsageError
from loop.commands.command_line import app
from loop.data import prediction_log
from loop.deploy.cluster_settings import SETTINGS
from loop.production import branch, transitions
from loop.production.rollout_policy import POLICY
from production.test_branch import git
from support.prediction_logs import labels, rows, write
from support.states import NOW, STAGED, released, version

pytestmark = pytest.mark.slow  # clones of a remote

NOW_OPTION = ["--now", "2026-01-08T12:00Z"]
NEEDS = {"days_min": 2, "rows_min": 100, "labels_min": 0}


def on_main(clone, policy: dict) -> None:
    """Let this be the policy of main at origin."""
    (clone / POLICY).parent.mkdir(exist_ok=True)
    (clone / POLICY).write_text(yaml.safe_dump(policy))
    git("add", str(POLICY))
    git("commit", "--quiet", "-m", "policy")
    git("push", "--quiet", "origin", "HEAD:main")


@pytest.fixture
def rollout(clone, monkeypatch):
    """A clone in which version 2 is the challenger of version 1, with a policy and without a log."""
    for name in ("LOOP_PREDICTIONS", "GITHUB_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    asked = STAGED.model_dump()
    for stage in asked["stages"]:
        stage["needs"] = dict(NEEDS)
    monkeypatch.setattr("loop.history.registry.follow", lambda _: None)
    on_main(clone, asked)
    monkeypatch.setattr(prediction_log, "known_labels", lambda log, now: labels(log).iloc[:0])
    released(version(1), version(2))
    return clone


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["rollout", *arguments])


def printed(*arguments: str) -> str:
    done = invoke(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def refusal(*arguments: str) -> str:
    done = invoke(*arguments)
    assert done.exit_code == 1
    assert isinstance(done.exception, LoopError)
    return str(done.exception)


def shadow(clone, count: int = 400, **changed) -> None:
    log = pd.concat([rows(1, "champion", count), rows(2, "shadow", count, **changed)])
    write(clone / "data/predictions", log)


def newest(what: str = "%B") -> str:
    command = ["git", "log", "-1", f"--format={what}", "origin/production"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commits() -> int:
    command = ["git", "rev-list", "--count", "origin/production"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_without_evidence_nothing_is_changed_and_what_is_missing_is_reported(rollout):
    before = commits()
    assert "0 of 2 days, 0 of 100 rows" in refusal("advance", *NOW_OPTION)
    shadow(rollout, 50)
    assert "0.3 of 2 days, 50 of 100 rows" in refusal("advance", *NOW_OPTION)
    assert commits() == before


def test_evidence_against_it_refuses_whatever_else_is_there(rollout):
    shadow(rollout, score=0.9)
    found = refusal("advance", *NOW_OPTION)
    assert "score, challenger less champion: +0.4000, limit 0.05" in found
    assert "loop rollout abort" in found


def test_with_evidence_it_goes_on_by_one_commit_that_carries_it(rollout):
    shadow(rollout)
    before = commits()
    assert "canary-5" in printed("advance", *NOW_OPTION)
    assert commits() == before + 1
    challenger = branch.fetch().state.challenger
    assert (challenger.stage.name, challenger.weight) == ("canary-5", 5)
    assert challenger.stage.since == pd.Timestamp("2026-01-08T12:00Z")
    assert "400 rows" in newest()
    assert newest("%s") == "Make version 2 canary-5"
    assert newest("%(trailers:key=Version,valueonly)%(trailers:key=Stage,valueonly)").split() == [
        "2",
        "canary-5",
    ]
    assert newest("%(trailers:key=By,valueonly)") == "t"


def test_after_the_last_stage_it_is_champion(rollout):
    needless = STAGED.model_dump()
    on_main(rollout, needless)
    for _ in range(3):
        printed("advance", *NOW_OPTION)
    assert [(one.role, one.version) for one in branch.fetch().state.models] == [("champion", 2)]
    assert newest("%s") == "Make version 2 champion"


def test_status_says_what_serves_what_is_missing_and_what_to_do(rollout):
    shadow(rollout, 50)
    found = printed("status", *NOW_OPTION)
    assert "champion    version 1, 100 %" in found
    assert "challenger  version 2, 0 %, shadow" in found
    assert "missing: 0.3 of 2 days; 50 of 100 rows" in found
    assert "next: wait for what is missing" in found
    shadow(rollout)
    assert "next: `loop rollout advance` makes it canary-5" in printed("status", *NOW_OPTION)
    shadow(rollout, score=0.9)
    assert "next: `loop rollout abort --reason TEXT` takes it back" in printed("status", *NOW_OPTION)


def test_before_a_canary_it_is_said_what_a_cluster_does_otherwise_and_who_approves_it_reads_so(rollout):
    error = "in a cluster, a challenger's error or silence reaches the caller"
    drawn = "each request is drawn anew"
    shadow(rollout)
    assert "in a cluster" not in printed("status", *NOW_OPTION)  # there is none
    settings = (ROOT / SETTINGS).read_text()
    (rollout / SETTINGS).write_text(settings)
    found = printed("status", *NOW_OPTION)
    assert error in found
    assert drawn in found
    (rollout / SETTINGS).write_text(settings.replace("entity_header: null", "entity_header: X-Entity"))
    found = printed("status", *NOW_OPTION)
    assert error in found
    assert drawn not in found
    printed("advance", *NOW_OPTION)
    assert error in newest()
    assert "in a cluster" not in printed("status", *NOW_OPTION)  # it has begun


def test_with_a_proxy_that_falls_back_nothing_is_to_be_said_and_it_has_the_time_of_main_s_policy(rollout):
    asked = yaml.safe_load((rollout / POLICY).read_text()) | {"timeout_ms": 1234}
    on_main(rollout, asked)
    shadow(rollout)
    there = (ROOT / SETTINGS).read_text().replace("entity_header: null", "entity_header: X-Entity")
    image = f"nginx@sha256:{'7' * 64}"
    (rollout / SETTINGS).write_text(there.replace("fallback: null", f"fallback: {image}"))
    shutil.copy(ROOT / "params.yaml", rollout)
    assert "in a cluster" not in printed("status", *NOW_OPTION)
    printed("advance", *NOW_OPTION)
    path = "kubernetes/models/model-v2-fallback.yaml"
    made = git("show", f"origin/production:{path}")
    assert image in made
    assert "proxy_read_timeout 1234ms;" in made


def test_settings_of_a_cluster_that_are_broken_are_said_before_a_canary_and_status_goes_on(rollout):
    (rollout / SETTINGS).write_text("gateway: nowhere\n")
    assert f"before: in a cluster: {SETTINGS}" in printed("status", *NOW_OPTION)


def test_status_says_each_thing_once_and_shows_no_figure_that_is_not_there(rollout):
    lines = printed("status", *NOW_OPTION).splitlines()
    assert sum("shadow" in line for line in lines) == 1
    assert sum("0 of 2 days" in line for line in lines) == 1
    assert [line for line in lines if "no figure yet: score, challenger less champion; " in line]
    assert not [line for line in lines if " - " in line]


def test_status_for_programs_says_the_same(rollout):
    shadow(rollout, 50)
    found = json.loads(printed("status", "--json", *NOW_OPTION))
    assert found["evidence"]["missing"] == ["0.3 of 2 days", "50 of 100 rows"]
    assert [one["role"] for one in found["state"]["models"]] == ["champion", "challenger"]


def test_status_before_the_first_release_and_without_a_challenger(rollout):
    branch.change(lambda now: (transitions.abort(now.state, "why", NOW), "Abort", None), lambda _: {})
    assert "a release brings the next" in printed("status", *NOW_OPTION)
    subprocess.run(["git", "rm", "-q", "--cached", "-r", "."], check=False, capture_output=True)
    empty = subprocess.run(
        ["git", "commit-tree", "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "-m", "empty"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    subprocess.run(["git", "push", "-qf", "origin", f"{empty}:production"], check=True)
    assert "nothing was released yet: the next merge" in printed("status", *NOW_OPTION)


def test_a_challenger_that_is_held_stays_until_it_is_released(rollout):
    shadow(rollout)
    printed("hold", "--reason", "holidays")
    assert newest("%s") == "Hold version 2 in shadow"
    assert "holidays" in newest()
    assert "it is held: holidays" in printed("status", *NOW_OPTION)
    assert "held: holidays" in refusal("advance", *NOW_OPTION)
    printed("hold", "--release")
    printed("advance", *NOW_OPTION)


@pytest.mark.parametrize(
    "arguments", [["hold"], ["hold", "--reason", " "], ["hold", "--reason", "a", "--release"], ["abort"],
                  ["abort", "--reason", ""]]
)  # fmt: skip
def test_a_move_without_a_reason_is_wrong_usage(rollout, arguments):
    done = invoke(*arguments)
    assert done.exit_code == 2 or isinstance(done.exception, UsageError)


def test_an_abort_needs_no_evidence_and_says_what_there_is(rollout):
    shadow(rollout, 50)
    printed("abort", "--reason", "it crashes", *NOW_OPTION)
    state = branch.fetch().state
    assert state.challenger is None
    assert [(one.version, one.reason) for one in state.refused] == [(2, "it crashes")]
    assert "it crashes" in newest()
    assert "50 rows" in newest()


def test_an_abort_works_though_the_log_is_broken(rollout):
    shadow(rollout)
    for path in (rollout / "data/predictions" / prediction_log.DAYS).iterdir():
        path.write_text("broken")
    assert "cannot be read" in refusal("advance", *NOW_OPTION)
    printed("abort", "--reason", "it crashes", *NOW_OPTION)
    assert branch.fetch().state.challenger is None
    assert "No evidence" in newest()


def test_nothing_can_be_done_to_a_challenger_that_is_not_there(rollout):
    printed("abort", "--reason", "it crashes", *NOW_OPTION)
    for command in (["advance"], ["hold", "--reason", "why"], ["abort", "--reason", "why"]):
        assert "there is no challenger" in refusal(*command)


def test_a_stage_that_the_policy_no_longer_has_can_be_left(rollout):
    asked = STAGED.model_dump()
    asked["stages"] = [{**asked["stages"][2], "needs": NEEDS}]
    on_main(rollout, asked)
    assert "0 of 100 rows" in refusal("advance", *NOW_OPTION)
    shadow(rollout)
    printed("advance", *NOW_OPTION)
    assert branch.fetch().state.challenger.stage.name == "canary-25"


def test_predictions_may_lie_in_several_folders(rollout):
    write(rollout / "a", rows(1, "champion", 400))
    write(rollout / "b", rows(2, "shadow", 400))
    printed("advance", "--predictions", "a", "--predictions", "b", *NOW_OPTION)


def test_whoever_reads_the_state_meanwhile_decides_nothing_twice(rollout, monkeypatch):
    """Another one advances first: this advance is judged anew, by what the new stage needs."""
    shadow(rollout)
    real, seen = branch.fetch, []

    def slow(name="production"):
        now = real(name)
        if not seen:
            seen.append(1)
            branch.change(
                lambda at: (transitions.advance(at.state, STAGED, NOW), "Advance", None), lambda _: {}
            )
        return now

    monkeypatch.setattr(branch, "fetch", slow)
    assert "may not leave canary-5 yet" in refusal("advance", *NOW_OPTION)
    assert real().state.challenger.stage.name == "canary-5"


def test_a_broken_policy_stops_no_abort_and_no_hold(rollout):
    on_main(rollout, {"stages": "none"})
    printed("hold", "--reason", "holidays")
    printed("abort", "--reason", "it hurts", *NOW_OPTION)
    assert branch.fetch().state.challenger is None
    log = subprocess.run(
        ["git", "log", "-1", "--format=%B", "origin/production"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "No evidence: deploy/policy.yaml" in log.stdout


def test_a_reason_is_one_line_of_words(rollout):
    printed("abort", "--reason", "late\x1b[31m\n\nBy: somebody", *NOW_OPTION)
    assert branch.fetch().state.refused[0].reason == "late [31m By: somebody"


def test_the_policy_is_mains_whatever_is_edited_here(rollout):
    loose = STAGED.model_dump()
    (rollout / POLICY).write_text(yaml.safe_dump(loose))
    assert "yet: it has" in refusal("advance", *NOW_OPTION)
