"""A version goes through staging: a day of requests replayed, evidence kept, and production lets it in."""

import json
import re
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from loop.base.errors import LoopError
from loop.commands.command_line import app
from loop.data import personal, score_columns
from loop.deploy import deploy, permitted
from loop.production import branch, log, rehearsal, transitions
from loop.production.environments import ENVIRONMENTS
from loop.production.environments import Rehearsal as Rules
from loop.production.rollout_policy import POLICY
from loop.production.state import Version
from loop.rollout import announced, rehearsal_check, staging
from loop.rollout import rehearse as rehearsing
from loop.rollout.rollout import View
from loop.serve.app import ID
from loop.setup import repository
from production.test_branch import git
from production.test_environments import shown
from support.prediction_logs import rows, write
from support.states import NOW, STAGED, clone, version  # noqa: F401 - clone is a fixture

pytestmark = pytest.mark.slow

NOW_OPTION = ["--now", "2026-01-07T12:00Z"]
WHERE = ["--environment", "staging"]


@dataclass
class Model:
    """A server of a version as its callers see it: `answers` gives status and body for a request."""

    version: Version
    answers: Callable[[dict], tuple[int, dict]]
    sha256: str = ""
    seconds: float = 0.0
    asked: list[dict] = field(default_factory=list)
    url: str = ""


def score(value: float) -> Callable[[dict], tuple[int, dict]]:
    """Always this score, with classes of the first of them."""
    if not (classes := score_columns.CLASSES):
        return lambda _: (200, {"score": value})
    other = (1 - value) / (len(classes) - 1)
    scores = dict.fromkeys(classes, other) | {classes[0]: value}
    return lambda _: (200, {"score": max(scores.values()), "scores": scores})


def refuses(name: str) -> Callable[[dict], tuple[int, dict]]:
    return lambda _: (400, {"problems": [{"field": name, "found": "x", "expected": "a number"}]})


@pytest.fixture
def serve():
    """Starts servers of models, each at an address of its own."""
    servers = []

    def start(model: Model) -> Model:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _send(self, status: int, body: dict) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self) -> None:
                served = {"sha256": model.sha256 or model.version.model, "commit": model.version.commit}
                self._send(200, served)

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model.asked.append(request)
                time.sleep(model.seconds)
                self._send(*model.answers(request))

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        model.url = f"http://127.0.0.1:{servers[-1].server_address[1]}"
        return model

    yield start
    for one in servers:
        one.shutdown()
        one.server_close()


@pytest.fixture
def team(clone, monkeypatch):  # noqa: F811
    """A clone of a team with staging: version 1 serves, version 2 waits in staging, and a log of a day."""
    for name in ("LOOP_PREDICTIONS", "GITHUB_ACTOR", "LOOP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("loop.history.registry.follow", lambda _: None)
    chain = {"chain": ["staging", "production"], "rehearsal": {"rows_min": 30, "rows_max": 60, "days_max": 7}}
    rules = STAGED.model_dump()
    rules["limits"]["latency_times_max"] = 1e6  # on a busy machine either model may be slow
    for path, values in {POLICY: rules, ENVIRONMENTS: chain}.items():
        (clone / path).parent.mkdir(exist_ok=True)
        (clone / path).write_text(yaml.safe_dump(values))
    git("add", "deploy")
    git("commit", "--quiet", "-m", "policy")
    git("push", "--quiet", "origin", "HEAD:main")
    commit = git("rev-parse", "HEAD")
    one, two = version(1, commit=commit), version(2, commit=commit)
    branch.change(
        lambda now: (transitions.enter(now.state, one, STAGED, NOW), "Release 1", one), lambda _: {}
    )
    staging.enter("staging", branch.fetch(), two, NOW, "Release 2")
    monkeypatch.setattr(announced, "shift", lambda *_: (0.0,) * max(1, len(score_columns.CLASSES)))
    write(clone / "data/predictions", rows(1, "champion", 40, minutes=20, commit=commit))
    return one, two


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["rollout", *arguments, *NOW_OPTION])


def run(*arguments: str):
    return CliRunner().invoke(app, ["rollout", *arguments])


def rehearse(ours: Model, theirs: Model, *more: str):
    return invoke("rehearse", *WHERE, "--champion", ours.url, "--challenger", theirs.url, *more)


def refusal(done) -> str:
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, LoopError), done.exception
    return str(done.exception)


def test_a_version_goes_from_staging_to_production_by_its_rehearsal_alone(team, serve):
    one, two = team
    assert "was not rehearsed in staging" in refusal(invoke("advance", *WHERE))
    ours, theirs = serve(Model(one, score(0.5))), serve(Model(two, score(0.51)))
    done = rehearse(ours, theirs)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "next: `loop rollout advance --environment staging` lets it enter production" in done.output
    assert len(ours.asked) == len(theirs.asked) > 30
    assert ours.asked == theirs.asked
    assert branch.fetch().versions == {1: one}
    assert invoke("status", *WHERE).exit_code == 0
    assert invoke("advance", *WHERE).exit_code == 0
    live = branch.fetch()
    assert live.version(2) == two  # the same commit, model and image: nothing was built
    assert (live.state.challenger.version, live.state.challenger.stage.name) == (2, "shadow")
    assert rehearsal.find(live, 2) == rehearsal.find(branch.fetch("staging"), 2)
    message = git("log", "-1", "--format=%B", "origin/production")
    assert "answered by both" in message
    assert f"Rehearsal: {rehearsal.find(live, 2).seal}" in message
    assert "entered production already" in refusal(invoke("advance", *WHERE))
    # going back asks no environment
    branch.change(lambda now: (transitions.abort(now.state, "no", NOW), "Abort", None), lambda _: {})
    assert branch.fetch().state.challenger is None


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("other scores", "worse: score"),
        ("5xx", "worse: left unanswered, less the champion: +1.0000"),
        ("hangs", "worse: left unanswered, less the champion"),
        ("no score", "worse: left unanswered, less the champion: +1.0000"),
    ],
)
def test_what_staging_shows_against_a_version_keeps_it_out(team, serve, what, found, monkeypatch):
    one, two = team
    answers = {"other scores": score(0.75), "5xx": lambda _: (503, {}), "no score": lambda _: (200, {"a": 1})}
    if what == "hangs":
        limits = STAGED.limits.model_copy(update={"latency_times_max": 1e6})
        rules = STAGED.model_copy(update={"limits": limits, "timeout_ms": 300})
        monkeypatch.setattr("loop.production.rollout_policy.in_force", lambda: rules)
        monkeypatch.setattr("loop.rollout.rehearse.SILENT", 3)  # so many cost their whole time
    ours = serve(Model(one, score(0.5)))
    theirs = serve(Model(two, answers.get(what, score(0.5)), seconds=1.0 if what == "hangs" else 0.0))
    done = rehearse(ours, theirs)
    assert done.exit_code == 1
    assert found in done.output, (done.output, done.exception)
    assert "may not leave staging" in refusal(invoke("advance", *WHERE))
    assert 2 not in branch.fetch().versions


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"median_ms": 3.9}, []),
        ({"median_ms": 4.1}, ["median latency, 4.1 in times of 2.0 ms: +2.0500, limit 2"]),
        ({"answered": 89}, ["left unanswered, less the champion: +0.0111, limit 0.01"]),
        ({"p99_ms": 900.0}, []),
    ],
)
def test_limits_are_of_the_policy_and_statuses_are_made_of_figures(changed, found):
    mine = shown(challenger=shown().challenger.model_copy(update=changed))
    assert rehearsal_check.worse(mine, STAGED.limits, Rules(rows_min=80)) == found
    few = rehearsal_check.missing(mine, Rules(rows_min=89))
    assert few == ["88 of 89 requests that both answered"]


def test_a_shift_that_was_announced_is_none_to_object_to(team, serve, monkeypatch):
    said = [0.25] + [-0.25 / max(1, len(score_columns.CLASSES) - 1)] * max(0, len(score_columns.CLASSES) - 1)
    monkeypatch.setattr(announced, "shift", lambda *_: said)
    done = rehearse(serve(Model(team[0], score(0.5))), serve(Model(team[1], score(0.75))))
    assert "worse: score" not in done.output, done.output


def test_what_cannot_be_replayed_is_counted_by_its_field_and_few_rows_say_nothing(team, serve, monkeypatch):
    monkeypatch.setattr(personal, "marks", lambda: {"name": "hash"})
    ours, theirs = serve(Model(team[0], refuses("name"))), serve(Model(team[1], score(0.5)))
    done = rehearse(ours, theirs)
    assert done.exit_code == 1
    assert "could not be replayed, by the field at fault: personal: name (" in done.output
    assert "missing: 0 of 30 requests that both answered" in done.output
    assert "worse" not in done.output


def test_without_the_right_servers_or_log_nothing_is_written(team, serve, clone):  # noqa: F811
    one, two = team
    before = branch.fetch("staging").commit
    ours, theirs = serve(Model(one, score(0.5))), serve(Model(two, score(0.5), sha256="f" * 64))
    assert f"serves the model {'f' * 12}" in refusal(rehearse(ours, theirs))
    theirs.sha256 = ""
    assert "no server of version 1 as champion" in refusal(invoke("rehearse", *WHERE))
    gone = Model(one, score(0.5), url="http://127.0.0.1:9")
    assert "gives no model (no answer in time)" in refusal(rehearse(gone, theirs))
    ours.answers = lambda _: (500, {})
    assert "left 20 requests in a row unanswered" in refusal(rehearse(ours, theirs))
    assert "has no request that version 1" in refusal(rehearse(ours, theirs, "--day", "2026-01-02"))
    write(clone / "data/predictions", rows(3, "champion", 40, minutes=20))
    assert "answered by: 000000000000 (" in refusal(rehearse(ours, theirs))
    assert branch.fetch("staging").commit == before


def test_evidence_beside_a_champion_that_serves_no_more_lets_nothing_in(team, serve):
    one, two = team
    rehearse(serve(Model(one, score(0.5))), serve(Model(two, score(0.5))))
    three = version(3)
    branch.change(
        lambda now: (transitions.mirrored(now.state, three, NOW), "Other", three), lambda _: {}, "production"
    )
    assert "another champion's commit" in refusal(invoke("advance", *WHERE))
    assert staging.follow_production("staging", branch.fetch(), NOW).state.champion.version == 3
    assert branch.fetch("staging").state.challenger.version == 2


def test_a_host_brings_about_no_version_that_came_past_staging(team, tmp_path, monkeypatch):
    two = team[1]
    branch.change(lambda now: (transitions.enter(now.state, two, STAGED, NOW), "Past it", two), lambda _: {})
    state, refused = permitted.of(branch.fetch(), tmp_path / "approved.json")
    assert [one.version for one in state.models] == [1]
    assert "version 2 entered production without a rehearsal that counts" in str(refused)
    assert "without a rehearsal that counts" in refusal(CliRunner().invoke(app, ["rollout", "verify"]))
    there = branch.fetch("staging")
    assert permitted.of(there, tmp_path / "approved.json") == (there.state, None)


def test_a_chain_of_three_goes_folder_by_folder_and_each_asks_its_own_rehearsal(team, serve, monkeypatch):
    """A host of its own for each, as clones of one origin; the log of production is copied to both."""
    (one, two), here = team, Path.cwd()
    text = (here / ENVIRONMENTS).read_text().replace("- staging", "- trial\n- staging")
    (here / ENVIRONMENTS).write_text(text)
    git("commit", "--quiet", "--all", "-m", "chain")
    git("push", "--quiet", "origin", "HEAD:main")
    staging.enter("trial", branch.fetch(), two, NOW, "Release 2")
    git("push", "--quiet", "origin", ":staging")  # nothing has entered it yet
    git("update-ref", "-d", "refs/remotes/origin/staging")
    servers = serve(Model(one, score(0.5))), serve(Model(two, score(0.51)))
    for name, following in (("trial", "staging"), ("staging", "production")):
        folder = here.parent / name
        git("clone", "--quiet", str(here.parent / "origin.git"), str(folder))
        shutil.copytree(here / "data/predictions", folder / "data/predictions")
        monkeypatch.chdir(folder)
        where = ["--environment", name]
        assert f"was not rehearsed in {name}" in refusal(invoke("advance", *where))
        addresses = ["--champion", servers[0].url, "--challenger", servers[1].url]
        done = invoke("rehearse", *where, *addresses)
        assert f"--environment {name}` lets it enter {following}" in done.output, done.exception
        assert invoke("advance", *where).exit_code == 0
    monkeypatch.chdir(here)
    live = branch.fetch()
    assert live.version(2) == branch.fetch("trial").version(2) == branch.fetch("staging").version(2)
    assert [rehearsal.find(branch.fetch(at), 2).environment for at in ("trial", "staging", "production")] == [
        *("trial", "staging", "staging")
    ]
    assert rehearsal.skipped(live) == []


def test_a_version_that_waits_in_staging_is_held_and_let_go_on(team, serve):
    one, two = team
    rehearse(serve(Model(one, score(0.5))), serve(Model(two, score(0.5))))
    before = branch.fetch().commit
    assert run("hold", "--reason", "until Monday", *WHERE).exit_code == 0
    assert "held: until Monday" in invoke("status", *WHERE).output
    assert "`loop rollout hold --release --environment staging`" in refusal(invoke("advance", *WHERE))
    assert branch.fetch().commit == before
    run("hold", "--release", *WHERE)
    assert invoke("advance", *WHERE).exit_code == 0


def test_a_version_that_was_taken_back_in_staging_comes_again_by_no_release(team, serve):
    one, two = team
    rehearse(serve(Model(one, score(0.5))), serve(Model(two, score(0.5))))
    before = branch.fetch().commit
    done = invoke("abort", "--reason", "too dear", *WHERE)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "answered by both" in git("log", "-1", "--format=%b", "origin/staging")
    assert branch.fetch().commit == before
    assert "no version waits in staging" in refusal(invoke("advance", *WHERE))
    three = version(3)
    branch.change(lambda now: (transitions.mirrored(now.state, three, NOW), "Other", three), lambda _: {})
    staging.follow_production("staging", branch.fetch(), NOW)
    assert [entry.version for entry in staging.with_waiting(branch.fetch()).state.refused] == [2]


def test_an_environment_that_there_is_not_is_named_and_nothing_is_changed(team):
    for command in (["hold", "--reason", "why"], ["abort", "--reason", "why"]):
        assert "stagin is no environment before production" in refusal(
            run(*command, "--environment", "stagin")
        )


def test_a_checkout_serves_one_environment(team, monkeypatch):
    monkeypatch.setattr(deploy, "serves", lambda: True)
    with pytest.raises(LoopError, match="this checkout serves production"):
        deploy.main(environment="staging")
    with pytest.raises(LoopError, match="stagin is no environment before production"):
        deploy.main(environment="stagin")


def test_the_history_of_each_environment_is_a_need_of_the_repository(team):
    names = [one.name for one in repository.needs(["ann"])]
    assert names[-1] == "rules of staging: history is kept"
    assert "rules of production: history is kept" in names


def test_numbers_are_counted_over_the_whole_chain(team):
    found = staging.with_waiting(branch.fetch())
    assert (found.newest, sorted(found.versions), found.branch) == (2, [1, 2], "production")


def test_where_others_approve_a_pull_request_shows_the_evidence_and_its_merge_is_the_release(
    team,
    serve,
    monkeypatch,
):
    one, two = team
    assert rehearse(serve(Model(one, score(0.5))), serve(Model(two, score(0.5)))).exit_code == 0
    monkeypatch.setattr("loop.production.promotion.asked", lambda: True)
    before = branch.fetch().commit
    said = invoke("advance", *WHERE)
    assert "promote/v2-shadow is at origin; open its pull request" in said.output, said.exception
    assert branch.fetch().commit == before
    git("fetch", "--quiet", "origin", "promote/v2-shadow")
    assert "answered by both" in git("log", "-1", "--format=%b", "FETCH_HEAD")
    git("push", "--quiet", "origin", "FETCH_HEAD:production")
    live = branch.fetch()
    newest = log.transitions(live.commit)[-1]
    assert (newest.kind, newest.version) == ("release", 2)
    assert (rehearsal.skipped(live), live.version(2)) == ([], two)


def test_a_caller_whose_ids_speak_of_rehearsals_is_in_the_evidence_and_what_one_sent_is_not(
    monkeypatch, capsys
):
    """A music school may call its requests so; a log of what a rehearsal sent holds no day of callers."""
    mine = ["rehearsal-1", "rehearsal-room-5", "rehearsal-", "a", f"rehearsal-{'a' * 63}"]
    made = pd.DataFrame({"id": [*mine, *map(rehearsing.sent, mine)], "at": NOW - pd.Timedelta(days=1)})
    made = made.assign(commit=version(1).commit, role="champion")
    monkeypatch.setattr("loop.data.prediction_log.read", lambda *_: made)
    at = View(STAGED, [Path("log")], NOW)
    assert rehearsing.requests(at, version(1), None, 1)["id"].tolist() == mine
    assert "left out: 5 requests that a rehearsal sent" in capsys.readouterr().out
    assert all(re.fullmatch(ID.pattern.decode(), rehearsing.sent(one)) for one in [*mine, "é/1"])
