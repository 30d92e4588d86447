"""A GitHub of our own whose main has a weak champion, a runner, and pull requests to it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Repo, copy, shared
from support.small_problem import small
from workflows.act import CML, Runner
from workflows.double import ALL, FORK, NAME, Double, git, serve
from workflows.house import House


@pytest.fixture(scope="session")
def github(tmp_path_factory) -> Iterator[Double]:
    """The double with the small problem; main's model is weak: a pull request can be better or worse."""

    def make(path: Path) -> None:
        repo = copy(shared(tmp_path_factory, "small", small), path)
        repo.edit("params.yaml", "alpha: 10.0", "alpha: 1000.0")
        repo.run("loop", "run")
        repo.commit()

    home = shared(tmp_path_factory, "weak", make)
    with serve(tmp_path_factory.mktemp("github")) as double:
        git(home.path, "push", "--quiet", str(double.repo()), "main")
        git(home.path, "push", "--quiet", str(double.repo(FORK)), "main")
        double.home = home.path
        yield double


@pytest.fixture(scope="session")
def runner(github, tmp_path_factory) -> Runner:
    """A runner."""
    return Runner(github, tmp_path_factory.mktemp("runner"))


class Change:
    """A branch of the double's repository or of its fork, with an open pull request."""

    def __init__(self, github: Double, folder: Path, branch: str, name: str = NAME) -> None:
        self.github, self.branch, self.name = github, branch, name
        self.repo = Repo(folder / "change")
        git(folder, "clone", "--quiet", str(github.repo(name)), str(self.repo.path))
        git(self.repo.path, "switch", "--quiet", "--create", branch)
        self.number = 0

    def push(self) -> str:
        """Commit all, push, and open the pull request if it is not; the commit."""
        sha = self.repo.commit()
        git(self.repo.path, "push", "--quiet", "origin", f"HEAD:refs/heads/{self.branch}")
        self.github.sync()
        self.number = self.number or self.github.open_pull(self.branch, self.name)
        return sha

    def head(self) -> str:
        """The branch's newest commit on GitHub."""
        return self.github.tip(self.branch, self.name)


@pytest.fixture(autouse=True)
def _no_looks(request):
    """The holdout was not looked at before: tests share the double, and count by themselves."""
    if "github" in request.fixturenames:
        git(request.getfixturevalue("github").repo(), "update-ref", "-d", "refs/heads/looks")


@pytest.fixture
def change(github, tmp_path):
    """Make a new branch; its arguments are the branch and the name of the repository."""
    count = iter(range(100))

    def make(branch: str = "", name: str = NAME) -> Change:
        folder = tmp_path / f"c{next(count)}"
        folder.mkdir()
        return Change(github, folder, branch or f"change-{github.next()}", name)

    return make


@pytest.fixture
def at_main(github, tmp_path, monkeypatch) -> Path:
    """A clone of main as publish.yml has it, in which `loop publish` can be called directly."""
    place = tmp_path / "main"
    git(tmp_path, "clone", "--quiet", str(github.repo()), str(place))
    token = f"ghs_{github.next()}"
    github.tokens[token] = ALL
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "CML_"))]:
        monkeypatch.delenv(name)
    cert = str(github.folder / "cert.pem")
    for name, value in {
        "GITHUB_TOKEN": token,
        "GITHUB_API_URL": f"{github.url}/api/v3",
        "GITHUB_SERVER_URL": github.url,
        "GITHUB_REPOSITORY": NAME,
        "GITHUB_SHA": github.tip("main"),
        "GIT_SSL_CAINFO": cert,
        "REQUESTS_CA_BUNDLE": cert,
        "SSL_CERT_FILE": cert,
        "PATH": f"{CML}{os.pathsep}{os.environ['PATH']}",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *_: None)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A repository with a committed model, nothing released, and the environment of a workflow."""
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "github"
    folder.mkdir()
    with serve(folder) as github:
        made = House(github, tmp_path)
        made.checkout()
        token = f"ghs_{github.next()}"
        github.tokens[token] = ALL
        for name, value in {
            "GITHUB_TOKEN": token,
            "GITHUB_API_URL": f"{github.url}/api/v3",
            "GITHUB_SERVER_URL": github.url,
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_OUTPUT": str(made.outputs),
            "REQUESTS_CA_BUNDLE": str(folder / "cert.pem"),
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *_: None)
        monkeypatch.chdir(made.place)
        yield made
