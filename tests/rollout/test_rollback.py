"""`loop rollback`: one commit that makes an earlier champion serve, or nothing at all."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from conftest import ROOT
from loop.base.errors import LoopError
from loop.base.program import Done
from loop.deploy import version_home
from loop.history import registry as mlflow
from loop.production import branch, transitions
from loop.production import state as production
from loop.rollout import available, rollback
from production.test_branch import git
from support.states import NOW, STAGED, at, policy, version

pytestmark = pytest.mark.slow  # clones of a remote

DVC = str(Path(os.environ["WARM_BIN"], "dvc"))
LATER = at("2026-01-06T03:00")


@pytest.fixture(autouse=True)
def _alone(clone, monkeypatch):
    """The policy of the repository, no workflow, and no question to a registry that is not there."""
    (clone / "deploy").mkdir()
    (clone / "deploy/policy.yaml").write_text((ROOT / "deploy/policy.yaml").read_text())
    for name in ("GITHUB_RUN_ID", "GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(available, "_gone", lambda _: "")
    monkeypatch.setattr("loop.rollout.follow.follow", lambda _: None)


def champion(*numbers: int) -> None:
    """Versions that become champion one after the other, each at once."""
    for number in numbers:
        one = version(number)
        branch.change(
            lambda now, one=one: (
                transitions.enter(now.state, one, policy(), NOW),
                f"Release {one.version}",
                one,
            ),
            lambda _: {},
        )


def challenge(number: int) -> None:
    """A challenger that mirrors."""
    one = version(number)
    branch.change(lambda now: (transitions.enter(now.state, one, STAGED, NOW), "Release", one), lambda _: {})


def back(to: int | None = None, reason: str = "it hurts"):
    return rollback.back(to, reason, LATER).state


def log() -> str:
    return git("log", "-1", "--format=%B", "origin/production")


def trailers() -> dict[str, str]:
    report = git("log", "-1", "--format=%(trailers:only,unfold)", "origin/production")
    return dict(line.split(": ", 1) for line in report.splitlines())


def test_the_champion_before_serves_again_and_the_one_that_was_is_refused():
    champion(1, 2)
    state = back()
    assert (state.champion.version, state.champion.weight, state.champion.since) == (1, 100, LATER)
    assert [(one.version, one.reason) for one in state.refused] == [(2, "it hurts")]


def test_it_is_one_commit_that_says_why_from_where_to_where_and_who():
    champion(1, 2)
    before = git("rev-parse", "origin/production")
    back()
    assert git("rev-parse", "origin/production^") == before
    assert log().startswith("Roll back to version 1 from 2\n")
    assert trailers() == {"Reason": "it hurts", "From": "2", "To": "1", "By": "t"}


def test_what_was_pushed_is_at_origin():
    champion(1, 2)
    back()
    assert git("ls-remote", "origin", "production").split()[0] == git("rev-parse", "origin/production")


def test_a_version_that_was_champion_is_gone_back_to_by_its_number():
    champion(1, 2, 3)
    assert back(1).champion.version == 1


def test_going_back_twice_goes_further_back_and_skips_what_was_refused():
    champion(1, 2, 3)
    assert back().champion.version == 2
    assert back().champion.version == 1
    with pytest.raises(LoopError, match="no version before 1 was champion and was not refused"):
        back()


def test_with_a_challenger_alone_it_names_the_command_that_takes_that_back():
    champion(1)
    challenge(2)
    with pytest.raises(LoopError, match="no version before 1 was champion") as raised:
        back()
    assert "`loop rollout abort` takes back version 2" in raised.value.todo
    assert "--to" not in raised.value.todo


def test_a_refused_version_can_be_gone_forth_to_by_its_number():
    champion(1, 2)
    back()
    state = back(2, "it did not hurt")
    assert state.champion.version == 2
    assert [one.version for one in state.refused] == [1]


def test_a_challenger_on_its_way_is_refused_too_and_the_commit_says_so():
    champion(1, 2)
    challenge(3)
    state = back()
    assert state.challenger is None
    assert sorted(one.version for one in state.refused) == [2, 3]
    assert "Version 3, the challenger, is refused too." in log()


def test_an_aborted_challenger_was_never_champion_and_is_not_gone_back_to():
    champion(1, 2)
    challenge(3)
    branch.change(lambda now: (transitions.abort(now.state, "it crashes", NOW), "Abort", None), lambda _: {})
    with pytest.raises(LoopError, match="version 3 was never champion"):
        back(3)
    assert back().champion.version == 1


@pytest.mark.parametrize(
    ("to", "found"),
    [
        (9, r"there is no version 9\n  expected: one that was released: 1, 2, 3"),
        (2, "version 2 is the champion"),
        (3, "version 3 was never champion"),
    ],
)
def test_what_cannot_be_gone_back_to_is_refused_and_nothing_changes(to, found):
    champion(1, 2)
    challenge(3)
    before = git("ls-remote", "origin", "production")
    with pytest.raises(LoopError, match=found):
        back(to)
    assert git("ls-remote", "origin", "production") == before


def test_where_nothing_was_released_there_is_nothing_to_go_back_from():
    with pytest.raises(LoopError, match="nothing serves yet"):
        back()


def test_of_two_who_go_back_at_once_the_second_learns_of_it_and_goes_no_further(monkeypatch):
    champion(1, 2, 3)
    check = available.check

    def slow(target):  # somebody else is faster while this one looks
        monkeypatch.setattr(available, "check", check)
        back(reason="mine")

    monkeypatch.setattr(available, "check", slow)
    with pytest.raises(LoopError, match="version 2 is champion, not 3"):
        back()
    assert branch.fetch().state.champion.version == 2


def test_a_challenger_that_came_meanwhile_does_not_hinder_it(monkeypatch):
    champion(1, 2)
    monkeypatch.setattr(available, "check", lambda _: challenge(3))
    state = back()
    assert state.champion.version == 1
    assert sorted(one.version for one in state.refused) == [2, 3]


def test_a_state_that_was_broken_by_hand_in_the_past_is_passed_over(clone):
    champion(1)
    git("switch", "--quiet", "--create", "production", "origin/production")
    right = (clone / "rollout.yaml").read_text()
    for text in (right.replace("version: 1", "version: 7").replace("weight: 100", "weight: 300"), right):
        (clone / "rollout.yaml").write_text(text)
        git("commit", "--quiet", "-am", "by hand")
    git("push", "--quiet", "origin", "production")
    git("switch", "--quiet", "-")
    champion(2)
    assert back().champion.version == 1


def edited(number: int, part: str) -> None:
    """Somebody edits the record of a version that does not serve."""
    git("switch", "--quiet", "--create", "production", "origin/production")
    path = Path(f"versions/{number}.yaml")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(
        "".join(re.sub("0{8}", "bad00bad", one, count=1) if one.startswith(part) else one for one in lines)
    )
    git("commit", "--quiet", "-am", "tidy up")
    git("push", "--quiet", "origin", "production")
    git("switch", "--quiet", "-")


@pytest.mark.parametrize("part", ["commit", "model", "image"])
def test_a_record_that_names_something_else_than_what_served_is_not_gone_back_to(part, capsys):
    """It changes nothing until whoever is on call goes back: then a cluster would run it."""
    champion(1, 2, 3)
    edited(2, part)
    with pytest.raises(LoopError, match=f"2.yaml names another {part} than when it served"):
        back(2)
    assert back().champion.version == 1
    assert f"versions/2.yaml names another {part} than when it served: it is passed over" in (
        capsys.readouterr().out
    )


HOSTILE = (
    'it "hurts"\n\nto: 9\nwho: root\x07 $(touch pwned) `touch pwned` \'; touch pwned; | @team #1\n::set-env::'
)


def test_a_reason_in_whatever_words_is_one_trailer_and_nothing_else(clone):
    champion(1, 2)
    assert rollback.main(None, HOSTILE, LATER, commit=True, pull_request=False) == 0
    report = trailers()
    assert {name: report[name] for name in ("From", "To", "By")} == {"From": "2", "To": "1", "By": "t"}
    assert "$(touch pwned)" in report["Reason"]
    state = yaml.safe_load(git("show", "origin/production:rollout.yaml"))
    assert state["refused"][0]["reason"] == report["Reason"]
    assert branch.fetch().state.champion.version == 1
    assert not list(clone.rglob("pwned*"))


def test_a_workflow_that_is_run_again_goes_back_once(monkeypatch):
    champion(1, 2, 3)
    for name, value in {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "team/model",
        "GITHUB_RUN_ID": "77",
        "GITHUB_TRIGGERING_ACTOR": "alice",
    }.items():
        monkeypatch.setenv(name, value)
    back()
    assert trailers()["Run"] == "https://github.com/team/model/actions/runs/77"
    assert trailers()["By"] == "alice"
    with pytest.raises(LoopError, match="this run has gone back already"):
        back()
    monkeypatch.setenv("GITHUB_RUN_ID", "78")
    assert back().champion.version == 1


def test_an_mlflow_that_is_down_is_a_warning(monkeypatch, capsys):
    monkeypatch.undo()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    mlflow.follow(production.read(None))
    assert "warning: MLflow does not follow yet" in capsys.readouterr().out


WHOLE = {
    "config": {"digest": "sha256:of-config"},
    "layers": [{"digest": "sha256:of-layer"}, {"digest": "x", "urls": []}],
}


def manifest(of: str, **parts) -> bytes:
    return json.dumps({"of": of, **parts}).encode()


def digest(text: bytes) -> str:
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


PLAIN, TORN, LOST = (
    manifest("plain", **WHOLE),
    manifest("torn", layers=[{"digest": "sha256:lost"}]),
    manifest("lost"),
)
ATTESTED = {"digest": digest(b"a record of the build"), "platform": {"os": "unknown"}}
INDEX, HOLLOW = (manifest("index", manifests=[{"digest": digest(one)}, ATTESTED]) for one in (PLAIN, LOST))
OTHER = digest(b"what was pushed")
KEPT = {digest(one): one for one in (PLAIN, TORN, INDEX, HOLLOW)} | {OTHER: b"{}"}


class Registry(BaseHTTPRequestHandler):
    """Of images that need no login, ones that do, and ones that are refused to all."""

    def do_GET(self) -> None:
        login, name = self.headers.get("Authorization"), self.path.rpartition("/")[2]
        if self.path.startswith("/token?service=r&scope=repository"):
            self.answer(200, b'{"token": "let-me"}')
        elif "/closed/" in self.path or ("/private/" in self.path and login != "Bearer let-me"):
            port = self.server.server_address[1]
            realm = f'Bearer realm="http://127.0.0.1:{port}/token",service="r",scope="repository:m:pull"'
            self.answer(401, **{"WWW-Authenticate": realm})
        elif "/broken/" in self.path:
            self.answer(500)
        elif "/blobs/" in self.path:
            self.answer(307 if name.startswith("sha256:of-") else 404)
        else:
            self.answer(200 if name in KEPT else 404, KEPT.get(name, b""))

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if self.command == "GET" else b"")

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def registry(monkeypatch):
    """The address of a registry."""
    monkeypatch.undo()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def image(name: str, what: bytes | str = LOST) -> str:
    return f"{name}@{what if isinstance(what, str) else digest(what)}"


@pytest.mark.parametrize("name", ["open", "private"])
def test_an_image_that_is_gone_is_found_and_one_that_is_there_is_let_pass(registry, capsys, name):
    for whole in (PLAIN, INDEX):
        available.check(version(1, image=image(f"{registry}/{name}/model", whole)))
    with pytest.raises(LoopError, match=r"version 1 cannot serve: .* is gone\n"):
        available.check(version(1, image=image(f"{registry}/{name}/model", LOST)))
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("what", "lacks"),
    [
        (HOLLOW, f"is gone in part: {digest(LOST)[:19]}"),
        (TORN, "is gone in part: sha256:lost"),
        (OTHER, f"has other bytes in the registry: {OTHER[:19]}"),
    ],
)
def test_an_image_of_which_a_part_is_gone_or_another_cannot_serve(registry, what, lacks):
    """As where a cleaner removed what had no tag: an index keeps naming what is gone."""
    with pytest.raises(LoopError, match=f"version 1 cannot serve: .* {lacks}"):
        available.check(version(1, image=image(f"{registry}/open/model", what)))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("{}/closed/model", "answers 401"),
        ("{}/broken/model", "answers 500"),
        ("127.0.0.1:9/m", "does not answer"),
    ],
)
def test_a_registry_that_does_not_answer_is_reported_and_does_not_hinder(registry, capsys, name, why):
    available.check(version(1, image=image(name.format(registry))))
    output = capsys.readouterr().out
    assert "is unknown" in output
    assert why in output


def test_a_version_whose_image_is_gone_is_refused_before_any_commit(monkeypatch):
    champion(1, 2)
    before = git("ls-remote", "origin", "production")
    monkeypatch.setattr(available, "_gone", lambda image: f"{image} is gone")
    with pytest.raises(LoopError, match="version 1 cannot serve"):
        back()
    assert git("ls-remote", "origin", "production") == before


def test_a_host_whose_servers_are_processes_needs_the_files_whatever_the_registry_has(monkeypatch):
    champion(1, 2)
    monkeypatch.setattr(available, "_lacks", lambda _: "models/model.skops is gone")
    monkeypatch.setattr("loop.deploy.deploy.by_processes", lambda: True)
    with pytest.raises(LoopError, match="version 1 cannot serve: models/model"):
        back()


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("ghcr.io/team/model", "https://ghcr.io/v2/team/model/manifests/"),
        ("team/model", "https://registry-1.docker.io/v2/team/model/manifests/"),
        ("model", "https://registry-1.docker.io/v2/library/model/manifests/"),
        ("localhost:5000/model", "http://localhost:5000/v2/model/manifests/"),
        ("registry.example.com:8443/a/b", "https://registry.example.com:8443/v2/a/b/manifests/"),
    ],
)
def test_an_image_is_asked_of_the_registry_that_its_name_means(monkeypatch, name, asked):
    monkeypatch.undo()
    seen = []

    def request(_, url, **__):
        seen.append(url)
        raise available.requests.ConnectionError

    monkeypatch.setattr(available.requests, "request", request)
    available.check(version(1, image=image(name)))
    assert seen == [asked + digest(LOST)]


def drop_cache(clone) -> None:
    subprocess.run(["rm", "-rf", str(clone / ".dvc/cache")], check=True)


def test_where_processes_serve_a_model_in_the_cache_can_serve(stored, capsys):
    available.check(stored)
    assert not capsys.readouterr().out


def test_a_model_that_is_in_no_cache_and_there_is_no_remote_is_gone(clone, stored):
    drop_cache(clone)
    with pytest.raises(LoopError, match=r"models/model\.skops of \w+ is gone"):
        available.check(stored)


@pytest.mark.parametrize("name", ["model.skops", "reference.json"])
@pytest.mark.parametrize("fault", ["is gone", "has other bytes in the cache"])
def test_whatever_a_server_needs_is_there_by_its_hash_before_anything_moves(clone, stored, name, fault):
    md5 = hashlib.md5((clone / "models" / name).read_bytes()).hexdigest()  # noqa: S324 - as DVC names it
    kept = clone / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    kept.chmod(0o600)
    kept.unlink()
    if fault != "is gone":
        kept.write_text("other bytes")
    with pytest.raises(LoopError, match=rf"version 1 cannot serve: models/{name} of \w+ {fault}"):
        available.check(stored)


def gone(clone, stored) -> str:
    """The version's commit is in no clone: main was written anew, and what nobody named was removed."""
    git("switch", "--quiet", "--orphan", "anew")
    git("commit", "--quiet", "--allow-empty", "-m", "anew")
    for ref in git("for-each-ref", "--format=%(refname)").split():
        if not ref.endswith("/anew"):
            git("update-ref", "-d", ref)
    git("reflog", "expire", "--expire=now", "--all")
    git("gc", "--quiet", "--prune=now")
    return f"version 1 cannot serve: commit {stored.commit[:12]} is gone"


@pytest.mark.parametrize("origin", ["has another history", "was taken away"])
def test_a_commit_that_is_in_no_clone_cannot_serve(clone, stored, origin):
    says = gone(clone, stored)
    if origin == "was taken away":
        git("remote", "remove", "origin")
    with pytest.raises(LoopError, match=says):
        available.check(stored)


def test_of_a_commit_that_an_origin_may_have_that_does_not_answer_it_cannot_be_told(clone, stored, capsys):
    gone(clone, stored)
    git("remote", "set-url", "origin", str(clone / "nowhere"))
    available.check(stored)
    assert "is unknown" in capsys.readouterr().out


def test_a_commit_of_which_a_file_cannot_be_read_cannot_serve(clone, stored):
    blob = git("rev-parse", f"{stored.commit}:models/lineage.json")
    (clone / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(LoopError, match=r"version 1 cannot serve: commit \w+ is damaged"):
        available.check(stored)


def test_an_object_of_git_with_other_bytes_is_not_taken_for_the_right_one(clone, stored):
    blob = git("rev-parse", f"{stored.commit}:models/lineage.json")
    file = clone / ".git/objects" / blob[:2] / blob[2:]
    file.chmod(0o600)
    file.write_bytes(zlib.compress(b"blob 2\0{}"))
    for use in (available.check, lambda one: version_home.bring(one, clone / ".deploy")):
        with pytest.raises(LoopError, match=rf"is damaged: hash mismatch {blob}"):
            use(stored)


@pytest.mark.parametrize(
    ("path", "text", "lacks"),
    [
        ("dvc.lock", "", "is no lock that DVC wrote"),
        ("dvc.lock", "stages: [1]\n", "is no lock that DVC wrote"),
        ("dvc.lock", "schema: '2.0'\nstages: {}\n", r"names no models/model\.skops"),
        ("models/lineage.json", "{", "does not name the model that was released"),
        ("models/lineage.json", '{"model": {"sha256": "0"}}', "does not name the model that was released"),
    ],
)
def test_a_commit_whose_record_names_no_such_model_cannot_serve(clone, stored, path, text, lacks):
    (clone / path).write_text(text)
    git("commit", "--quiet", "--all", "-m", "broken")
    with pytest.raises(LoopError, match=f"version 1 cannot serve: {path} of .* {lacks}"):
        available.check(stored.model_copy(update={"commit": git("rev-parse", "HEAD")}))


@pytest.mark.parametrize("here", [False, True])
def test_where_a_remote_does_not_answer_only_a_host_that_needs_it_now_stays_as_it_is(
    clone, stored, monkeypatch, capsys, here
):
    subprocess.run([DVC, "remote", "add", "--quiet", "-d", "r", "http://127.0.0.1:9/x"], check=True)
    drop_cache(clone)
    monkeypatch.setattr("loop.deploy.deploy.by_processes", lambda: here)
    if here:
        with pytest.raises(LoopError, match="version 1 cannot serve on this host: Cannot connect to host"):
            available.check(stored)
    else:
        available.check(stored)
        assert "is unknown: Cannot connect to host" in capsys.readouterr().out


def test_what_this_host_has_served_can_serve_again_without_a_cache(clone, stored):
    home = clone / ".deploy/versions/1/models"
    shutil.copytree(clone / "models", home)
    drop_cache(clone)
    available.check(stored)
    (home / "reference.json").write_text("other bytes")
    with pytest.raises(LoopError, match=r"reference\.json of \w+ is gone"):
        available.check(stored)


def test_on_a_runner_without_a_remote_it_cannot_be_told(clone, stored, monkeypatch, capsys):
    drop_cache(clone)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    available.check(stored)
    assert "a runner has no cache" in capsys.readouterr().out


@pytest.mark.parametrize("pushed", [True, False])
def test_a_remote_that_answers_decides(clone, stored, tmp_path, pushed):
    subprocess.run([DVC, "remote", "add", "--quiet", "-d", "r", str(tmp_path / "remote")], check=True)
    (tmp_path / "remote").mkdir()
    if pushed:
        subprocess.run([DVC, "push", "--quiet"], check=True)
    drop_cache(clone)
    if pushed:
        available.check(stored)
    else:
        with pytest.raises(LoopError, match="is gone"):
            available.check(stored)


def test_a_remote_that_does_not_answer_does_not_hinder(clone, stored, monkeypatch, capsys):
    monkeypatch.setattr(available, "_lacks", lambda _: available.threading.Event().wait(60))
    monkeypatch.setattr(available, "TIMEOUT_DVC", 0.2)
    available.check(stored)
    assert "no answer within 0.2 s" in capsys.readouterr().out


def manifests() -> list[str]:
    return git("ls-tree", "-r", "--name-only", "origin/production", "--", "kubernetes").split()


def settings_on_main(clone) -> str:
    """deploy/kubernetes.yaml is on main; the commit."""
    (clone / "deploy/kubernetes.yaml").write_text((ROOT / "deploy/kubernetes.yaml").read_text())
    git("add", "deploy/kubernetes.yaml")
    git("commit", "--quiet", "-m", "settings")
    git("push", "--quiet", "origin", "HEAD:main")
    return git("rev-parse", "HEAD")


def test_a_checkout_without_the_settings_of_main_takes_no_manifest_away(clone):
    settings_on_main(clone)
    (clone / "deploy/kubernetes.yaml").unlink()
    champion(1, 2)
    back()
    assert "kubernetes/models/model-v1.yaml" in manifests()


@pytest.mark.parametrize(
    "broken", ["deploy/kubernetes.yaml", "deploy/overlays/production/kustomization.yaml"]
)
def test_broken_settings_of_a_cluster_stop_no_rollback(clone, capsys, broken):
    sha = settings_on_main(clone)
    first = version(1, commit=sha)
    branch.change(
        lambda now: (transitions.enter(now.state, first, policy(), NOW), "Release 1", first), lambda _: {}
    )
    champion(2)
    (clone / broken).parent.mkdir(parents=True, exist_ok=True)
    (clone / broken).write_text("gateway: [")
    assert back().champion.version == 1
    assert "kubernetes/models/model-v1.yaml" in manifests()
    assert "of the champion's commit" in capsys.readouterr().out


def test_it_is_called_from_any_folder_of_the_clone(clone, monkeypatch):
    champion(1, 2)
    (clone / "below").mkdir()
    monkeypatch.chdir(clone / "below")
    assert rollback.main(None, "it hurts", LATER, commit=True, pull_request=False) == 0
    assert production.read("refs/remotes/origin/production").state.champion.version == 1


@pytest.mark.parametrize("answer", ["nothing in time", "an error"])
def test_a_push_that_arrived_without_an_answer_is_one_step_back_and_no_failure(monkeypatch, answer):
    champion(1, 2, 3)
    real = branch.to_remote

    def lost(*arguments, **how):
        done = real(*arguments, **how)
        if arguments[0] == "push" and answer == "an error":
            return Done(128, b"", "fatal: the remote end hung up unexpectedly")
        if arguments[0] == "push":
            raise LoopError("origin did not answer within 120 s", "", "run it again")
        return done

    monkeypatch.setattr(branch, "to_remote", lost)
    assert back().champion.version == 2
    assert branch.fetch().state.champion.version == 2
