"""`update.yml`, `status.yml` and a good week of `reproduce.yml`, executed as in a copy of the template."""

import io
import tarfile
import zipfile

import pytest

from conftest import copy, copy_sources, shared
from loop.production.heartbeats import LOG
from loop.repo import machinery
from support.small_problem import small
from workflows.act import Runner
from workflows.double import git, serve

CHANGELOG = "# Changelog\n\n## Unreleased\n\n## {later}\n\n- Eleven.\n\n## {first}\n\n- It began.\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A runner of a GitHub of our own, with a copy of a template that has brought a version since."""
    template = copy_sources(tmp_path_factory.mktemp("template") / "repo")
    first, later = machinery.version(template.path), "99.0.0"
    template.git("tag", "-a", f"v{first}", "-m", first)
    own = copy(template, tmp_path_factory.mktemp("copy") / "repo")
    template.edit("pyproject.toml", f'version = "{first}"', f'version = "{later}"')
    template.append("src/loop/base/counted.py", "\n\nELEVEN = 11\n")
    (template.path / "CHANGELOG.md").write_text(CHANGELOG.format(first=first, later=later))
    template.commit()
    template.git("tag", "-a", f"v{later}", "-m", later)
    own.run("python", "-m", "loop.init.template_parts")
    own.git("checkout", "--", "src/problem", "pyproject.toml", "uv.lock")  # the environment is shared
    machinery.record(own.path, "own", str(template.path))
    own.commit()
    with serve(tmp_path_factory.mktemp("github")) as double:
        double.settings.workflow["can_approve_pull_request_reviews"] = True
        git(own.path, "push", "--quiet", str(double.repo()), "main")
        double.home = own.path
        yield Runner(double, tmp_path_factory.mktemp("runner"))


def test_a_later_version_of_the_template_is_merged_and_opened(machine):
    double = machine.double
    done = machine.act("update.yml", "workflow_dispatch", {}, sha=double.tip("main"), GITHUB_RUN_ID="401")
    assert done.code == 0, done.log[-3000:]
    (pull,) = double.pulls
    assert (pull["branch"], pull["labels"]) == ("update/99.0.0", ["dependencies"])
    assert "ELEVEN = 11" in git(double.repo(), "show", "update/99.0.0:src/loop/base/counted.py")
    assert not [token for token in double.tokens if token in done.log]


def test_a_run_of_a_schedule_is_put_on_record_and_the_page_shows_it(machine):
    """The run of `audit.yml` that ended well, told by GitHub's event; the page goes to GitHub Pages."""
    double = machine.double
    number = double.judge(name="audit", path=".github/workflows/audit.yml", event="schedule")
    machine.variables["STATUS_PAGE"] = "true"
    done = machine.act(
        "status.yml",
        "workflow_run",
        {"action": "completed", "workflow_run": double.runs[number]},
        sha=double.tip("main"),
        GITHUB_RUN_ID="402",
    )
    assert done.code == 0, done.log[-3000:]
    said = git(double.repo(), "log", "--format=%B", LOG.branch)
    assert "Schedule: audit" in said
    assert f"Run: {double.runs[number]['html_url']}" in said
    ((name, content),) = double.artifacts[402]
    assert name == "github-pages"
    with tarfile.open(fileobj=zipfile.ZipFile(io.BytesIO(content)).open("artifact.tar")) as page:
        assert "audit" in page.extractfile("./index.html").read().decode()
        assert "./made.json" not in page.getnames(), "it is of this machine"
    assert "the page is the artifact github-pages" in done.log


def test_a_champion_that_comes_out_again_passes_the_week(tmp_path_factory, tmp_path):
    repo = copy(shared(tmp_path_factory, "small", small), tmp_path / "repo")
    repo.run("loop", "release", "record")
    with serve(tmp_path_factory.mktemp("github")) as double:
        git(repo.path, "push", "--quiet", str(double.repo()), "main", "production")
        double.home = repo.path
        runner = Runner(double, tmp_path_factory.mktemp("runner"))
        event = {"schedule": "17 4 * * 1"}
        done = runner.act("reproduce.yml", "schedule", event, sha=double.tip("main"), jobs=("champion",))
    assert done.code == 0, done.log[-3000:]
    assert "version 1 came out again: " in done.log
    assert not double.issues
