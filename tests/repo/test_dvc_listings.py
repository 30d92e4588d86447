"""Listings of DVC's: none is taken that has another hash than its name, or leads out of its folder."""

import hashlib
import json
from pathlib import Path

import pytest

from conftest import Repo
from loop.base.errors import LoopError
from loop.repo import dvc_listings, rerun
from loop.repo.git import git

TRUE = {"md5": "0" * 32, "relpath": "a/b.parquet"}


@pytest.fixture
def tracked(tmp_path, monkeypatch) -> Path:
    """A repository whose folder data/raw is in a remote, and nowhere else; the remote's folder of objects."""
    repo, remote = Repo(tmp_path / "repo"), tmp_path / "remote"
    raw = repo.path / "data/raw"
    raw.mkdir(parents=True)
    monkeypatch.chdir(repo.path)
    git("init", "--quiet")
    (raw / "a.txt").write_text("true")
    for call in (
        ("init", "--quiet"),
        ("remote", "add", "--default", "there", str(remote)),
        ("add", "--quiet", "data/raw"),
        ("push", "--quiet"),
    ):
        repo.run("dvc", *call)
    (repo.path / "dvc.yaml").write_text("stages: {}\n")
    repo.run("rm", "-rf", ".dvc/cache", "data/raw")
    return remote / "files/md5"


def listing(remote: Path) -> Path:
    """The remote's listing of the folder."""
    (found,) = remote.glob("??/*.dir")
    return found


def put(remote: Path, text: str) -> str:
    """An object of the remote by its true name."""
    md5 = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    (remote / md5[:2]).mkdir(exist_ok=True)
    (remote / md5[:2] / md5[2:]).write_text(text)
    return md5


def leads_out(remote: Path, path: str) -> str:
    """The text of a listing that puts a file somewhere else."""
    return json.dumps([{"md5": put(remote, "evil"), "relpath": path}])


OUT = ("../../.venv/lib/sitecustomize.py", "../../src/new.py", "x/../../../evil.py", "/etc/evil", "a//b", ".")


@pytest.mark.parametrize("path", OUT)
def test_a_true_listing_that_leads_out_of_its_folder_is_refused(path):
    text = json.dumps([TRUE, {"md5": "1" * 32, "relpath": path}]).encode()
    oid = hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"
    assert f"names {path!r}, which is not in the folder" in dvc_listings.check(oid, text)


@pytest.mark.parametrize("md5", ["aa/../../../.venv/x", "0" * 31, "0" * 33, "G" * 32])
def test_a_hash_that_is_none_names_a_file_elsewhere_and_is_refused(md5):
    text = json.dumps([{"md5": md5, "relpath": "a"}]).encode()
    oid = hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"
    assert "names the hash" in dvc_listings.check(oid, text)


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "[1]", "nothing", '[{"relpath": "a"}]'])
def test_what_is_no_listing_is_refused_in_words(text):
    oid = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + ".dir"
    assert dvc_listings.check(oid, text.encode()) in ("is no list of files", "")


def test_a_listing_of_the_remote_that_is_not_what_it_is_named_writes_nowhere(tracked):
    listing(tracked).chmod(0o644)
    listing(tracked).write_text(leads_out(tracked, "../../.venv/lib/sitecustomize.py"))
    with pytest.raises(LoopError, match="in the remote of DVC has another hash than its name"):
        rerun.run([Path("data/raw")])
    assert not Path(".venv").exists()
    assert not Path("data/raw").exists()


def test_a_file_of_dvcs_that_names_a_listing_out_of_its_folder_is_refused(tracked):
    evil = leads_out(tracked, "../../.venv/lib/sitecustomize.py")
    md5 = put(tracked, evil) + ".dir"
    (tracked / md5[:2] / md5[2:].removesuffix(".dir")).rename(tracked / md5[:2] / md5[2:])
    file = Path("data/raw.dvc")
    file.write_text(file.read_text().replace(old(file), md5))
    with pytest.raises(LoopError, match="which is not in the folder"):
        rerun.run([Path("data/raw")])
    assert not Path(".venv").exists()


def old(file: Path) -> str:
    """The hash that a .dvc file names."""
    return next(line.split()[-1] for line in file.read_text().splitlines() if "md5: " in line)


def test_a_file_of_dvcs_whose_hash_is_a_path_is_refused(tracked):
    file = Path("data/raw.dvc")
    file.write_text(file.read_text().replace(old(file), "aa/../../../../evil"))
    with pytest.raises(LoopError, match=r"data/raw.dvc names the hash 'aa/"):
        dvc_listings.hold()


def test_a_false_listing_of_the_cache_is_dropped_and_the_remotes_true_one_taken(tracked):
    name = f"{listing(tracked).parent.name}/{listing(tracked).name}"
    cached = Path(".dvc/cache/files/md5") / name
    cached.parent.mkdir(parents=True)
    cached.write_text(leads_out(tracked, "../../src/evil.py"))
    cached.chmod(0o444)
    assert dvc_listings.hold() == {}
    assert cached.read_bytes() == listing(tracked).read_bytes()


def test_a_listing_that_no_remote_has_is_nothing_to_worry_about_and_one_that_is_silent_is_told(tracked):
    oid = listing(tracked).parent.name + listing(tracked).name
    listing(tracked).unlink()
    assert dvc_listings.hold() == {oid: ""}
    tracked.parent.parent.rename("remote")
    tracked.parent.parent.write_text("no folder")
    assert "Not a directory" in dvc_listings.hold()[oid]
    Path(".dvc/config").write_text(
        "[core]\n    remote = there\n['remote \"there\"']\n    url = nothing://x\n"
    )
    assert "Unsupported URL" in next(iter(dvc_listings.hold().values()))
