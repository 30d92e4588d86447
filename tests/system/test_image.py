"""The image of production, really built and run, by an engine and on a base that are made for it.

No registry is asked that is not of the tests: see support.containers.
"""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pandas as pd
import pytest

from conftest import PATIENCE, ROOT, Repo, copy
from problem import schema
from support.containers import Engine, Registry, make_bases, push
from support.wheels import wheel

ROWS = 200  # of the holdout
SLIM_MB = 131  # python:3.11-slim-bookworm, assumed: no registry is asked; figures told of it go up to 150
TEAM = {"team_views/__init__.py": "from .more import MORE\n", "team_views/more.py": "MORE = ()\n"}
LOCALLY = """
import json, pathlib, sys, time
from loop.settings import serve_settings as settings
from loop.serve import materialize
from loop.serve.server import Server

folder = pathlib.Path(sys.argv[1])
materialize.main(None)
server = Server.start(settings.params(), settings.place())
found = [
    server.answer(body.encode(), f"id-{i}", explain, time.perf_counter()).decode()
    for i, (body, explain) in enumerate(json.loads((folder / "asked.json").read_text()))
]
server.stop()
(folder / "answers.json").write_text(json.dumps(found))
"""


class Dying:
    """The way to a registry, which is cut for good after some bytes of what is pushed."""

    def __init__(self, port: int, after: int) -> None:
        self._left, self._to = after, port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            self._open += [near, far]
            Thread(target=self._relay, args=(near, far, True), daemon=True).start()
            Thread(target=self._relay, args=(far, near, False), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while part := source.recv(65536):
                self._left -= len(part) if counted else 0
                if self._left < 0:
                    return self.cut()
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self) -> None:
        """End every connection, and take no other."""
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class Container:
    """The server in a container, as production runs it: no root, no capability, nothing to write on."""

    def __init__(self, engine: Engine, image: str, features: Path, predictions: Path) -> None:
        self.engine = engine
        self.id = engine.docker(
            *("run", "--detach", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL"),
            *("--security-opt=no-new-privileges", "--publish=127.0.0.1::3000", "--health-interval=1s"),
            f"--volume={features}:/var/lib/loop/features:ro",
            f"--volume={predictions}:/var/lib/loop/predictions",
            image,
        ).stdout.strip()

    def call(self, path: str, body: str | None = None, request_id: str = "id") -> tuple[int, str]:
        """Status and text of an answer."""
        where = self.engine.docker("port", self.id, "3000").stdout.split()[0]
        request = urllib.request.Request(
            f"http://{where}{path}",
            data=body.encode() if body is not None else None,
            headers={"Content-Type": "application/json", "X-Request-Id": request_id},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait(self) -> None:
        """Until it is ready."""
        for _ in range(6000):
            try:
                if self.call("/readyz")[0] == 200:
                    return
            except OSError:
                pass
            assert self.inspect("{{.State.Running}}") == "true", self.log()
            time.sleep(0.1)
        pytest.fail(f"not ready: {self.log()}")

    def inspect(self, form: str) -> str:
        """A field of `docker inspect`."""
        return self.engine.docker("inspect", "--format", form, self.id).stdout.strip()

    def log(self) -> str:
        """What the server printed."""
        done = self.engine.docker("logs", self.id)
        return done.stdout + done.stderr

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the container."""
        return self.engine.docker("exec", self.id, "python", "-c", code, check=False)


@pytest.fixture(scope="module")
def bases(engine) -> Iterator[Future[None]]:
    """The two images, being made: `finished` runs meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(make_bases, engine)


@pytest.fixture(scope="module")
def repo(bases, finished, tmp_path_factory) -> Repo:
    """A repository whose pipeline has run, with a package of the team's for its views, and a clean tree."""
    path = tmp_path_factory.mktemp("image") / "repo"
    copy(finished, path)
    repo = Repo(path)
    made = wheel(path / "wheels", "team_views", "1.0", TEAM)
    uv = shutil.which("uv") or ROOT / ".tools/bin/uv"
    repo.run(str(uv), "add", "--quiet", "--no-sync", "--group", "serve", f"./wheels/{made.name}")
    repo.append("src/problem/features.py", "\nfrom team_views import MORE\n\nVIEWS = (*VIEWS, *MORE)\n")
    repo.commit()
    shutil.unpack_archive(made, path.parent / "site", "zip")
    return repo


@pytest.fixture(scope="module")
def asked(repo) -> list[tuple[str, bool]]:
    """Bodies, and whether answers are to be explained: examples of the contract, and rows of the holdout."""
    example = schema.REQUEST_EXAMPLES[0]
    holdout = pd.read_parquet(repo.path / "data/examples/holdout.parquet", columns=list(example))
    rows = holdout.sample(ROWS, random_state=1).to_json(orient="records", date_format="iso")
    return [(json.dumps(example), False), (json.dumps([example]), True), (rows, False)]


@pytest.fixture(scope="module")
def local(repo, asked) -> Iterator[Future[list[str]]]:
    """What the model of the repository answers, without a server, once it has filled the feature store."""

    def answer() -> list[str]:
        folder = repo.path.parent
        (folder / "asked.json").write_text(json.dumps(asked))
        repo.run(
            *("python", "-c", LOCALLY, str(folder)),
            LOOP_FEATURES=str(folder / "features"),
            LOOP_PREDICTIONS=str(folder / "local"),
            PYTHONPATH=f"{repo.path / 'src'}{os.pathsep}{folder / 'site'}",
        )
        return json.loads((folder / "answers.json").read_text())

    with ThreadPoolExecutor(1) as pool:  # while the image is built
        yield pool.submit(answer)


@pytest.fixture(scope="module")
def registry(engine) -> Iterator[Registry]:
    registry = Registry(engine.folder / "registry")
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def built(engine, bases, repo, local, registry) -> str:
    """What `loop image --push` printed; the image is `product:test` as well."""
    bases.result(PATIENCE)
    tag = f"127.0.0.1:{registry.port}/team/product:test"
    done = push(engine, repo, tag, engine.folder / "output")
    assert done.returncode == 0, done.stderr
    engine.docker("tag", tag, "product:test")
    return done.stdout


@pytest.fixture(scope="module")
def failing(engine, repo, built, registry) -> Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]:
    """Pushes to nobody, and one that is cut after 20 MB: Docker tries each for a minute, other tests run."""
    dying = Dying(registry.port, after=20_000_000)
    tags = {"half": f"127.0.0.1:{dying.port}/team/half:1", "down": "127.0.0.1:9/team/product:down"}
    with ThreadPoolExecutor(1) as pool:
        yield {name: pool.submit(push, engine, repo, tag, output(engine, name)) for name, tag in tags.items()}
    dying.cut()


def output(engine: Engine, name: str) -> Path:
    """The outputs of the step of a failing push."""
    return engine.folder / f"output of {name}"


@pytest.fixture(scope="module")
def pushed(engine, built, failing) -> str:
    """The image by its digest, as the outputs of the workflow's step name it."""
    report = dict(line.split("=", 1) for line in (engine.folder / "output").read_text().splitlines())
    assert report["receipt"] == f"image-{report['digest'].removeprefix('sha256:')}"
    return f"{report['name']}@{report['digest']}"


def own(engine: Engine, folder: Path, owner: str) -> None:
    """Give a folder of this host to somebody, by the engine: who runs the tests may not."""
    mounted = (f"--volume={folder}:/given", "base", "chown", "--recursive", owner, "/given")
    engine.docker("run", "--rm", "--user=0", *mounted)


@pytest.fixture(scope="module")
def container(engine, repo, local, pushed) -> Container:
    local.result(3600)  # it fills the store
    predictions = repo.path.parent / "predictions"
    predictions.mkdir()
    own(engine, predictions, "1034:1034")
    container = Container(engine, pushed, repo.path.parent / "features", predictions)
    container.wait()
    return container


def answers(container: Container, asked: list[tuple[str, bool]]) -> list[str]:
    found = []
    for i, (body, explain) in enumerate(asked):
        status, text = container.call(f"/predict?explain={str(explain).lower()}", body, f"id-{i}")
        assert status == 200, text
        found.append(text)
    return found


def test_answers_are_those_of_the_local_model_to_the_bit(container, local, asked):
    assert answers(container, asked) == local.result(3600)
    assert len({row["score"] for row in json.loads(local.result()[2])}) > 100


def test_a_wheel_of_the_repository_is_installed_and_defines_the_same_features(container, local, repo):
    local.result(3600)
    (store,) = (repo.path.parent / "features").glob("*.sqlite")
    code = "from loop.serve.definition import definition; print(definition())"
    assert container.python(code).stdout.strip() == store.stem
    code = "import os, team_views; print(team_views.MORE, os.path.exists('/app/wheels'))"
    assert container.python(code).stdout.strip() == "() False"


def test_a_body_that_breaks_the_contract_is_refused(container):
    status, text = container.call("/predict", "{}")
    assert status == 400
    assert json.loads(text)["problems"]


def test_metrics_name_the_model_the_commit_and_compiled_trees(container, repo, asked):
    answers(container, asked)
    status, text = container.call("/metrics")
    assert status == 200
    (info,) = [line for line in text.splitlines() if line.startswith("loop_model_info{")]
    assert f'commit="{repo.git("rev-parse", "HEAD")}"' in info
    assert 'engine="machine code"' in info
    (rows,) = [line for line in text.splitlines() if line.startswith("loop_predictions_total")]
    assert float(rows.split()[1]) >= ROWS + 2


def test_it_runs_without_root_and_writes_only_where_it_may(container):
    assert container.python("import os; print(os.getuid(), os.getgid())").stdout.split() == ["1034", "1034"]
    assert "Read-only file system" in container.python("open('/app/x', 'w')").stderr
    code = "import os; print({os.stat(path).st_uid for path, _, _ in os.walk('/app')}, os.access('/app', 2))"
    assert container.python(code).stdout.strip() == "{0} False"
    assert not [line for line in container.engine.docker("diff", container.id).stdout.splitlines() if line]


def test_nothing_in_it_builds_or_installs(container):
    names = ("gcc", "cc", "g++", "clang", "cc1", "ld", "make", "pip", "pip3", "uv", "uvx")
    code = f"""
import os, importlib.util
names = set({names!r})
skipped = ("/proc", "/sys", "/dev")
print([
    os.path.join(path, name) for path, _, files in os.walk("/") if not path.startswith(skipped)
    for name in files if name in names and os.access(os.path.join(path, name), os.X_OK)
])
print([name for name in ("pip", "uv", "setuptools") if importlib.util.find_spec(name)])
"""
    assert container.python(code).stdout.splitlines() == ["[]", "[]"]


def test_the_sbom_lists_every_package_with_its_version(container, repo):
    listed = json.loads((repo.path / "dist/sbom.cdx.json").read_text())
    assert listed["bomFormat"] == "CycloneDX"
    known = {(part["name"], part["version"]) for part in listed["components"]}
    code = "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"
    installed = {
        (name.lower().replace("_", "-").replace(".", "-"), version)
        for name, version in map(str.split, container.python(code).stdout.splitlines())
    }
    assert "bentoml" in dict(installed)
    assert installed <= known


def test_labels_and_the_command_say_what_it_is(container, repo, registry, built):
    commit = repo.git("rev-parse", "HEAD")
    version = json.loads(repo.text("models/lineage.json"))["model"]["sha256"][:12]
    labels = json.loads(container.inspect("{{json .Config.Labels}}"))
    named = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
    assert named["revision"] == commit
    assert named["version"] == version
    assert named["title"] == json.loads(repo.text("models/card.json"))["name"]
    tag = f"127.0.0.1:{registry.port}/team/product:test"
    assert {commit, version, tag, "dist/sbom.cdx.json"} <= set(built.split())


def test_it_fits_into_450_mb(engine, built):
    size, base = (
        int(engine.docker("image", "inspect", "--format", "{{.Size}}", name).stdout) / 1e6
        for name in ("product:test", "base")
    )
    assert size - base + SLIM_MB < 450


def test_its_own_check_finds_it_healthy(container):
    for _ in range(3000):
        if container.inspect("{{.State.Health.Status}}") == "healthy":
            return
        time.sleep(0.2)
    pytest.fail(container.inspect("{{json .State.Health}}"))


def test_a_restart_answers_the_same_and_a_stop_loses_no_prediction(container, repo, asked):
    before = answers(container, asked)
    container.engine.docker("restart", container.id)
    container.wait()
    assert answers(container, asked) == before
    started = time.monotonic()
    container.engine.docker("stop", container.id)
    assert time.monotonic() - started < 8
    assert container.inspect("{{.State.ExitCode}}") == "0", container.log()
    own(container.engine, repo.path.parent / "predictions", f"{os.getuid()}:{os.getgid()}")
    segments = sorted((repo.path.parent / "predictions/log").iterdir())
    assert {path.suffix for path in segments} == {".jsonl"}
    assert len(segments) == 2
    last = [json.loads(line) for line in segments[1].read_text().splitlines()]
    assert sum(len(line.get("scores", [])) for line in last) == ROWS + 2


def test_the_registry_holds_what_the_digest_names_and_it_is_what_was_built(engine, registry, pushed, built):
    name, digest = pushed.split("@")
    assert name == f"127.0.0.1:{registry.port}/team/product"
    assert digest in built
    status, manifest = registry.get(f"/v2/team/product/manifests/{digest}")
    assert (status, f"sha256:{hashlib.sha256(manifest).hexdigest()}") == (200, digest)
    held = json.loads(manifest)
    for part in (held["config"], *held["layers"]):
        status, blob = registry.get(f"/v2/team/product/blobs/{part['digest']}")
        assert (status, f"sha256:{hashlib.sha256(blob).hexdigest()}") == (200, part["digest"])
    built_id = engine.docker("image", "inspect", "--format", "{{.Id}}", "product:test").stdout.strip()
    assert built_id in (held["config"]["digest"], digest)
    engine.docker("pull", pushed)


def refused(engine: Engine, name: str, push: Future[subprocess.CompletedProcess[str]]) -> str:
    """What a push that failed said; no digest is told, to people or to later steps."""
    done = push.result(PATIENCE)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "sha256:" not in done.stdout
    assert not output(engine, name).exists()
    return done.stderr


def test_a_registry_that_does_not_answer_is_reported_and_no_digest_is_given(engine, failing):
    assert "connection refused" in refused(engine, "down", failing["down"])


def test_a_push_that_is_cut_off_is_reported_and_nothing_points_to_what_arrived(engine, registry, failing):
    assert "docker push failed" in refused(engine, "half", failing["half"])
    assert registry.get("/v2/team/half/manifests/1")[0] == 404
    assert registry.get("/v2/team/half/tags/list")[0] == 404
