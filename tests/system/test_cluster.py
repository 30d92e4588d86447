"""A whole rollout on a real node of Kubernetes, behind Envoy, with the real image of the small problem.

The commands are those of docs/kubernetes.md, on a branch `production` as transitions make it. A client asks
all the time and counts; faults are made under it. The node enforces the Pod Security Standard `restricted`,
and no NetworkPolicy.
"""

import json
import re
import shutil
import socket
import subprocess
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import redis
from scipy.stats import binom

from conftest import ROOT, Repo, copy
from loop.base.files import write_text
from loop.deploy import cluster_settings, kubernetes, overlay
from loop.deploy.cluster_settings import SETTINGS, Settings
from loop.deploy.fallback import Limits
from loop.production import branch, transitions
from loop.production.state import EMPTY, State, Version
from support import bare_api, disturber, git_server, gitops_agent
from support.cluster import GATE, Client, Cluster, ask
from support.containers import Engine, Registry, make_bases, push
from support.states import NOW, policy, serving, version

STAGES = policy(("shadow", 0, True), ("canary-20", 20, False)).model_copy(
    update={"timeout_ms": 2000}  # a pod that is gone answers nothing: less than a client waits
)
USER = 1034  # of the image
PAGE = (ROOT / "docs/kubernetes.md").read_text()
DISK = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: predictions}}
spec:
  capacity: {{storage: 10Gi}}
  accessModes: [ReadWriteMany]
  hostPath: {{path: {folder}}}
  storageClassName: shared
  persistentVolumeReclaimPolicy: Retain
"""
KILL = """
import os, pathlib, signal
for one in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        held = (one / "environ").read_bytes().split(bytes(1))
    except OSError:
        continue
    if b"HOSTNAME=POD" in held and int(one.name) != os.getpid():
        os.kill(int(one.name), signal.SIGKILL)
        print("killed", one.name)
"""


@dataclass
class World:
    """A namespace with what models need, two versions by their digests, and how to bring a state about."""

    cluster: Cluster
    folder: Path
    settings: Settings
    first: Version
    second: Version
    body: str

    @property
    def serving(self) -> State:
        """The first version alone."""
        return transitions.enter(EMPTY, self.first, STAGES, NOW)

    def commit(self, state: State, spare: Version | None = None, **changed: Any) -> str:
        """A state on `production`, as a transition commits it; the commit's hash."""
        origin = Repo(self.folder / "origin")
        shutil.rmtree(origin.path / kubernetes.FOLDER, ignore_errors=True)
        settings, limits = self.settings.model_copy(update=changed), Limits(STAGES.timeout_ms, body_kb=1024)
        for path, text in kubernetes.files(state, settings, spare, limits=limits).items():
            write_text(origin.path / path, text)
        return origin.commit()

    def bring(self, state: State, spare: Version | None = None, **changed: Any) -> None:
        """A transition, brought about by the commands of the page."""
        self.commit(state, spare, **changed)
        self.shell(MOVE)

    def shell(self, commands: str, *, check: bool = True) -> str:
        """Commands of the page, in a clone; what they print."""
        return self.cluster.shell(commands, self.folder / "clone", check=check)

    def pods(self, name: str) -> list[dict[str, Any]]:
        """The pods of an instance that are not going."""
        found = self.cluster.get("pods", f"--selector=app.kubernetes.io/instance={name}")["items"]
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    def client(self) -> Client:
        """Somebody who asks through Envoy."""
        return Client(self.cluster.gateway(), self.body)

    def log(self, what: str) -> str:
        """What Python prints in a pod of the champion, with the prediction log's lines as `lines`."""
        code = f"""
import json, pathlib
files = sorted(pathlib.Path("/var/lib/loop/predictions/log").iterdir())
lines = [[json.loads(line) for line in one.read_text().splitlines()] for one in files]
print({what})
"""
        return self.cluster.kubectl("exec", "deployment/model-v1", "--", "python", "-c", code).strip()


def blocks(kind: str) -> list[str]:
    """The pieces of docs/kubernetes.md in a language."""
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


FIRST, MOVE = (one for one in blocks("sh") if "kubectl apply -k kubernetes/models" in one)
SECRET, AT_ONCE = (
    re.sub("^loop .*\n", "", one, flags=re.MULTILINE).replace("v7", "v1")
    for one in blocks("sh")
    if "jobs.env" in one or "cronjob/" in one
)
SECOND = ("get", "deployment", "model-v2", "--ignore-not-found", "--output=name")
MODELS = ("pods", "--selector=app.kubernetes.io/name=model")
(PLACE,) = (one for one in blocks("yaml") if "PersistentVolumeClaim" in one)
AGENT = textwrap.dedent(
    re.findall(r"```yaml\n(.*?GitRepository.*?)```", PAGE, re.DOTALL)[0].rpartition("```yaml\n")[2]
)


class Shared(SimpleHTTPRequestHandler):
    """Git's files and DVC's, as pods fetch them."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def remote(cluster, small_home, tmp_path_factory) -> Iterator[tuple[Path, str]]:
    """A folder that pods read, and its URL; DVC's remote of the small problem is in it."""
    folder = tmp_path_factory.mktemp("remote")
    (folder / "store").symlink_to(small_home.path / ".dvc/cache")
    with ThreadingHTTPServer((GATE, 0), partial(Shared, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://{GATE}:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def repos(small_home, small_changed, remote, tmp_path_factory) -> list[Repo]:
    """The repositories of two versions, the second a child of the first, with DVC's remote on main."""
    first = copy(small_home, tmp_path_factory.mktemp("image") / "repo")
    first.append(".dvc/config", f"    remote = shared\n['remote \"shared\"']\n    url = {remote[1]}/store\n")
    first.commit()
    second = copy(small_changed, tmp_path_factory.mktemp("image") / "repo")
    origin = str(remote[0] / "origin.git")
    first.git("clone", "--quiet", "--bare", str(first.path), origin)
    second.git("push", "--quiet", origin, "HEAD:refs/heads/change")
    return [first, second]


@pytest.fixture(scope="module")
def registry(engine) -> Iterator[Registry]:
    """A registry on loopback, for the node."""
    registry = Registry(engine.folder / "registry of the cluster")
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def images(engine, repos, registry) -> list[Version]:
    """Two versions, whose images are in the registry."""
    make_bases(engine)
    # One after the other: two builds that share a step may wait for each other for ever in BuildKit.
    return [released(engine, repo, number, registry) for number, repo in enumerate(repos, 1)]


def released(engine: Engine, repo: Repo, number: int, registry: Registry) -> Version:
    """A version of a repository's model, with its image."""
    sha256 = json.loads(repo.text("models/lineage.json"))["model"]["sha256"]
    image = pushed(engine, repo, f"127.0.0.1:{registry.port}/team/model:{number}")
    return version(number, commit=repo.git("rev-parse", "HEAD"), model=sha256, image=image)


def pushed(engine: Engine, repo: Repo, tag: str, *more: str) -> str:
    """An image by its digest, as `loop image` names it in a workflow."""
    output = engine.folder / re.sub(r"\W", " ", tag)
    done = push(engine, repo, tag, output, *more)
    assert done.returncode == 0, done.stderr
    told = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return f"{told['name']}@{told['digest']}"


@pytest.fixture(scope="module")
def store(cluster, small_home) -> Iterator[str]:
    """A Redis that pods reach, with the features of the small problem."""
    with socket.socket() as free:
        free.bind((GATE, 0))
        port = free.getsockname()[1]
    options = ("--bind", GATE, "--port", str(port), "--save", "", "--protected-mode", "no")
    process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    try:
        cluster.until("Redis answers", lambda: listens(port))
        url = f"redis://{GATE}:{port}/0"
        small_home.run("loop", "materialize", LOOP_FEATURES=url)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def listens(port: int) -> bool:
    """Whether somebody takes connections where pods find them."""
    with socket.socket() as probe:
        return probe.connect_ex((GATE, port)) == 0


@pytest.fixture(scope="module")
def world(cluster, images, store, small_home, tmp_path_factory) -> Iterator[World]:
    """The first version serves, from an empty namespace on."""
    first, second = images
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "predictions").mkdir()
    (folder / "predictions").chmod(0o777)  # the node's user writes there
    settings = cluster_settings.read(small_home.path / SETTINGS)
    port = int(store.rpartition(":")[2].partition("/")[0])
    small = {"cpu": "50m", "memory": "256Mi"}  # this machine is the tests' too
    changed = {
        "requests": small,
        "redis_port": port,
        "entity_header": "X-Entity",
        "fallback": cluster.fallback,
        "personal_key": True,
    }
    code = "import json; from problem import schema; print(json.dumps(schema.REQUEST_EXAMPLES[0]))"
    body = small_home.run("python", "-c", code).stdout.strip()
    world = World(cluster, folder, settings.model_copy(update=changed), first, second, body)
    make_clone(folder, store)
    cluster.kubectl("apply", "-f", "-", given=DISK.format(folder=folder / "predictions"))
    try:
        world.commit(world.serving)
        began = time.monotonic()
        world.shell(FIRST)
        cluster.until("an answer through Envoy", lambda: answered(cluster.gateway(), body))
        print(f"from an empty cluster to the first answer: {time.monotonic() - began:.1f} s")
        cluster.until("two pods", lambda: len(ready(world, "model-v1")) == 2)
        yield world
    finally:
        cluster.kubectl("delete", "pods", "--all", "--force", "--grace-period=0")
        cluster.kubectl("delete", "namespace/models", "persistentvolume/predictions", "--ignore-not-found")


def make_clone(folder: Path, store: str) -> None:
    """A repository with the branch `production`, and a clone with what the page says to have there."""
    origin = Repo(folder / "origin")
    origin.path.mkdir()
    origin.git("init", "--quiet", "--initial-branch=production")
    origin.commit()
    origin.git("clone", "--quiet", str(origin.path), str(folder / "clone"))
    for name, text in (("url.txt", store), ("key.txt", "k" * 32), ("place.yaml", PLACE)):
        (folder / "clone" / name).write_text(text)


def answered(host: str, body: str) -> bool:
    """Whether somebody answers a request."""
    try:
        return bool(ask(host, body, "somebody"))
    except (OSError, AssertionError):
        return False


def ready(world: World, name: str) -> list[str]:
    """The names of an instance's pods that are ready."""
    return [
        pod["metadata"]["name"]
        for pod in world.pods(name)
        for condition in pod["status"].get("conditions", [])
        if condition["type"] == "Ready" and condition["status"] == "True"
    ]


def within(part: int, whole: int, share: float) -> bool:
    """Whether a share of answers is one that chance alone may bring about, but once in 100,000 times."""
    low, high = binom.interval(1 - 1e-5, whole, share)
    return bool(low <= part <= high)


def lost(client: Client) -> list[tuple[float, str, float]]:
    """What failed, but for the few requests that Envoy Gateway 1.9 costs as a backend leaves the route.

    It drops the backend some milliseconds before the weights that name it: a request of each who asks.
    """
    dropped = [one for one in client.failures if "500 b''" in one[1]]
    others = [one for one in client.failures if one not in dropped]
    return others if len(dropped) <= client.askers else client.failures


def test_the_page_takes_ten_commands_to_a_model_that_answers(world):
    assert len(FIRST.splitlines()) <= 10
    assert ask(world.cluster.gateway(), world.body, "somebody") == world.first.model[:12]


def test_a_rollout_goes_through_its_stages_and_back_and_loses_no_request_to_a_pod(world):
    one, two = (item.model[:12] for item in (world.first, world.second))
    with world.client() as client:
        shadow = transitions.enter(world.serving, world.second, STAGES, NOW)
        world.bring(shadow)
        client.more(300)
        assert set(client.models()) == {one}

        canary = transitions.advance(shadow, STAGES, NOW)
        world.bring(canary)
        client.more(20)
        since = time.monotonic()
        client.more(1000)
        found = client.models(since)
        assert within(found[two], found.total(), 0.2), found
        entities = [f"one-{number}" for number in range(40)]
        asked = [[ask(world.cluster.gateway(), world.body, name) for name in entities] for _ in range(3)]
        assert asked[0] == asked[1] == asked[2]
        assert set(asked[0]) == {one, two}

        world.cluster.kubectl("scale", "deployment/model-v2", "--replicas=0")
        world.cluster.until("the challenger's pods are gone", lambda: not of_any(world, "model-v2"))
        since, before = time.monotonic(), fallbacks(world)
        client.more(200)
        assert set(client.models(since)) == {one}
        assert fallbacks(world) > before
        world.cluster.kubectl("scale", "deployment/model-v2", "--replicas=2")

        champion = transitions.advance(canary, STAGES, NOW)
        world.bring(champion, world.first)
        client.more(20)
        since = time.monotonic()
        client.more(200)
        assert set(client.models(since)) == {two}

        since = time.monotonic()
        world.bring(transitions.back(champion, world.first, "it errs", NOW))
        client.more(20)
        last = max(at for at, model, _ in client.answers if model == two)
        assert last - since < 60
        assert set(client.models(time.monotonic() - 0.1)) <= {one}
    print(f"{len(client.answers)} answers, failures: {client.failures}")
    assert lost(client) == []
    world.cluster.until("the second version is gone", lambda: not world.pods("model-v2"))
    roles = json.loads(world.log("json.dumps(sorted({one[0]['role'] for one in lines if one}))"))
    assert roles == ["challenger", "champion", "shadow"]
    told = world.log(
        "sum(len(line.get('scores', [])) for one in lines if one[0]['role'] != 'shadow' for line in one)"
    )
    assert int(told) >= len(client.answers)


def of_any(world: World, name: str) -> str:
    """The pods of an instance, those that are going too."""
    return world.cluster.kubectl(
        "get", "pods", f"--selector=app.kubernetes.io/instance={name}", "--output=name"
    )


def fallbacks(world: World) -> float:
    """How many requests the champion's pods say that they answered for a challenger."""
    place = "/api/v1/namespaces/models/pods/{}:3000/proxy/metrics"
    texts = [world.cluster.kubectl("get", "--raw", place.format(pod)) for pod in ready(world, "model-v1")]
    return sum(
        float(one) for text in texts for one in re.findall(r"^loop_fallbacks_total\S* (\S+)$", text, re.M)
    )


def in_shadow(world: World, origin: Path, clone: Path) -> Repo:
    """A clone of the repository, on whose branch `production` the second version is a shadow."""
    Repo(origin).git("clone", "--quiet", str(origin), str(clone))
    people = Repo(clone)
    people.git("push", "--quiet", "origin", "HEAD:production")
    with chdir(clone):
        for one in (world.first, world.second):
            branch.change(
                lambda now, one=one: (transitions.enter(now.state, one, STAGES, NOW), "Release", one),
                lambda _: {},
            )
    Repo(origin).git("update-server-info")  # pods read it as files
    return people


def start(world: World, name: str, *more: str) -> None:
    """A schedule's job at once, with options for its command: the small problem is of 2020."""
    made = ("create", "job", name, f"--from=cronjob/{name}", "--dry-run=client", "--output=json")
    job = json.loads(world.cluster.kubectl(*made))
    job["spec"]["template"]["spec"]["containers"][0]["args"] += more
    world.cluster.kubectl("create", "-f", "-", given=json.dumps(job))


def ended(world: World, name: str) -> str:
    """What `kubectl get jobs` shows of a job that ended."""
    show = ("get", "job", name, "--no-headers")
    return str(world.cluster.until(f"{name} ends", lambda: over(world.cluster.kubectl(*show)), 900))


def over(line: str) -> str:
    """The line of a job, if it does not run."""
    return "" if "Running" in line else line


def test_jobs_fill_collect_and_monitor_and_evidence_is_read_of_pods_that_are_gone(
    world, engine, repos, registry, store, remote, tmp_path
):
    people = in_shadow(world, remote[0] / "origin.git", tmp_path / "people")
    image = pushed(engine, repos[0], f"127.0.0.1:{registry.port}/team/jobs:1", "--jobs")
    small = {"requests": {"cpu": "50m", "memory": "256Mi"}, "image": image}
    kubectl = world.cluster.kubectl
    with world.client() as client:
        world.bring(transitions.enter(world.serving, world.second, STAGES, NOW))
        client.more(50)
        world.bring(world.serving, jobs=world.settings.jobs.model_copy(update=small))
    kubectl("rollout", "restart", "deployment/model-v1")
    with redis.Redis.from_url(store) as features:
        features.flushall()
        (world.folder / "clone/jobs.env").write_text(f"LOOP_ORIGIN={remote[1]}/origin.git\n")
        world.shell(SECRET)
        start(world, "materialize", "--as-of", "2020-08-01")
        start(world, "monitor", "--now", "2020-08-01")
        kubectl("create", "job", "late", "--from=cronjob/monitor")  # as of now no request comes
        assert "Complete" in ended(world, "materialize"), kubectl("logs", "job/materialize")
        assert features.dbsize()
    kubectl("rollout", "status", "deployment/model-v1")
    world.cluster.until("the old pods are gone", lambda: len(world.cluster.get(*MODELS)["items"]) == 2)
    world.shell(AT_ONCE)

    assert "Complete" in ended(world, "monitor"), kubectl("logs", "job/monitor")
    assert "version 1, commit " in kubectl("logs", "job/monitor")
    assert "Failed" in ended(world, "late")
    (pod,) = world.cluster.get("pods", "--selector=job-name=late")["items"]  # a decision is not tried again
    assert "No data" in pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"]

    told = people.run("loop", "rollout", "status", "--json", "--predictions", str(world.folder / "clone"))
    assert json.loads(told.stdout)["evidence"]["rows"] >= 50
    world.bring(world.serving)
    assert world.cluster.get("cronjobs")["items"] == []


def test_an_agent_follows_the_branch_and_what_it_cannot_apply_changes_nothing(world, tmp_path):
    one, two = (item.model[:12] for item in (world.first, world.second))
    route, origin = ("httproute", "model"), Repo(world.folder / "origin")
    shadow = transitions.enter(world.serving, world.second, STAGES, NOW)
    canary = transitions.advance(shadow, STAGES, NOW)
    with git_server.serve(world.folder) as url:
        often = AGENT.replace("https://github.com/OWNER/NAME", f"{url}/origin/.git")
        often = often.replace("interval: 1m", "interval: 2s").replace("interval: 10m", "interval: 5s")
        with gitops_agent.follow(world.cluster, tmp_path / "agent", often) as agent, world.client() as client:
            agent.brings(world.commit(shadow))
            client.more(50)
            assert set(client.models()) == {one}
            agent.brings(world.commit(canary))
            world.cluster.until("both answer", lambda: set(client.models()) == {one, two})

            names = ("model-v1", "model-v2")
            world.cluster.until("two pods each", lambda: {len(ready(world, name)) for name in names} == {2})
            for name in names:  # a pod that is being replaced is none to stay
                world.cluster.kubectl("rollout", "status", f"deployment/{name}")
            before = {pod["metadata"]["uid"] for name in names for pod in world.pods(name)}
            origin.edit("kubernetes/models/model-v1.yaml", "containerPort: ", "containerPort: x")
            assert "containerPort" in agent.refuses(origin.commit())
            assert before <= {pod["metadata"]["uid"] for name in names for pod in world.pods(name)}

            agent.brings(world.commit(world.serving))
            world.cluster.until("the challenger is gone", lambda: not world.pods("model-v2"))
            there = world.cluster.get(*route)["spec"]
            by_hand = '--patch=[{"op": "remove", "path": "/spec/rules/1"}]'
            world.cluster.kubectl("patch", *route, "--type=json", by_hand)
            world.cluster.until("it is put back", lambda: world.cluster.get(*route)["spec"] == there)
            client.more(50)
    assert len(ready(world, "model-v1")) == 2  # the agent is gone, what it brought about is not
    assert lost(client) == []


def test_pods_that_are_deleted_lose_no_request(world):
    with world.client() as client:
        for name in ready(world, "model-v1"):
            world.cluster.kubectl("delete", "pod", name)
            world.cluster.until("two pods again", lambda: len(ready(world, "model-v1")) == 2)
        client.more(100)
    assert client.failures == []


def test_a_worker_that_is_killed_loses_what_it_held_and_nobody_waits_for_it(world):
    victim = ready(world, "model-v1")[0]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "killer", "namespace": "default"},
        "spec": {
            "hostPID": True,
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "killer",
                    "image": world.first.image,
                    "command": ["python", "-c", KILL.replace("POD", victim)],
                    "securityContext": {"runAsUser": USER},
                }
            ],
        },
    }
    kubectl = world.cluster.kubectl
    with world.client() as client:
        client.more(50)
        kubectl("apply", "-n", "default", "-f", "-", given=json.dumps(pod))
        kubectl(
            "wait",
            "pod/killer",
            "-n",
            "default",
            "--for=jsonpath={.status.phase}=Succeeded",
            "--timeout=120s",
        )
        world.cluster.until("it was started again", lambda: restarts(world, victim) == 1)
        world.cluster.until("two pods again", lambda: len(ready(world, "model-v1")) == 2)
        client.more(100)
    told = kubectl("logs", "killer", "-n", "default")
    kubectl("delete", "pod/killer", "-n", "default", "--wait=false")
    assert "killed" in told
    assert len(client.failures) <= 4, client.failures  # one for each who asks at a time
    assert client.slowest < 5


def test_a_move_goes_on_after_the_api_restarted_and_while_etcd_is_slow(world):
    kubectl, shadow = world.cluster.kubectl, transitions.enter(world.serving, world.second, STAGES, NOW)
    with (
        disturber.run(world.cluster, world.first.image) as disturb,
        ThreadPoolExecutor(1) as beside,
        world.client() as client,
    ):
        world.commit(shadow)
        moved = beside.submit(world.shell, MOVE, check=False)
        world.cluster.until("it has begun", lambda: kubectl(*SECOND))
        disturb(disturber.KILL, "kube-apiserver")
        moved.result()
        world.cluster.until("the API answers", lambda: kubectl("get", "--raw=/readyz", check=False) == "ok")
        world.shell(MOVE)
        assert len(ready(world, "model-v2")) == 2

        world.commit(world.serving)
        slow = beside.submit(disturb, disturber.SLOW, "etcd")
        world.shell(MOVE)
        slow.result()
        world.cluster.until("the second version is gone", lambda: not world.pods("model-v2"))
        client.more(50)
    assert lost(client) == []
    assert set(client.models()) == {world.first.model[:12]}


@pytest.mark.parametrize(
    ("known", "unknown", "told"),
    [
        ("progressDeadlineSeconds", "progressDeadlineOfTomorrow", "unknown field"),
        ("autoscaling/v2", "autoscaling/v2beta2", "no matches for kind"),
    ],
    ids=["a cluster too old for a field", "a cluster too new for a version"],
)
def test_what_the_cluster_does_not_know_stops_a_move_before_anything_is_there(world, known, unknown, told):
    world.commit(transitions.enter(world.serving, world.second, STAGES, NOW))
    origin = Repo(world.folder / "origin")
    origin.edit("kubernetes/models/model-v2.yaml", known, unknown)
    origin.commit()
    route = world.cluster.get("httproute", "model")["spec"]
    with world.client() as client:
        said = world.shell(MOVE, check=False)
        client.more(50)
    assert any(told in line and unknown in line for line in said.splitlines()), said
    kinds = "deployments,services,hpa,poddisruptionbudgets"
    assert world.cluster.get(kinds, "--selector=app.kubernetes.io/instance=model-v2")["items"] == []
    assert world.cluster.get("httproute", "model")["spec"] == route
    assert client.failures == []
    world.bring(world.serving)


def test_without_the_gateway_s_definitions_or_with_older_ones_nothing_is_begun(cluster, tmp_path):
    make_clone(tmp_path, "redis://nowhere:6379/0")
    for path, text in kubernetes.files(serving(1, 2), cluster_settings.read(ROOT / SETTINGS)).items():
        write_text(tmp_path / "origin" / path, text)
    Repo(tmp_path / "origin").commit()
    models = ("get", "deployments,services,networkpolicies", "--output=name")
    with bare_api.run(cluster, tmp_path / "bare") as empty:
        said = empty.shell(FIRST, tmp_path / "clone", check=False)
        assert 'no matches for kind "HTTPRoute" in version "gateway.networking.k8s.io/v1"' in said
        assert empty.kubectl(*models) == ""
        empty.kubectl("apply", "--server-side", "-f", "-", given=bare_api.older_route(cluster))
        empty.kubectl("wait", "--for=condition=established", "--timeout=60s", "crd", "--all")
        last = "".join(FIRST.splitlines(keepends=True)[3:])
        said = empty.shell(last, tmp_path / "clone", check=False)
        assert 'unknown field "spec.rules[0].filters[1].requestMirror"' in said
        assert empty.kubectl(*models) == ""


def restarts(world: World, name: str) -> int:
    """How often a pod's container was started again."""
    return int(world.cluster.get("pod", name)["status"]["containerStatuses"][0]["restartCount"])


def broken(engine: Engine, good: Version) -> str:
    """An image like another, but for one byte of its model."""
    tag = str(good.image).partition("@")[0] + ":broken"
    recipe = f"FROM {good.image}\nUSER 0\nRUN echo >> /app/models/model.skops\nUSER {USER}\n"
    folder = engine.folder / "broken"
    folder.mkdir()
    (folder / "Dockerfile").write_text(recipe)
    engine.docker("build", "--quiet", f"--tag={tag}", str(folder))
    engine.docker("push", tag)
    (digest,) = json.loads(engine.docker("image", "inspect", "--format", "{{json .RepoDigests}}", tag).stdout)
    return str(digest)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("an image that no registry has", "ImagePullBackOff"),
        ("a model of another hash", "sha256"),
        ("too little memory", "OOMKilled"),
        ("a node that is full", "Insufficient cpu"),
        ("a Secret that lacks a key", "references non-existent secret key: token"),
        ("a quota that is used up", "exceeded quota: full"),
    ],
)
def test_a_version_that_cannot_run_is_reported_and_the_champion_answers_on(world, engine, fault, told):
    changed: dict[str, Any] = {}
    second = world.second
    if fault == "an image that no registry has":
        second = second.model_copy(update={"image": str(second.image).rpartition(":")[0] + ":" + "0" * 64})
    elif fault == "a model of another hash":
        second = second.model_copy(update={"image": broken(engine, second)})
    elif fault == "too little memory":
        changed = {"requests": {"cpu": "50m", "memory": "48Mi"}, "limits": {"memory": "48Mi"}}
    elif fault == "a node that is full":
        changed = {"requests": {"cpu": "900"}}
    elif fault == "a quota that is used up":
        world.cluster.kubectl("create", "quota", "full", "--hard=pods=2")
    else:
        changed = {"token": True}
    state = transitions.enter(world.serving, second, STAGES, NOW)
    with world.client() as client:
        world.commit(state, **changed)
        world.shell("".join(MOVE.splitlines(keepends=True)[:4]))  # the next one would wait
        world.cluster.until(f"told: {told}", lambda: told in reported(world, "model-v2"))
        client.more(100)
        world.shell("kubectl apply -k kubernetes/route")  # a mirror to nobody
        client.more(200)
        world.cluster.kubectl("delete", "quota/full", "--ignore-not-found")
        world.bring(world.serving)  # aborted
        client.more(100)
    assert lost(client) == []
    assert set(client.models()) == {world.first.model[:12]}


def reported(world: World, name: str) -> str:
    """What docs/kubernetes.md names as the places where a fault is seen, of one instance's pods."""
    objects = [*world.pods(name), *world.cluster.get("replicasets")["items"]]
    of = {one["metadata"]["name"] for one in objects if one["metadata"]["name"].startswith(f"{name}-")}
    events = [one for one in world.cluster.get("events")["items"] if one["involvedObject"]["name"] in of]
    statuses = [status for one in objects for status in one["status"].get("containerStatuses", [])]
    return json.dumps([statuses, [one["message"] for one in events]])


def test_what_somebody_changed_by_hand_is_shown_and_put_back(world):
    kubectl, route = world.cluster.kubectl, ("httproute", "model")
    before = world.cluster.get(*route)["spec"]
    kubectl("patch", *route, "--type=json", '--patch=[{"op": "remove", "path": "/spec/rules/1"}]')
    shown = kubectl("diff", "-k", str(world.folder / "clone/kubernetes"), check=False)
    assert "+        value: /docs.json" in shown
    world.bring(world.serving)
    assert world.cluster.get(*route)["spec"] == before


def test_a_log_that_cannot_be_written_is_reported_and_answers_go_on(world):
    place = world.folder / "predictions"
    with world.client() as client:
        (place / "log").rename(place / "before")
        (place / "log").write_text("no folder")
        client.more(50)
        logs = ("logs", "--selector=app.kubernetes.io/instance=model-v1", "--tail=-1")
        said = "the prediction log cannot be written, answers go on"
        world.cluster.until("it is said", lambda: said in world.cluster.kubectl(*logs))
        (place / "log").unlink()
        again = "the prediction log is written again"
        world.cluster.until("it is said", lambda: again in world.cluster.kubectl(*logs))
    assert client.failures == []


def test_the_overlay_of_staging_makes_a_place_of_its_own_in_the_same_cluster(cluster, tmp_path):
    space, settings = "models-staging", cluster_settings.read(ROOT / SETTINGS)
    over = {path.name: path.read_text() for path in (ROOT / overlay.OVERLAYS / "staging").iterdir()}
    changed = {"entity_header": "X-Entity", "fallback": cluster.fallback}
    state = transitions.advance(serving(1, 2), STAGES, NOW)
    given = {"overlay": over, "limits": Limits(1000, body_kb=1024)}
    for path, text in kubernetes.files(state, settings.model_copy(update=changed), **given).items():
        write_text(tmp_path / path, text)
    cluster.kubectl("create", "namespace", space)
    try:
        strict = ("--dry-run=server", "--server-side", "--validate=strict", "--output=name", "-n", space)
        made = {
            part: set(cluster.kubectl("apply", *strict, "-k", str(tmp_path / "kubernetes" / part)).split())
            for part in ("models", "route", "")
        }
    finally:
        cluster.kubectl("delete", "namespace", space, "--wait=false")
    assert made["models"] & made["route"] == set()
    assert made["models"] | made["route"] == made[""]
    assert "httproute.gateway.networking.k8s.io/model" in made["route"]


def test_the_namespace_lets_nothing_in_that_is_not_restricted(world):
    refused = world.cluster.kubectl("run", "free", f"--image={world.first.image}", check=False)
    assert 'violates PodSecurity "restricted:latest"' in refused
    pod = world.pods("model-v1")[0]
    assert pod["spec"]["automountServiceAccountToken"] is False
    may = ("auth", "can-i", "--list", "--as=system:serviceaccount:models:model", "--no-headers")
    for line in world.cluster.kubectl(*may).splitlines():  # what anybody who is known may
        assert line.lstrip().startswith(("selfsubject", "["))
