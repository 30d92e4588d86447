"""`make release` of the template: a version is a section of the changelog, a commit and an annotated tag."""

import shutil
import subprocess

import pytest

from conftest import ROOT
from loop.update.scratch_repository import scratch
from loop.update.versions import Template
from support.template import FIRST, Home

LOG = "# Changelog\n\n## Unreleased\n\n- New: `#1`.\n\n## 1.0.0 (2026-01-05)\n\n- It began.\n"


@pytest.fixture
def home(tmp_path) -> Home:
    """A template at version 1.0.0 with something new."""
    made = Home(tmp_path / "template")
    made.git("config", "user.name", "ann")
    made.git("config", "user.email", "ann@own.example")
    made.commit({"CHANGELOG.md": LOG, "pyproject.toml": FIRST["pyproject.toml"]})
    (made.path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/release", made.path / ".ci/release")
    made.commit({})
    return made


def release(home: Home, version: str) -> subprocess.CompletedProcess[str]:
    command = ["python3", ".ci/release", version]
    return subprocess.run(command, cwd=home.path, capture_output=True, text=True, check=False)


def test_a_version_is_a_commit_and_a_tag_that_copies_find(home, monkeypatch):
    assert release(home, "1.1.0").returncode == 0
    assert home.git("log", "-1", "--format=%s") == "Version 1.1.0"
    assert (
        home.git("tag", "--list", "--format=%(objecttype) %(contents)") == "tag Version 1.1.0\n\n- New: `#1`."
    )
    assert home.git("show", "v1.1.0:pyproject.toml").endswith('[tool.loop]\nversion = "1.1.0"')
    log = home.git("show", "v1.1.0:CHANGELOG.md").split("\n## ")
    assert [part.split("\n")[0].split(" ")[0] for part in log] == ["#", "Unreleased", "1.1.0", "1.0.0"]
    assert log[1].strip() == "Unreleased"
    monkeypatch.chdir(home.path)
    with scratch() as place:
        assert Template(str(home.path), place).versions() == [(1, 1, 0)]


def test_where_a_pull_request_brought_the_section_it_only_tags(home):
    release(home, "1.1.0")
    commit = home.git("rev-parse", "HEAD")
    home.git("tag", "--delete", "v1.1.0")
    assert release(home, "1.1.0").returncode == 0
    assert home.git("rev-parse", "v1.1.0^{commit}") == commit


@pytest.mark.parametrize("version", ["", "1.1", "v1.1.0", "0.9.0", "1.0.0-rc1"])
def test_a_number_that_is_none_or_earlier_is_refused(home, version):
    done = release(home, version)
    assert (done.returncode, home.git("tag")) == (1, "")
    assert f"VERSION={version}" in done.stderr


def test_a_dirty_tree_a_tag_that_is_there_nothing_new_and_a_copy_are_refused(home):
    release(home, "1.1.0")
    assert "a tag v1.1.0 already" in release(home, "1.1.0").stderr
    assert "says nothing below Unreleased or 1.2.0" in release(home, "1.2.0").stderr
    (home.path / "CHANGELOG.md").write_text("mine")
    assert "not committed" in release(home, "1.2.0").stderr
    home.commit({"loop-version.json": "{}"})
    assert "a copy of the template" in release(home, "1.2.0").stderr
