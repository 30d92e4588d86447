"""The clone from which a pull request is opened."""

import subprocess

from loop.github import pull_request
from loop.repo.git import git

URL = 'https://me:s3cret@example.invalid/team/it\'s "a" \\ model.git'


def test_it_pushes_where_this_clone_does_and_no_command_line_holds_a_password(clone, monkeypatch):
    git("config", "remote.origin.url", URL)
    ran, real = [], subprocess.Popen

    def spy(command, *args, **options):
        ran.append(command)
        return real(command, *args, **options)

    monkeypatch.setattr(subprocess, "Popen", spy)
    with pull_request.clone(git("rev-parse", "HEAD")) as place:
        assert git("remote", cwd=place) == "origin"
        assert git("config", "remote.origin.url", cwd=place) == URL
        assert git("rev-parse", "HEAD", cwd=place) == git("rev-parse", "HEAD")
    assert ran
    assert "s3cret" not in repr(ran)
