"""A commit's files are read from git's objects, whatever lies in the working tree."""

from pathlib import Path

import pytest

from loop.base.errors import LoopError
from loop.repo import git
from loop.repo.commit import Commit, checked_out, contents

FILES = {
    "a.yaml": b"k: [1, 2]\n",
    "b.json": b'{"k": 1}',
    "d/bytes": b"\xff\x00",
    "empty": b"",
    "d/bad.yaml": b"k: [",
    "d/deep.json": b"[" * 100_000,
}


@pytest.fixture
def commit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    git.git("init", "--quiet", "--initial-branch=main")
    for name, raw in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    git.git("add", "--all")
    git.git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "m")
    (tmp_path / "a.yaml").write_text("changed")
    return Commit("HEAD")


def test_a_file_comes_to_the_byte_and_one_that_is_not_there_as_none(commit):
    assert {name: commit.file(name) for name in FILES} == FILES
    assert commit.file("gone") is None
    assert Commit("f" * 40).file("a.yaml") is None


def test_yaml_and_json_come_as_values(commit):
    assert commit.yaml("a.yaml") == {"k": [1, 2]}
    assert commit.json("b.json") == {"k": 1}


@pytest.mark.parametrize(
    ("read", "name", "why"),
    [
        ("yaml", "d/bad.yaml", r"line [12] is not YAML"),
        ("json", "a.yaml", "not JSON"),
        ("json", "d/deep.json", "not JSON"),
        ("text", "gone", "has no gone"),
    ],
)
def test_what_cannot_be_read_says_which_file_of_which_commit(commit, read, name, why):
    with pytest.raises(LoopError, match=why) as caught:
        getattr(commit, read)(name)
    assert "HEAD" in str(caught.value)


def test_all_texts_are_read_by_one_call(commit):
    texts = commit.texts()
    assert texts == {name: raw.decode(errors="replace") for name, raw in FILES.items()}
    assert set(commit.texts("d")) == {"d/bytes", "d/bad.yaml", "d/deep.json"}


def test_what_git_has_and_what_came_before(commit):
    first = git.git("rev-parse", "HEAD")
    git.git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "--allow-empty", "-m", "n")
    assert git.has(first)
    assert not git.has("f" * 40)
    assert git.is_ancestor(first, "HEAD")
    assert not git.is_ancestor("HEAD", first)
    assert not git.is_ancestor("f" * 40, "HEAD")


def test_a_checkout_with_changed_files_is_marked(commit, tmp_path):
    head = git.git("rev-parse", "HEAD")
    assert checked_out() == f"{head}-changed"
    (tmp_path / "a.yaml").write_bytes(FILES["a.yaml"])
    assert checked_out() == head


def broken(path: Path, how: str) -> None:
    whole = path.read_bytes()
    path.unlink()
    if how != "gone":
        path.write_bytes({"empty": b"", "cut": whole[:-6], "another": b"garbage"}[how])


@pytest.mark.parametrize("how", ["empty", "cut", "another", "gone"])
def test_a_file_whose_object_is_broken_is_none_that_is_empty_or_missing(commit, how):
    blob = commit.blobs()["d/deep.json"]
    broken(Path(".git/objects", blob[:2], blob[2:]), how)
    for asked in (commit.texts, lambda: commit.words("d/deep.json"), lambda: contents([blob, blob])):
        if how == "gone" and asked is not commit.texts:
            continue  # by its hash alone nobody knows that there should be one
        with pytest.raises(LoopError, match="git cannot read") as refused:
            asked()
        assert "git fsck" in refused.value.todo
    assert commit.words("gone") is None
    assert Commit("f" * 40).words("a.yaml") is None
