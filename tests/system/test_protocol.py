"""A champion that code of before the protocol made still scores, is monitored, serves and is gone back to."""

import json
import os
import shutil
import subprocess
import urllib.request

import pandas as pd
import pytest

from conftest import ROOT, Repo, copy_sources
from loop.deploy import version_home
from loop.deploy.servers import Servers
from loop.production import branch, transitions
from loop.repo import protocol
from loop.repo.git import git
from loop.rollout import rollback
from support.states import NOW, policy, version

MADE = ["dvc.lock", "models", "reports", "src/problem"]


def put_second_problem(repo: Repo) -> None:
    """The second problem, as the tree itself has it, in place of the first."""
    for name in MADE:
        shutil.rmtree(repo.path / name, ignore_errors=True)
        (repo.path / name).unlink(missing_ok=True)
    second = repo.path / "tests/second_problem"
    shutil.copytree(second / "problem", repo.path / "src/problem")
    shutil.copy2(second / "params.yaml", repo.path)


@pytest.fixture(scope="module")
def updated(tmp_path_factory) -> Repo:
    """A repository whose main was made by the old code, and whose branch `update` has that of this tree."""
    moved = git("-C", str(ROOT), "log", "-1", "--format=%H", "--diff-filter=D", "--", "src/loop/checkout.py")
    if not moved:
        pytest.skip("this history does not go back to before the protocol")
    repo = Repo(tmp_path_factory.mktemp("protocol") / "repo")
    repo.path.mkdir()
    git("-C", str(ROOT), "archive", "--output", str(repo.path / "old.tar"), f"{moved}^")
    subprocess.run(["tar", "-xf", "old.tar"], cwd=repo.path, check=True)
    (repo.path / "old.tar").unlink()
    for name in ("uv.lock", "pyproject.toml"):  # code of then, by the packages of now: those are at hand
        shutil.copy2(ROOT / name, repo.path)
    put_second_problem(repo)
    repo.git("init", "--quiet", "--initial-branch=main")
    repo.run("loop", "run")
    repo.commit()
    assert protocol.of(repo.path) == protocol.FIRST
    repo.git("switch", "--quiet", "--create", "update")
    repo.git("rm", "--quiet", "-r", "src", "tests")
    new = copy_sources(tmp_path_factory.mktemp("new"))
    shutil.rmtree(new.path / ".git")
    shutil.copytree(new.path, repo.path, dirs_exist_ok=True)
    put_second_problem(repo)
    repo.run("loop", "run")
    repo.commit()
    return repo


@pytest.fixture
def champion(updated: Repo, monkeypatch):
    """The old model as the champion on `production`."""
    monkeypatch.chdir(updated.path)
    model = json.loads(updated.git("show", "main:models/lineage.json"))["model"]["sha256"]
    one = version(1, commit=updated.git("rev-parse", "main"), model=model, image=None)
    updated.git("update-ref", "-d", "refs/heads/production")
    change = branch.change(
        lambda now: (transitions.enter(now.state, one, policy(), NOW), "Release 1", one), lambda _: {}
    )
    return change.state.champion


def test_it_is_scored_by_its_own_code(updated):
    done = updated.run("loop", "review", "--against", "main", check=False)
    verdict = json.loads(updated.text("review/verdict.json"))
    assert (done.returncode, verdict["verdict"]) == (0, "equivalent"), done.stdout
    assert {check["result"] for check in verdict["checks"]} == {"pass"}
    assert [metric["gain"] for metric in verdict["metrics"]] == [0] * len(verdict["metrics"])


def test_it_is_monitored_by_its_own_features(updated, champion):
    done = updated.run("loop", "monitor", "--now", "2020-04-20", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    finding = json.loads(updated.text("monitor/finding.json"))
    assert finding["model"]["commit"] == champion.commit
    assert finding["matured"]["rows"] > 0


def test_it_is_gone_back_to_from_a_version_of_the_new_code(updated, champion, capsys):
    made = {"commit": updated.git("rev-parse", "update"), "image": None}
    newer = version(2, model=json.loads(updated.text("models/lineage.json"))["model"]["sha256"], **made)
    branch.change(
        lambda now: (transitions.enter(now.state, newer, policy(), NOW), "Release 2", newer), lambda _: {}
    )
    found = rollback.back(None, "it hurts", NOW + pd.Timedelta(hours=1)).state.champion
    assert (found.version, found.commit, found.model) == (1, champion.commit, champion.model)
    assert "unknown" not in capsys.readouterr().out, "its files were looked for, and found"


def test_it_is_served_and_its_answers_are_explained(updated, champion, tmp_path, monkeypatch):
    places = {"LOOP_FEATURES": str(tmp_path / "features"), "LOOP_PREDICTIONS": str(tmp_path / "predictions")}
    search = f"{ROOT / '.tools/bin'}{os.pathsep}{os.environ['PATH']}"  # of uv, which makes its environment
    for name, value in {**places, "PATH": search, "LOOP_PERSONAL_KEY": "k" * 64}.items():
        monkeypatch.setenv(name, value)
    show = "import json; from problem import schema; print(json.dumps(schema.REQUEST_EXAMPLES[0]))"
    body = updated.run("python", "-c", show).stdout.encode()
    servers = Servers(tmp_path / "host")
    home = version_home.bring(champion, servers.folder)
    Repo(home.path).run("loop", "materialize", "--as-of", "2020-04-19T00:00Z", **places)  # the data's own end
    server = servers.start(champion, "champion", containers=False)
    try:
        servers.wait(server, champion)
        headers = {"Content-Type": "application/json", "X-Request-Id": "of-the-old"}
        asked = urllib.request.Request(f"{server.url}/predict", body, headers)  # noqa: S310 - our own server
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
            answered = json.loads(answer.read())
    finally:
        servers.stop(server)
    assert champion.model.startswith(answered["model_version"])
    explained = updated.run("loop", "explain", "of-the-old", **places).stdout
    assert "of-the-old" in explained
    assert "why       " in explained
