"""A version's folder holds what its commit and lock name, and comes by the way that a person has set."""

import shutil
import sys
from pathlib import Path

import pytest

from loop.base.errors import LoopError
from loop.deploy import version_home
from loop.repo.git import git
from support.states import version

pytestmark = pytest.mark.slow  # worktrees with environments of their own


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


def test_whatever_was_changed_in_a_version_s_folder_is_as_its_commit_and_lock_name_it(
    stored, tmp_path, monkeypatch
):
    monkeypatch.setattr(version_home, "_python", lambda *_: Path(sys.executable))
    home = version_home.bring(stored, tmp_path / "host").path

    def held() -> dict[str, bytes]:
        files = (path for path in home.rglob("*") if path.is_file())
        return {str(path.relative_to(home)): path.read_bytes() for path in files}

    whole = held()
    assert {"models/model.skops", "models/reference.json", "models/lineage.json"} <= set(whole)
    for name in ("models/reference.json", "models/model.skops", "models/lineage.json"):
        (home / name).unlink()
        (home / name).write_text("something else")
        (home / "src").mkdir(exist_ok=True)
        for more in ("src/sitecustomize.py", "mlruns/ignored.py", "src/x.pth"):
            (home / more).parent.mkdir(exist_ok=True)
            (home / more).write_text("raise SystemExit(1)")
        assert version_home.bring(stored, tmp_path / "host").path == home
        assert held() == whole


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def link(path: Path) -> None:
    aside = path.rename(path.parents[3] / path.name)
    path.symlink_to(aside)


def far(path: Path) -> None:
    path.unlink()
    (path.parents[3] / "far").mkdir(mode=0o755)
    path.symlink_to(path.parents[3] / "far")


WAYS = {
    "a folder": folder,
    "a link to a folder": far,
    "a link to the same": link,
    "may not be read": lambda path: path.chmod(0),
    "in a folder that may not be read": lambda path: path.parent.chmod(0),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["models/reference.json", "models/model.skops"])
def test_what_is_no_readable_file_is_brought_anew(stored, tmp_path, no_environment, name, way):
    """What a link leads to may change after it was looked at; a folder hid the true one in the cache."""
    home = version_home.bring(stored, tmp_path / "host").path
    whole = (home / name).read_bytes()
    WAYS[way](home / name)
    assert way.endswith("read") or not version_home.holds(stored, tmp_path / "host")  # root may read all
    version_home.bring(stored, tmp_path / "host")
    assert (home / name).read_bytes() == whole
    assert not (home / name).is_symlink()
    if way == "a link to a folder":
        assert (tmp_path / "host/far").stat().st_mode & 0o777 == 0o755


@pytest.fixture
def no_environment(monkeypatch) -> None:
    monkeypatch.setattr(version_home, "_python", lambda *_: Path(sys.executable))
    monkeypatch.setattr(version_home, "_as_installed", lambda *_: True)


def test_a_folder_that_is_made_anew_keeps_a_model_that_no_cache_has_any_more(
    clone, stored, tmp_path, no_environment
):
    home = version_home.bring(stored, tmp_path / "host").path
    whole = (home / "models/model.skops").read_bytes()
    shutil.rmtree(clone / ".dvc/cache")
    (home / "dvc.lock").write_text("stages: {}\n")
    assert version_home.bring(stored, tmp_path / "host").path == home
    assert (home / "models/model.skops").read_bytes() == whole
    assert version_home.holds(stored, tmp_path / "host")


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_folder_whose_index_was_told_to_look_away_is_made_anew(stored, tmp_path, no_environment, flag):
    home = version_home.bring(stored, tmp_path / "host").path
    true = (home / "dvc.lock").read_text()
    git("update-index", flag, "dvc.lock", cwd=home)
    (home / "dvc.lock").write_text("stages: {}\n")
    assert not version_home.holds(stored, tmp_path / "host")
    version_home.bring(stored, tmp_path / "host")
    assert (home / "dvc.lock").read_text() == true
    assert version_home.holds(stored, tmp_path / "host")


def test_what_somebody_told_the_index_of_a_version_is_its_own_is_not_run(stored, tmp_path, no_environment):
    home = version_home.bring(stored, tmp_path / "host").path
    (home / "src").mkdir(exist_ok=True)
    (home / "src/sitecustomize.py").write_text("raise SystemExit(1)")
    git("add", "--force", "src/sitecustomize.py", cwd=home)
    assert not version_home.holds(stored, tmp_path / "host")
    assert not (home / "src/sitecustomize.py").exists()
    assert version_home.holds(stored, tmp_path / "host")


def test_no_attribute_makes_a_changed_file_the_committed_one(stored, tmp_path, no_environment):
    home = version_home.bring(stored, tmp_path / "host").path
    true = (home / "dvc.lock").read_text()
    (home / "dvc.lock").write_text(f"# +{true}")
    git("config", "filter.x.clean", "git cat-file blob HEAD:%f")
    attributes = Path(git("rev-parse", "--git-path", "info/attributes"))
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("dvc.lock filter=x\n")
    assert not version_home.holds(stored, tmp_path / "host")
    assert (version_home.bring(stored, tmp_path / "host").path / "dvc.lock").read_text() == true


def test_a_folder_that_was_made_another_repository_s_is_made_anew(stored, tmp_path, no_environment):
    """Its settings may name another folder, in which all is as committed, as the one to look at."""
    home = version_home.bring(stored, tmp_path / "host").path
    true, other = (home / "dvc.lock").read_text(), tmp_path / "other"
    git("clone", "--quiet", "--no-local", ".", str(other))
    git("config", "core.worktree", str(other), cwd=other)
    (home / "dvc.lock").write_text("stages: {}\n")
    (home / ".git").write_text(f"gitdir: {other}/.git\n")
    assert not version_home.holds(stored, tmp_path / "host")
    assert (version_home.bring(stored, tmp_path / "host").path / "dvc.lock").read_text() == true
    assert version_home.holds(stored, tmp_path / "host")


@pytest.mark.parametrize(
    "name",
    ["src/sitecustomize.py", "src/__pycache__/x.pyc", "models/reference.json", "models/lineage.json", ""],
)
def test_what_a_running_server_s_next_worker_would_read_is_held_to_commit_and_lock(
    stored, tmp_path, no_environment, name
):
    home = version_home.bring(stored, tmp_path / "host").path
    (home / "models/compiled").mkdir()  # an older server's own
    (home / "models/compiled/x.so").write_text("")
    if name:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("raise SystemExit(1)")
    assert version_home.holds(stored, tmp_path / "host") is (name == "")
    version_home.bring(stored, tmp_path / "host")
    assert not (home / "models/compiled").exists(), "nothing that no hash names is left to be loaded"


def test_what_somebody_put_into_a_version_s_environment_is_not_run(stored, tmp_path, monkeypatch):
    """What Python finds first is what was installed: else it is removed, or installed again."""
    installed = []

    def install(_home, environment: Path, _here, **_) -> None:
        installed.append(environment)
        for name in ("bin/python", "pyvenv.cfg", "site-packages/numpy/__init__.py", "site-packages/own.pth"):
            file = environment / name.replace("site", "lib/python3/site")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)

    monkeypatch.setattr(version_home, "install", install)
    version_home.bring(stored, tmp_path / "host")
    packages = installed[0] / "lib/python3/site-packages"
    for stray in ("sitecustomize.py", "x.pth", "pandas/__init__.py"):
        (packages / stray).parent.mkdir(exist_ok=True)
        (packages / stray).write_text("raise SystemExit(1)")
    version_home.bring(stored, tmp_path / "host")
    assert {path.name for path in packages.iterdir()} == {"numpy", "own.pth"}
    assert len(installed) == 1, "nothing was fetched"
    (packages / "own.pth").write_text("import os")
    version_home.bring(stored, tmp_path / "host")
    assert (packages / "own.pth").read_text() == "site-packages/own.pth"
    assert len(installed) == 2
    for fault in ("import os", None):  # within a package, which Python finds as before
        inner = packages / "numpy/__init__.py"
        inner.write_text(fault) if fault else inner.unlink()
        version_home.bring(stored, tmp_path / "host")
        assert inner.read_text() == "site-packages/numpy/__init__.py"
    bytecode = packages / "numpy/__pycache__/x.pyc"  # which Python may take without a look at its source
    bytecode.parent.mkdir()
    bytecode.write_text("")
    version_home.bring(stored, tmp_path / "host")
    assert not bytecode.exists()
    assert len(installed) == 4, "nothing was fetched for a file that is no package's"


def test_an_environment_that_was_made_before_this_was_written_down_is_kept(stored, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(version_home, "install", lambda _, environment, *__, **___: made.append(environment))
    version_home.bring(stored, tmp_path / "host")
    (made[0] / "bin").mkdir(parents=True)
    (made[0] / "bin/python").write_text("")
    mark = tmp_path / "host/complete" / made[0].name
    mark.write_text("{}")
    version_home.bring(stored, tmp_path / "host")
    assert len(made) == 1
    (made[0] / "bin/python").write_text("other")
    version_home.bring(stored, tmp_path / "host")
    assert len(made) == 2


@pytest.mark.parametrize("data", [b'{"files": [', b"[]", b"\xff", b"1"], ids=ascii)
def test_an_environment_whose_record_is_damaged_is_made_anew(tmp_path, data):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").touch()
    mark = tmp_path / "made.json"
    mark.write_bytes(data)
    assert not version_home._as_installed(tmp_path, mark)
    version_home._remove_strays(tmp_path, mark)
    assert (tmp_path / "bin/python").exists()
