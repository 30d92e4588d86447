"""A host brings about what production says: in order, all or nothing, and without a lost request."""

import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from loop.base.errors import LoopError
from loop.deploy import deploy, servers
from loop.deploy.nginx import Proxy
from loop.deploy.servers import Servers
from loop.production import branch, rollout_policy, transitions
from support import audit_site
from support.backends import Client, eventually, free_port
from support.states import NOW

pytestmark = [
    pytest.mark.slow,  # real servers behind a real nginx
    pytest.mark.skipif(not shutil.which("nginx"), reason="on Debian, apt install nginx-light"),
]


@pytest.fixture
def host(clone, monkeypatch):
    """A host on which the versions of a repository can be deployed; all is stopped at the end."""
    for name in [name for name in os.environ if name.startswith("LOOP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(servers, "READY", 120.0)
    audit_site.environment()
    yield Host(free_port())
    deploy.take_down(Servers(deploy.FOLDER), Proxy(deploy.FOLDER / "nginx"))


class Host:
    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def rules(self):
        return rollout_policy.read()

    def deploy(self, containers=False) -> int:
        return deploy.main(f"127.0.0.1:{self.port}", containers, None, False)

    def release(self, number: int, **more: str):
        made = audit_site.commit(number, **more)
        audit_site.released(made, self.rules)
        return made

    def release_at_once(self, made):
        straight = self.rules.model_copy(update={"stages": []})
        audit_site.released(made, straight)

    def advance(self):
        audit_site.transition(transitions.advance, self.rules, NOW)

    def servers(self):
        return {(one.version, one.role): one for one in Servers(deploy.FOLDER).running()}

    def answers(self, count=40):
        client = Client(self.port)
        asked = [client.ask(X_Entity=f"e{number}") for number in range(count)]
        assert {answer.status for answer in asked} == {200}
        return {json.loads(answer.body)["model"] for answer in asked}


@pytest.fixture
def load(host):
    """Requests without a pause by callers that keep their connections, from `start` to the end."""
    loads = []

    def start():
        loads.append(Load(host.port))
        return loads[-1]

    yield start
    for one in loads:
        one.stop()


class Load:
    def __init__(self, port: int) -> None:
        self.answers, self.failed, self.end = [], [], threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(port, one)) for one in range(3)]
        for thread in self._threads:
            thread.start()

    def _ask(self, port: int, caller: int) -> None:
        client, number = Client(port), 0
        while not self.end.wait(0.002):
            number += 1
            name = f"{caller}-{number}"
            try:
                answer = client.ask(X_Entity=f"e{number % 500}", X_Request_Id=name)
            except Exception as error:
                self.failed.append(repr(error))
                client = Client(port)
                continue
            if answer.status == 200:
                self.answers.append((name, answer.version, json.loads(answer.body)["model"]))
            else:
                self.failed.append(answer)

    def stop(self) -> None:
        self.end.set()
        for thread in self._threads:
            thread.join(20)


def test_a_version_goes_all_the_way_and_back_without_a_lost_request(host, load, capsys):
    first = host.release(1)
    assert host.deploy() == 0
    asking = load()
    second = host.release(2)
    roles = [set(host.servers())]
    assert host.deploy() == 0
    roles.append(set(host.servers()))
    for _ in range(3):
        host.advance()
        assert host.deploy() == 0
        roles.append(set(host.servers()))
    audit_site.transition(transitions.back, first, "it is worse", audit_site.LATER)
    assert host.deploy() == 0
    roles.append(set(host.servers()))
    assert host.answers() == {"model 1"}
    asking.stop()
    assert not asking.failed
    assert roles == [
        {(1, "champion")},
        {(1, "champion"), (2, "shadow")},
        {(1, "champion"), (2, "challenger")},
        {(1, "champion"), (2, "challenger")},
        {(2, "champion")},
        {(1, "champion")},
    ]
    assert {(version, model) for _, version, model in asking.answers} == {("1", "model 1"), ("2", "model 2")}
    on_record = {(name, model): role for name, role, model in audit_site.logged()}
    for name, _, model in asking.answers:
        assert on_record[name, model] in ("champion", "challenger")
    assert {(role, model) for _, role, model in audit_site.logged()} == {
        ("champion", "model 1"),
        ("shadow", "model 2"),
        ("challenger", "model 2"),
        ("champion", "model 2"),
    }
    assert second.commit[:12] in capsys.readouterr().out


def test_twice_the_same_changes_nothing_and_says_what_serves(host, capsys):
    host.release(1)
    host.release(2)
    host.advance()
    host.deploy()
    before = host.servers(), set(Proxy(deploy.FOLDER / "nginx").process().children())
    output = capsys.readouterr().out
    assert "champion    95 %" in output
    assert "challenger   5 %" in output
    assert host.deploy() == 0
    assert (host.servers(), set(Proxy(deploy.FOLDER / "nginx").process().children())) == before
    assert capsys.readouterr().out == output


def test_where_it_listens_is_remembered(host, capsys):
    host.release(1)
    host.deploy()
    assert deploy.main(None, None, None, False) == 0
    assert host.answers() == {"model 1"}


@pytest.mark.parametrize("fault", ["fails", "hangs", "no-source"])
def test_a_challenger_that_cannot_be_started_leaves_the_champion_alone(host, fault, capsys, monkeypatch):
    host.release(1)
    host.deploy()
    monkeypatch.setattr(servers, "READY", 15.0)
    champion = host.servers()[1, "champion"]
    Path("data/online/filled").unlink()
    host.release(2, **{fault: ""})
    host.advance()
    assert host.deploy() == 1
    output = capsys.readouterr()
    assert "version 2" in output.err
    assert {"fails": "this version cannot be loaded", "hangs": "not ready", "no-source": "broken"}[
        fault
    ] in output.err
    assert "100 %" in output.out
    assert host.servers() == {(1, "champion"): champion}
    assert host.answers(100) == {"model 1"}


def test_a_champion_that_cannot_be_started_leaves_all_as_it_was(host):
    host.release(1)
    broken = audit_site.commit(2, fails="")
    host.deploy()
    before, config = host.servers(), Proxy(deploy.FOLDER / "nginx").config()
    host.release_at_once(broken)
    with pytest.raises(LoopError, match="ended as it started") as raised:
        host.deploy()
    assert "this version cannot be loaded" in raised.value.found
    assert (host.servers(), Proxy(deploy.FOLDER / "nginx").config()) == (before, config)
    assert host.answers() == {"model 1"}


def test_a_configuration_that_does_not_parse_leaves_all_as_it_was(host):
    host.release(1)
    host.deploy()
    before = host.servers()
    host.release(2)
    with pytest.raises(LoopError, match="nginx does not take"):
        deploy.main("no.such.host.invalid:80", False, None, False)
    assert host.servers() == before
    assert host.answers() == {"model 1"}
    assert deploy.Options.given(None, None).listen == f"127.0.0.1:{host.port}"


def test_a_server_that_died_is_started_again_and_one_that_took_its_id_is_not_touched(host):
    host.release(1)
    host.deploy()
    server = host.servers()[1, "champion"]
    server.process.stop(0)
    host.deploy()
    assert host.servers()[1, "champion"].process != server.process
    assert host.answers() == {"model 1"}
    (record,) = Path(".deploy/servers").glob("*.json")
    values = json.loads(record.read_text())
    us = {**values, "process": {"pid": os.getpid(), "started": values["process"]["started"]}}
    record.with_name("1-champion-1.json").write_text(json.dumps({**us, "port": 1}))
    assert len(host.servers()) == 1  # we are still here


def test_a_server_that_hangs_is_replaced(host, monkeypatch):
    monkeypatch.setattr(servers, "PATIENCE", 5.0)
    monkeypatch.setattr(servers, "STOP", 0.5)
    host.release(1)
    host.deploy()
    hung = host.servers()[1, "champion"].process
    hung.send(signal.SIGSTOP)
    assert host.deploy() == 0
    assert host.servers()[1, "champion"].process != hung
    assert not hung.alive()
    assert host.answers() == {"model 1"}


def test_a_champion_that_a_killed_deploy_left_unready_takes_over_from_nobody(host, monkeypatch):
    monkeypatch.setattr(servers, "PATIENCE", 5.0)
    host.release(1)
    hangs = audit_site.commit(2, hangs="")
    host.deploy()
    monkeypatch.setattr(servers, "READY", 15.0)
    host.release_at_once(hangs)
    Servers(deploy.FOLDER).start(branch.fetch().state.champion, "champion", containers=False)
    with pytest.raises(LoopError, match="is not ready"):
        host.deploy()
    assert host.answers() == {"model 1"}


def test_workers_that_end_as_they_start_are_not_waited_for(host):
    host.release(1)
    host.deploy()
    host.release(2, falls="")
    began = time.monotonic()
    assert host.deploy() == 1
    assert time.monotonic() - began < servers.READY
    assert set(host.servers()) == {(1, "champion")}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="what a killed process leaves is told by /proc")
def test_what_a_killed_server_leaves_ends_when_another_serves(host):
    host.release(1, leads="")
    host.deploy()
    server = host.servers()[1, "champion"].process
    (worker,) = server.children()
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: not server.alive())
    assert worker.alive()
    assert host.deploy() == 0
    assert not worker.alive()
    assert host.answers() == {"model 1"}


def test_a_server_that_is_killed_while_it_is_asked_does_not_answer(host, monkeypatch):
    host.release(1, leads="")
    host.deploy()
    server = host.servers()[1, "champion"]

    def killed(*_):
        os.kill(server.process.pid, signal.SIGKILL)
        assert eventually(lambda: not server.alive())

    monkeypatch.setattr(Servers, "_check", killed)
    assert not Servers(deploy.FOLDER).answers(server, branch.serving().state.models[0])


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="what a killed process leaves is told by /proc")
@pytest.mark.parametrize("down", [True, False])
def test_workers_of_a_killed_nginx_hold_neither_the_port_nor_production(host, down):
    host.release(1)
    host.deploy()
    master = Proxy(deploy.FOLDER / "nginx").process()
    workers = master.children()
    os.kill(master.pid, signal.SIGKILL)
    assert eventually(lambda: not master.alive())
    assert deploy.main(None, None, None, down) == 0
    assert eventually(lambda: not [one for one in workers if one.alive()])
    if not down:
        assert host.answers() == {"model 1"}


def test_a_record_that_a_power_cut_left_empty_is_passed_over(host):
    host.release(1)
    Path(".deploy/servers").mkdir(parents=True)
    Path(".deploy/servers/1-champion-20100.json").touch()
    assert host.deploy() == 0
    assert host.answers() == {"model 1"}


def test_a_server_whose_record_cannot_be_written_does_not_run_on(host, monkeypatch):
    host.release(1)
    started = []

    def full(path, value):
        started.append(value["process"]["pid"])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(servers, "write_json", full)
    with pytest.raises(OSError, match="No space left"):
        host.deploy()
    assert not [pid for pid in started if servers.Process.of(pid).started]


def test_an_environment_that_is_gone_is_made_again(host):
    host.release(1)
    shutil.rmtree(".deploy/environments")
    with pytest.raises(LoopError, match=r"the environment of .*versions/1 cannot be made"):  # it was tried
        host.deploy()


def test_a_port_that_another_has_is_reported_as_such(host):
    host.release(1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", host.port))
        taken.listen()
        with pytest.raises(LoopError, match="nginx cannot listen"):
            host.deploy()


def test_a_model_with_another_hash_than_was_released_does_not_serve(host):
    made = audit_site.commit(1)
    audit_site.released(made.model_copy(update={"model": "0" * 64}), host.rules)
    with pytest.raises(LoopError, match=r"the model of version 1, .* has sha256"):
        host.deploy()
    assert not host.servers()


def test_a_worktree_that_somebody_edited_is_made_again(host):
    host.release(1)
    host.deploy()
    deploy.main(None, None, None, True)
    Path(".deploy/versions/1/models/model.skops").write_text("mine")
    assert host.deploy() == 0
    assert host.answers() == {"model 1"}


def test_the_feature_store_is_filled_once(host):
    host.release(1)
    host.release(2)
    host.deploy()
    host.deploy()
    assert Path("data/online/filled").read_text() == "x"


def test_servers_get_their_role_commit_and_the_places_of_the_host(host, monkeypatch, tmp_path):
    secret = tmp_path / "token"
    secret.write_text("correct-horse-battery-staple")
    monkeypatch.setenv("LOOP_TOKEN_FILE", os.path.relpath(secret))
    made = host.release(1)
    host.deploy()
    report = json.loads(Client(host.port).ask().body)["settings"]
    assert report == {
        "LOOP_ROLE": "champion",
        "LOOP_COMMIT": made.commit,
        "LOOP_PREDICTIONS": str(Path("data/predictions").absolute()),
        "LOOP_FEATURES": str(Path("data/online").absolute()),
        "LOOP_TOKEN_FILE": str(secret),
    }


def test_a_request_that_takes_long_gets_its_answer_when_its_server_is_replaced(host):
    first = host.release(1)
    host.release(2)
    host.deploy()
    slow = []
    asking = threading.Thread(target=lambda: slow.append(Client(host.port).ask("/slow")))
    asking.start()
    for _ in range(3):
        host.advance()
    host.deploy()
    asking.join(20)
    assert [(answer.status, answer.version) for answer in slow] == [(200, "1")]
    assert set(host.servers()) == {(2, "champion")}
    assert first.version == 1


def test_down_stops_all_that_was_started(host, capsys):
    host.release(1)
    host.deploy()
    family = Proxy(deploy.FOLDER / "nginx").process().family()
    family += [one.process for one in host.servers().values()]
    assert deploy.main(None, None, None, True) == 0
    assert eventually(lambda: not [one for one in family if one.alive()])
    assert deploy.main(None, None, None, True) == 0


def test_two_deploys_are_not_at_work_at_once(host):
    host.release(1)
    deploy.FOLDER.mkdir(exist_ok=True)
    with (deploy.FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LoopError, match="another deploy is at work"):
            host.deploy()
    assert not host.servers()


def test_before_the_first_release_it_says_what_is_missing(host):
    audit_site.commit(1)
    with pytest.raises(LoopError, match="nothing was released yet"):
        host.deploy()


def test_versions_used_last_keep_their_worktrees(host, monkeypatch):
    monkeypatch.setattr(deploy.version_home, "KEPT", 2)
    for number in (1, 2, 3):
        host.release(number)
        while host.servers().get((number, "champion")) is None:
            if number > 1:
                host.advance()
            host.deploy()
    assert {path.name for path in Path(".deploy/versions").iterdir()} == {"2", "3"}


DOCKER = """#!{python}
import json, os, pathlib, signal, subprocess, sys
state = pathlib.Path({state!r})
with (state / "calls").open("a") as calls:
    told = {{name: value for name, value in os.environ.items() if name.startswith("LOOP_")}}
    print(json.dumps([sys.argv[1:], told]), file=calls)
command, last = sys.argv[1], sys.argv[-1]
if command == "run":
    if "gone" in last:
        sys.exit("docker: manifest unknown")
    (port,) = [a.split(":")[1] for a in sys.argv if a.startswith("--publish=")]
    volumes = [a.removeprefix("--volume=").split(":") for a in sys.argv if a.startswith("--volume=")]
    volumes = {{inside: outside for outside, inside, *_ in volumes}}
    env = os.environ | {{"LOOP_PREDICTIONS": volumes["/var/lib/loop/predictions"], "PYTHONPATH": "src"}}
    home = next(pathlib.Path(".deploy/versions").glob("*"))
    with open(os.devnull, "w") as nothing:
        made = subprocess.Popen([sys.executable, "-m", "bentoml", "--port", port], cwd=home, env=env,
                                stdout=nothing, stderr=nothing, start_new_session=True)
    print(f"c{{made.pid}}")
elif command == "inspect":
    print("true" if pathlib.Path("/proc", last[1:], "cwd").exists() else "false")
elif command == "stop":
    os.kill(int(last[1:]), signal.SIGTERM)
"""


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A double of docker, which runs the light server; what it was called with, and with which variables."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/docker"
    program.write_text(DOCKER.format(python=os.path.realpath(shutil.which("python3")), state=str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return lambda: [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]


def image(made, name="ghcr.io/team/model"):
    return made.model_copy(update={"image": f"{name}@sha256:{'a' * 64}"})


def test_containers_run_the_image_by_its_digest_without_rights_and_on_loopback_alone(
    host, docker, monkeypatch
):
    monkeypatch.setenv("LOOP_TOKEN", "correct-horse-battery-staple")
    made = image(audit_site.commit(1))
    audit_site.released(made, host.rules)
    assert host.deploy(containers=True) == 0
    assert host.answers() == {"model 1"}
    ((run, report),) = [call for call in docker() if call[0][0] == "run"]
    assert run[-1] == made.image
    assert {"--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"} <= set(run)
    assert [part for part in run if part.startswith("--publish=127.0.0.1:")]
    assert "correct-horse" not in " ".join(run)
    assert {"--env=LOOP_TOKEN", "--env=LOOP_ROLE", "--env=LOOP_COMMIT"} <= set(run)
    assert (report["LOOP_ROLE"], report["LOOP_TOKEN"]) == ("champion", "correct-horse-battery-staple")
    assert host.deploy(containers=True) == 0
    assert len([call for call in docker() if call[0][0] == "run"]) == 1
    deploy.main(None, None, None, True)
    assert not host.servers()


def test_from_processes_to_containers_no_request_is_lost(host, docker, load):
    audit_site.released(image(audit_site.commit(1)), host.rules)
    host.deploy()
    asking = load()
    assert host.deploy(containers=True) == 0
    asking.stop()
    assert asking.answers
    assert not asking.failed
    assert [one.container is not None for one in host.servers().values()] == [True]


@pytest.mark.parametrize("fault", ["none", "gone"])
def test_without_its_image_a_champion_leaves_all_as_it_was(host, docker, fault):
    made = audit_site.commit(1)
    audit_site.released(made if fault == "none" else image(made, "ghcr.io/team/gone"), host.rules)
    host.deploy(containers=False)
    with pytest.raises(LoopError, match={"none": "without an image", "gone": "manifest unknown"}[fault]):
        host.deploy(containers=True)
    assert host.answers() == {"model 1"}
