"""A version's commit is brought from origin by the way that the person who runs it has set."""

import pytest

from loop.base.errors import LoopError
from loop.deploy import version_home
from loop.repo.git import git
from support.states import version


def test_the_way_to_origin_that_is_set_reaches_the_fetch_of_a_commit(clone, tmp_path, monkeypatch):
    """A key for ssh is named by GIT_SSH_COMMAND: without it the branch came, and its commits did not."""
    seen = tmp_path / "seen"
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\necho "$@" > {seen}\nexit 1\n')
    ssh.chmod(0o755)
    git("remote", "set-url", "origin", "git@example.test:team/model.git")
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    with pytest.raises(LoopError, match="of version 3 cannot be had"):
        version_home.bring(version(3), tmp_path / "host")
    assert "team/model.git" in seen.read_text()


def test_a_hooks_variables_reach_no_fetch(clone, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    with pytest.raises(LoopError, match="of version 3 cannot be had"):
        version_home.bring(version(3), tmp_path / "host")
