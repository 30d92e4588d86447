"""A remote of DVC on a real S3 server: models and data come by hash, and what it refuses is made again."""

import json
import re
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import Repo, copy
from loop.model.artifacts import Stored
from loop.settings.paths import HOLDOUT, MODEL
from support.storage_servers import S3, s3

WRONG = {"AWS_SECRET_ACCESS_KEY": "not-the-key"}


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with s3(tmp_path_factory.mktemp("s3")) as there:
        yield there


@pytest.fixture(scope="module")
def home(small_changed, bucket, tmp_path_factory) -> Repo:
    """A repository whose main is pushed whole; the results of its branch `change` are in the bucket too."""
    repo = copy(small_changed, tmp_path_factory.mktemp("home") / "repo")
    for branch in ("main", "change"):
        repo.git("switch", "--quiet", branch)
        repo.run("dvc", "remote", "add", "--force", "--default", "store", f"s3://{bucket.bucket}/models")
        repo.commit()
        repo.run("dvc", "checkout", check=False)
        repo.run("dvc", "push", **bucket.env)
    return repo


@pytest.fixture
def cold(home, tmp_path) -> Repo:
    """A fresh clone at the branch `change`: nothing is in its cache."""
    home.git("clone", "--quiet", "--branch", "change", str(home.path), str(tmp_path / "cold"))
    repo = Repo(tmp_path / "cold")
    repo.git("branch", "--quiet", "main", "origin/main")
    return repo


def review(repo: Repo, env: dict[str, str]) -> tuple[str, dict]:
    """What a review of the branch prints, and its verdict."""
    done = repo.run("loop", "review", "--rerun", "--against", "main", check=False, **env)
    assert done.returncode < 2, done.stdout + done.stderr
    return done.stdout, json.loads(repo.text("review/verdict.json"))


def test_a_review_takes_all_but_what_changed_from_the_bucket_and_with_a_wrong_key_makes_it_alike(
    cold, bucket
):
    output, verdict = review(cold, bucket.env)
    assert re.findall("^Running stage '(.*)'", output, re.MULTILINE) == ["train", "evaluate"]
    assert "its stored predictions" in verdict["champion"]
    assert "warning" not in output
    shutil.rmtree(cold.path / ".dvc/cache")
    cold.git("clean", "-fdxq")
    cold.git("checkout", "--quiet", ".")
    output, again = review(cold, {**bucket.env, **WRONG})
    assert output.count("warning: the remote of DVC gave nothing") == 1
    assert "was not brought: " in output
    assert "Forbidden" in output
    assert not any(secret in output for secret in (bucket.env["AWS_SECRET_ACCESS_KEY"], *WRONG.values()))
    assert "rebuilt from its commit, to the bit" in again["champion"]
    assert again["verdict"] == verdict["verdict"]
    assert again["metrics"] == verdict["metrics"]


def test_whoever_takes_the_branch_gets_its_results_by_hash_and_runs_nothing(cold, bucket):
    cold.run("dvc", "pull", **bucket.env)
    assert "Running stage" not in cold.run("loop", "run", **bucket.env).stdout


def test_two_pushes_at_once_leave_one_whole_bucket(home, bucket):
    for name in bucket.names():
        bucket.remove(name)
    copies = [copy(home, home.path.parent / f"again{n}") for n in range(2)]
    with ThreadPoolExecutor() as both:
        list(both.map(lambda repo: repo.run("dvc", "push", **bucket.env), copies))
    assert "up to date" in home.run("dvc", "push", **bucket.env).stdout


@pytest.mark.parametrize("after", [0, 1_000, 5_000])
def test_a_remote_that_dies_on_the_way_leaves_nothing_half_written(
    home, bucket, tmp_path, monkeypatch, capsys, after
):
    monkeypatch.chdir(cloned(home, tmp_path / "clone"))
    with dying(bucket, after) as url:
        for name, value in {**bucket.env, "AWS_ENDPOINT_URL": url, "AWS_MAX_ATTEMPTS": "1"}.items():
            monkeypatch.setenv(name, value)
        stored = Stored("HEAD", tmp_path / "root")
        assert not stored.bring(HOLDOUT)
        said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert f"{HOLDOUT} of commit HEAD was not brought: " in said
    assert not [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.url)
    assert Stored("HEAD", tmp_path / "root").bring(HOLDOUT), "it answers again"


def test_what_a_bucket_holds_in_place_of_a_model_is_not_taken_for_it(
    home, bucket, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(cloned(home, tmp_path / "clone"))
    for name, value in bucket.env.items():
        monkeypatch.setenv(name, value)
    for name in bucket.names():
        bucket.put(name, b"another model")
    assert not Stored("HEAD", tmp_path / "root").bring(MODEL)
    assert not (tmp_path / "root" / MODEL).exists()
    assert "is not what dvc.lock names" in capsys.readouterr().out


def cloned(home: Repo, place: Path) -> Path:
    home.git("clone", "--quiet", str(home.path), str(place))
    return place


class dying:  # noqa: N801 - a context manager
    """The bucket's server, through a wire that is cut once so many bytes of answers came back on it."""

    def __init__(self, there: S3, after: int) -> None:
        self.to = ("127.0.0.1", int(there.url.rpartition(":")[2]))
        self.left, self.server = after, socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self.server.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._wire, args=(client,), daemon=True).start()

    def _wire(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.to) as server:
            threading.Thread(target=self._asked, args=(client, server), daemon=True).start()
            try:
                while self.left > 0 and (data := server.recv(4096)):
                    client.sendall(data[: self.left])
                    self.left -= len(data)
            except OSError:
                pass

    def _asked(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(65536):
                server.sendall(data)
        except OSError:
            pass
