"""The clone from which a pull request is opened."""

import subprocess

import pytest

from loop.base.errors import LoopError
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


@pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
@pytest.mark.parametrize("there", [True, False])
def test_of_a_partial_clone_it_is_whole_or_refused(tmp_path, monkeypatch, kind, there):
    """Files that were not here looked deleted, and a pull request would have deleted them."""
    origin, partial = tmp_path / "origin", tmp_path / "partial"
    git("init", "-q", str(origin))
    for name, value in (("user.name", "a"), ("user.email", "a@b"), ("uploadpack.allowFilter", "true")):
        git("config", name, value, cwd=origin)
    for text in ("old", "new"):
        (origin / "file").write_text(text)
        git("add", "file", cwd=origin)
        git("commit", "-qm", text, cwd=origin)
    git("clone", "-q", f"--filter={kind}", origin.as_uri(), str(partial))
    monkeypatch.chdir(partial)
    if there:
        with pull_request.clone("HEAD~") as place:
            assert (place / "file").read_text() == "old"
            assert git("status", "--porcelain", cwd=place) == ""
        return
    origin.rename(tmp_path / "gone")
    with pytest.raises(LoopError), pull_request.clone("HEAD~"):
        pytest.fail("it lacks a file")
