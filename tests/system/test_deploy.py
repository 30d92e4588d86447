"""One host, real models: a version takes over step by step and is taken back, while requests flow."""

import http.client
import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from conftest import ROOT, Repo, commands_in, copy
from loop.production import branch, rollout_policy, transitions
from loop.production.state import State
from support.backends import free_port
from support.states import NOW

ROLLBACK = 60.0  # seconds
CALLERS, PAUSE = 3, 0.05
EXAMPLE = "import json; from problem import schema; print(json.dumps(schema.REQUEST_EXAMPLES[0]))"


class Load:
    """Callers that keep their connections and ask all the while: what each got, and what went wrong."""

    def __init__(self, port: int, body: str) -> None:
        self._body = body
        self.answers: list[tuple[str, str, str, float]] = []  # id, version by the proxy, by the model, when
        self.failed: list[str] = []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(port, one)) for one in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, port: int, caller: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        number = 0
        while not self._end.wait(PAUSE):
            number += 1
            name = f"{caller}-{number}"
            headers = {
                "Content-Type": "application/json",
                "X-Entity": f"e{number % 300}",
                "X-Request-Id": name,
            }
            try:
                connection.request("POST", "/predict", self._body, headers)
                answer = connection.getresponse()
                output = json.loads(answer.read())
                by = answer.getheader("X-Model-Version")
                assert (answer.status, output["request_id"]) == (200, name), output
                self.answers.append((name, by, output["model_version"], time.monotonic()))
            except Exception as error:
                self.failed.append(f"{name}: {error!r}")
                connection.close()

    def stop(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(30)


@pytest.fixture(scope="module")
def host(small_home: Repo, small_changed: Repo, tmp_path_factory) -> Repo:
    """A clone that knows both versions, and has both models in its cache."""
    if not shutil.which("nginx"):
        pytest.skip("no nginx: on Debian, apt install nginx-light")
    path = tmp_path_factory.mktemp("host") / "repo"
    repo = copy(small_home, path)
    repo.run("cp", "--recursive", "--no-clobber", str(small_changed.path / ".dvc/cache"), ".dvc")
    repo.commit()
    repo.git("fetch", "--quiet", str(small_changed.path), "change:change")
    return repo


@pytest.fixture
def person(host, monkeypatch) -> str:
    """Somebody at work on the host, with a name and the key of its log; their PATH, with nginx's tools."""
    monkeypatch.chdir(host.path)
    for role in ("COMMITTER", "AUTHOR"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "t")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "t@t")
    key = host.path.parent / "key"  # its patients are hashed in the prediction log
    key.write_text("1f" * 32)
    monkeypatch.setenv("LOOP_PERSONAL_KEY_FILE", str(key))
    return f"{ROOT / '.tools/bin'}{os.pathsep}{host.environment()['PATH']}"


def propose_and_merge(repo: Repo) -> None:
    """The change as a branch that the review lets pass, merged into main."""
    repo.git("switch", "--quiet", "change")
    repo.run("dvc", "checkout", "--force")
    repo.run("loop", "review")
    repo.git("switch", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-edit", "change")


def moved(how, *more) -> State:
    return branch.change(lambda now: (how(now.state, *more), how.__name__, None), lambda _: {}).state


def test_a_model_takes_over_and_is_taken_back_while_requests_flow(host, person):
    rules, port = rollout_policy.read(), free_port()
    body = host.run("python", "-c", EXAMPLE).stdout

    def deploy(*options: str) -> str:
        return host.run("loop", "deploy", "--listen", f"127.0.0.1:{port}", *options, PATH=person).stdout

    load, seen = None, []
    try:
        host.run("loop", "release", "record", PATH=person)
        deploy()
        load = Load(port, body)
        propose_and_merge(host)
        host.run("loop", "release", "record", PATH=person)
        first, second = (branch.fetch().version(number) for number in (1, 2))
        assert first.model != second.model
        seen.append(deploy())
        for _ in range(3):
            moved(transitions.advance, rules, NOW)
            seen.append(deploy())
        before = time.monotonic()
        host.run("loop", "rollback", "--reason", "it is worse", "--no-pull-request", PATH=person)
        seen.append(deploy())
        back = time.monotonic()
        time.sleep(1)
        load.stop()
        assert not load.failed
        assert back - before < ROLLBACK
        assert {by for _, by, _, at in load.answers if at > back} == {"1"}
    finally:
        if load:
            load.stop()
        deploy("--down")
    assert not [command for command in commands_in(host.path) if "bentoml" in command or "nginx" in command]
    assert ["shadow" in output for output in seen] == [True, False, False, False, False]
    assert ["challenger" in output for output in seen] == [False, True, True, False, False]
    models = {"1": first.model[:12], "2": second.model[:12]}
    assert {(by, model) for _, by, model, _ in load.answers} == set(models.items())
    attributed(load, models, host.path / "data/predictions/log")
    print(f"rollback {back - before:.1f} s, {len(load.answers)} answers")


def attributed(load: Load, models: dict[str, str], log: Path) -> None:
    """Every answer is on record as that of its model; shadows are of requests that the champion answered."""
    rows: dict[tuple[str, str], set[str]] = {}
    for segment in log.iterdir():
        head, *lines = map(json.loads, segment.read_text().splitlines())
        for line in lines:
            rows.setdefault((line["id"], head["version"]), set()).add(head["role"])
    roles = {role for some in rows.values() for role in some}
    assert roles == {"champion", "challenger", "shadow"}
    for name, by, model, _ in load.answers:
        answered = rows[name, model] - {"shadow"}
        assert answered, f"{name} by {by} is not on record"
        assert by == "2" or answered == {"champion"}
    shadows = {name for (name, model), some in rows.items() if "shadow" in some}
    assert shadows
    assert all("champion" in rows.get((name, models["1"]), set()) for name in shadows)
