"""release.yml, executed: what each kind of merge leads to, on the branch, in the registry and on GitHub."""

import os
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, Repo, copy, shared
from loop.production import image_origin
from support.small_problem import small
from workflows.act import Done, Runner
from workflows.double import NAME, Double, git, serve
from workflows.house import House, docs, serving


class Town(House):
    """A house whose merges run release.yml, with a Docker of the tests' own."""

    def __init__(self, github: Double, folder: Path, sources: Repo) -> None:
        super().__init__(github, folder, sources)
        self.docker = folder / "docker"
        self.docker.mkdir()
        self.runner = Runner(github, folder / "runner")

    def approved(self, edit) -> str:
        """A change that went the whole way; the commit of main."""
        number = self.propose(edit)
        self.judged(number)
        self.github.review(number, "bob")
        return self.github.merge(number)

    def run(self, *jobs: str, **env: str) -> Done:
        """release.yml for the newest commit of main; jobs that are named run with their own rights alone."""
        payload = {"ref": "refs/heads/main", "repository": {"full_name": NAME, "private": False}}
        sha, env = self.github.tip("main"), {"LOOP_DOCKER": str(self.docker), **env}
        return self.runner.act("release.yml", "push", payload, sha=sha, jobs=jobs, **env)

    def state(self) -> dict[str, int]:
        """Role -> version, as anybody reads it on the branch."""
        listed = git(self.github.repo(), "ls-tree", "--name-only", "production").split()
        if "rollout.yaml" not in listed:
            return {}
        found = yaml.safe_load(git(self.github.repo(), "show", "production:rollout.yaml"))
        return {one["role"]: one["version"] for one in found["models"]}

    def report(self, name: str) -> list[str]:
        """Lines that a stand-in wrote."""
        file = self.docker / name
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """A model on main, a branch production with nothing on it."""
    folder = tmp_path_factory.mktemp("town")
    sources = copy(shared(tmp_path_factory, "small", small), folder / "sources")
    with serve(tmp_path_factory.mktemp("github")) as github, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{ROOT / 'tests/workflows/bin'}{os.pathsep}{os.environ['PATH']}")
        yield Town(github, folder, sources)


@pytest.fixture(scope="module")
def broken(town):
    """A release of main's model in which the push of the image breaks; the commit of main."""
    sha = town.approved(docs)
    return sha, town.run(LOOP_DOCKER_FAILS="push")


def test_a_push_of_the_image_that_breaks_leaves_nothing_that_points_to_it(town, broken):
    assert broken[1].code != 0
    assert town.state() == {}
    assert (town.github.releases, town.report("attested")) == ([], [])


@pytest.fixture(scope="module")
def first(town, broken):
    """The first release: the same run again."""
    sha, _ = broken
    done = town.run()
    assert done.code == 0, done.log[-5000:]
    return sha, done


def test_the_first_release_is_champion_by_the_digest_that_was_pushed_and_attested(town, first):
    sha, _ = first
    assert town.state() == {"champion": 1}
    version = yaml.safe_load(git(town.github.repo(), "show", "production:versions/1.yaml"))
    (pushed,) = town.report("pushed")
    assert (version["commit"], version["image"]) == (sha, pushed)
    assert pushed.startswith(f"ghcr.io/{NAME}@sha256:")
    assert town.report("attested") == [f"provenance {pushed}", f"sbom {pushed}"]


def test_the_run_left_a_receipt_of_the_image_that_it_pushed(town, first):
    (pushed,) = town.report("pushed")
    left = [name for some in town.github.artifacts.values() for name, _ in some if name.startswith("image")]
    assert left == [image_origin.receipt_of(pushed.rpartition("@")[2])]


def test_github_has_one_release_on_the_commit_of_main_with_the_list_of_packages(town, first):
    (release,) = town.github.releases
    assert (release["tag_name"], release["target_commitish"]) == ("v1", first[0])
    assert [one["name"] for one in release["assets"]] == ["sbom.cdx.json"]


def test_no_log_shows_a_token(town, first):
    assert not [token for token in town.github.tokens if token in first[1].log]


def test_the_same_commit_again_and_a_change_of_docs_stop_before_anything_is_built(town, first):
    before, built = git(town.github.repo(), "rev-parse", "production"), town.report("log")
    for unapproved in (None, docs):
        if unapproved is not None:
            town.github.merge(town.propose(unapproved))
        done = town.run()
        assert done.code == 0, done.log[-3000:]
        assert "nothing to release" in done.log
        assert "The version is built" not in done.log.replace("Is there anything", "")
    assert git(town.github.repo(), "rev-parse", "production") == before
    assert (town.report("log"), len(town.github.releases)) == (built, 1)


def test_an_unapproved_change_is_red_and_nothing_is_built(town, first):
    state, built = town.state(), town.report("log")
    before = git(town.github.repo(), "show", "main:src/loop/serve/service.py") + "\n"
    number = town.propose(serving)
    town.judged(number)
    town.github.merge(number)
    for jobs in (("plan",), ()):
        done = town.run(*jobs)
        assert done.code != 0
        assert f"(#{number}) may not be released" in done.log
    assert (town.state(), town.report("log")) == (state, built)
    town.approved(lambda repo: (repo.path / "src/loop/serve/service.py").write_text(before))


def test_results_that_do_not_come_out_again_are_refused_by_stage(town, first):
    """A lock that names a model which nothing makes, though it was approved."""
    state, built = town.state(), town.report("log")
    before = git(town.github.repo(), "show", "main:dvc.lock") + "\n"

    def forge(repo):
        serving(repo)
        lock = yaml.safe_load(repo.text("dvc.lock"))
        outs = lock["stages"]["train"]["outs"]
        md5 = next(out["md5"] for out in outs if out["path"].endswith(".skops"))
        repo.edit("dvc.lock", md5, "f" * 32)

    town.approved(forge)
    done = town.run()
    assert done.code != 0
    assert "stage train: models/model.skops is ffffffffffff on main" in done.log
    assert (town.state(), town.report("log")) == (state, built)
    town.approved(lambda repo: (repo.path / "dvc.lock").write_text(before))
