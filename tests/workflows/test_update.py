"""The two jobs of `update.yml`: one that merges and may read, one that opens the pull request or an issue."""

import json
import os

import pytest
import yaml

from conftest import ROOT
from loop.base.errors import LoopError
from loop.update import open_update, update
from loop.update.make_update import Wanted
from support.template import NEXT, Copy, Template
from workflows.act import CML
from workflows.double import NAME, git, serve

JOBS = yaml.safe_load((ROOT / ".github/workflows/update.yml").read_text())["jobs"]
WORKFLOW = ".github/workflows/checks.yml"


class Site:
    """A copy on a GitHub of our own, whose jobs run with the rights that the workflow gives them."""

    def __init__(self, double, folder, monkeypatch, template: Template, copy: Copy) -> None:
        self.double, self.folder, self.patch = double, folder, monkeypatch
        self.template, self.copy = template, copy

    def job(self, name: str) -> None:
        """A fresh checkout of main, as deep as the workflow says, and a token of that job."""
        place = self.folder / f"job{self.double.next()}"
        deep = JOBS[name]["steps"][0]["with"].get("fetch-depth", 1) == 0
        depth = () if deep else ("--depth=1",)
        git(self.folder, "clone", "--quiet", *depth, self.double.repo().as_uri(), str(place))
        git(place, "remote", "set-url", "origin", f"{self.double.url}/{NAME}.git")
        token = f"ghs_{self.double.next()}"
        self.double.tokens[token] = dict(JOBS[name]["permissions"])
        self.patch.setenv("GITHUB_TOKEN", token)
        self.patch.chdir(place)

    def merge(self) -> str:
        """The first job; the version that it names to the second, if any."""
        self.job("update")
        output = self.folder / "output"
        output.write_text("")
        self.patch.setenv("GITHUB_OUTPUT", str(output))
        writes = list(self.double.writes)
        update.main(Wanted(), check=False, out=self.folder / "left")
        assert self.double.writes == writes, "it may read alone"
        return output.read_text()

    def open(self) -> None:
        """The second job."""
        self.job("open")
        open_update.main(self.folder / "left")

    def run(self) -> None:
        """The workflow."""
        if self.merge():
            self.open()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A copy at version 1.0.0 of a template that has 1.1.0."""
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "CML_"))]:
        monkeypatch.delenv(name)
    template = Template(tmp_path / "template")
    copy = Copy(tmp_path / "copy", template)
    (tmp_path / "github").mkdir()
    with serve(tmp_path / "github") as double:
        double.settings.workflow["can_approve_pull_request_reviews"] = True
        git(copy.path, "push", "--quiet", str(double.repo()), "main")
        cert = str(double.folder / "cert.pem")
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": f"{double.url}/api/v3",
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_SERVER_URL": double.url,
            "GIT_SSL_CAINFO": cert,
            "REQUESTS_CA_BUNDLE": cert,
            "SSL_CERT_FILE": cert,
            "PATH": f"{CML}{os.pathsep}{os.environ['PATH']}",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *_: None)
        yield Site(double, tmp_path, monkeypatch, template, copy)


def test_a_later_version_becomes_one_labelled_pull_request_that_says_which_click_it_waits_for(site):
    site.template.version("1.1.0", NEXT)
    for _ in range(2):
        site.run()
    (pull,) = site.double.pulls
    assert (pull["branch"], pull["base"]) == ("update/1.1.0", "main")
    assert (pull["title"], pull["labels"]) == ("Update the machinery to version 1.1.0", ["dependencies"])
    assert "press *Approve workflows to run*" in pull["body"]
    assert "Eleven" in pull["body"]
    repo = site.double.repo()
    assert git(repo, "rev-list", "--count", "main..update/1.1.0") == "1"
    assert git(repo, "show", "update/1.1.0:src/loop/one.py") == "ONE = 11"
    assert site.double.held(pull["number"]), "its review starts by that click"
    assert not site.double.issues


def test_in_the_template_itself_and_without_an_address_there_is_nothing_to_do(site, capsys):
    site.copy.commit({"loop-version.json": None})
    git(site.copy.path, "push", "--quiet", str(site.double.repo()), "main")
    assert site.merge() == ""
    assert "nothing to do" in capsys.readouterr().out


def test_without_a_later_version_the_second_job_does_not_run(site):
    assert site.merge() == ""
    assert not site.double.pulls


def test_what_a_person_closed_is_not_opened_again(site):
    site.template.version("1.1.0", NEXT)
    site.run()
    site.double.pulls[0]["state"] = "closed"
    site.run()
    assert len(site.double.pulls) == 1


def test_a_change_of_workflows_is_one_issue_with_the_commands_for_a_person(site):
    site.template.version("1.1.0", {**NEXT, WORKFLOW: "on: [push]\n"})
    for _ in range(2):
        site.run()
        (issue,) = site.double.issues
        issue["state"] = "closed"
    assert not site.double.pulls
    assert not git(site.double.repo(), "for-each-ref", "refs/heads/update")
    assert issue["title"] == "Version 1.1.0 of the template: a person brings it"
    for text in (
        "it changes workflows",
        "loop update --to 1.1.0\ngit push origin update/1.1.0\ngh pr create",
    ):
        assert text in issue["body"]


def test_conflicts_are_one_issue_that_names_them(site):
    site.copy.commit({"src/loop/one.py": "ONE = 5\n"})
    git(site.copy.path, "push", "--quiet", str(site.double.repo()), "main")
    site.template.version("1.1.0", NEXT)
    site.run()
    (issue,) = site.double.issues
    assert "src/loop/one.py: edited here and by the template" in issue["body"]
    assert not site.double.pulls


def test_where_actions_may_open_none_an_issue_says_which_setting_to_turn_on(site):
    site.double.settings.workflow["can_approve_pull_request_reviews"] = False
    site.template.version("1.1.0", NEXT)
    site.run()
    (issue,) = site.double.issues
    assert "loop setup github --apply" in issue["body"]


@pytest.mark.parametrize(
    "change",
    [
        {"branch": "main"},
        {"branch": "update/1.1.0:refs/heads/main"},
        {"version": "1.1.0; rm"},
        {"text": "x" * 60_001},
        {"more": 1},
    ],
)
def test_a_text_that_is_not_of_the_form_opens_nothing(site, change):
    site.template.version("1.1.0", NEXT)
    site.merge()
    path = site.folder / "left/update.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(LoopError, match=r"is not what `loop update --out` writes"):
        site.open()
    assert not site.double.pulls


def test_a_commit_that_is_not_on_top_of_main_opens_nothing(site):
    site.template.version("1.1.0", NEXT)
    site.merge()
    stranger = site.template
    stranger.git("branch", "update/1.1.0")
    stranger.git("bundle", "create", "--quiet", str(site.folder / "left/update.bundle"), "update/1.1.0")
    with pytest.raises(LoopError, match="holds no update"):
        site.open()
    assert not site.double.pulls


def test_a_workflow_that_the_text_is_silent_about_is_not_pushed(site):
    site.template.version("1.1.0", {**NEXT, WORKFLOW: "on: [push]\n"})
    site.merge()
    path = site.folder / "left/update.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "workflows": False}))
    site.open()
    assert not site.double.pulls
    assert len(site.double.issues) == 1
