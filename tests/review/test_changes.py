"""What changed: params, policy, packages, data; each key once, with what it was and is."""

import pytest
import yaml

from loop.review.base import Base
from loop.review.changes import _data, in_git, moved, packages, sources
from loop.review.verdict import Change


def rows(found: list[Change]) -> list[tuple]:
    return [(row.name, row.old, row.new) for row in found]


def test_only_what_differs_is_reported_with_what_it_was_and_is():
    old, new = {"a": 1, "b": [1], "gone": True}, {"a": 1, "b": [2], "come": None, "here": 0}
    assert rows(moved(old, new)) == [
        ("b", "[1]", "[2]"),
        ("come", None, "null"),
        ("gone", "true", None),
        ("here", None, "0"),
    ]


def lock(**versions: str) -> str:
    return "".join(f'[[package]]\nname = "{name}"\nversion = "{at}"\n' for name, at in versions.items())


def test_packages_that_moved_came_or_went_are_reported():
    found = packages(lock(numpy="2.4.5", gone="1.0", same="3.0"), lock(numpy="2.4.6", come="0.1", same="3.0"))
    assert rows(found) == [("come", None, "0.1"), ("gone", "1.0", None), ("numpy", "2.4.5", "2.4.6")]


def test_a_lock_that_cannot_be_read_tells_no_version():
    assert rows(packages("not = [toml", lock(numpy="2.4.6"))) == [("numpy", None, "2.4.6")]
    assert packages(None, None) == []


def entry(
    name: str, version: str = "1.0", host: str = "files.pythonhosted.org", sha: str = "a", **more: str
) -> str:
    """A package of uv.lock, with one file."""
    source = more.get("source", 'registry = "https://pypi.org/simple"')
    wheel = f'{{ url = "https://{host}/{name}-{version}.whl", hash = "sha256:{sha}" }}'
    return (
        f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ {source} }}\nwheels = [{wheel}]\n'
    )


BEFORE = entry("sklearn") + entry("typer", "0.29")
BUMPED = entry("typer", "0.30")


def test_another_address_of_a_package_is_named_first_whatever_moved_beside_it():
    after = entry("sklearn", host="evil.example") + BUMPED
    assert [row.name for row in packages(BEFORE, after)] == ["sklearn", "typer"]
    assert rows(sources(BEFORE, after)) == [
        (
            "sklearn",
            "https://files.pythonhosted.org, https://pypi.org/simple",
            "https://evil.example",
        )
    ]


def test_a_lock_in_which_no_package_can_be_seen_is_named_with_why():
    """Uv reads it: what it installs would be in no list."""
    (found,) = sources(BEFORE, BEFORE.replace("[[package]]", "[[distribution]]"))
    assert (found.name, found.new) == ("uv.lock", "a key that uv does not write: distribution")


def test_another_hash_of_the_same_version_is_named():
    (first, second) = packages(BEFORE, entry("sklearn", sha="b") + BUMPED)
    assert first.name == "sklearn"
    assert first.old.startswith("1.0, files ")
    assert first.old != first.new
    assert (second.name, second.old, second.new) == ("typer", "0.29", "0.30")
    assert not sources(BEFORE, entry("sklearn", sha="b") + BUMPED)


def test_what_an_index_tells_of_the_same_file_is_no_change():
    """`uv lock` adds sizes where an index tells them: 262 packages would stand before the one that moved."""
    told = BEFORE.replace(', hash = "sha256:a" }', ', hash = "sha256:a", size = 7, upload-time = "2026" }')
    assert told != BEFORE
    assert packages(BEFORE, told) == []


def test_packages_that_the_problem_imports_come_before_the_others(bare_copy, monkeypatch):
    """Views may be among them: a reviewer sees a bump of them, whatever moved beside it."""
    bare_copy.append("src/problem/features.py", "import numpy as np\nfrom team_views import VIEWS\n")
    names = ("aiohttp", "numpy", "team-views", "zipp")
    bare_copy.append("uv.lock", lock(**dict.fromkeys(names, "1.0")))
    commit = bare_copy.commit()
    (bare_copy.path / "uv.lock").write_text(
        bare_copy.text("uv.lock").replace(
            lock(**dict.fromkeys(names, "1.0")), lock(**dict.fromkeys(names, "2"))
        )
    )
    monkeypatch.chdir(bare_copy.path)
    found = in_git(Base("main", commit, commit))
    assert [row.name for row in found.environment] == ["numpy", "team-views", "aiohttp", "zipp"]


@pytest.mark.parametrize("stage", ["made by a stage", "only read"])
def test_a_file_by_which_dvc_names_data_is_a_change_of_what_reads_them(bare_copy, monkeypatch, stage):
    """Raw data that DVC keeps, in place of a stage's or as they were: another hash is other data."""
    monkeypatch.chdir(bare_copy.path)
    if stage == "only read":
        whole = yaml.safe_load(bare_copy.text("dvc.yaml"))
        del whole["stages"]["ingest"]
        (bare_copy.path / "dvc.yaml").write_text(yaml.safe_dump(whole))
    (bare_copy.path / "data").mkdir(exist_ok=True)
    place = bare_copy.path / "data/raw.dvc"
    place.write_text(f"outs:\n- md5: {'0' * 32}.dir\n  path: raw\n")
    bare_copy.git("add", "--force", "data/raw.dvc")
    commit = bare_copy.commit()
    place.write_text(place.read_text().replace("000", "111", 1))
    found = in_git(Base("main", commit, commit))
    assert found.code == {"validate": ["data/raw.dvc +1 -1"]}
    assert not found.other


def test_data_that_stages_read_of_elsewhere_are_told_by_their_hash_and_no_part_of_a_folder_twice():
    def lock_of(raw: str) -> dict:
        made = {"outs": [{"path": "data/examples", "md5": f"{raw}2.dir"}]}
        reads = {"deps": [{"path": "data/raw", "md5": f"{raw}1.dir"}, {"path": "src/a.py", "md5": raw}]}
        part = {"deps": [{"path": "data/examples/train.parquet", "md5": f"{raw}3"}]}
        return {"stages": {"examples": made | reads, "train": part}}

    assert rows(moved(_data(lock_of("a")), _data(lock_of("b")))) == [
        ("data/examples", "a2.dir", "b2.dir"),
        ("data/raw", "a1.dir", "b1.dir"),
    ]


def test_each_version_of_a_package_counts():
    """A lock may hold several, one for each platform: none stands for the others."""
    twice = entry("numpy", "1.0") + entry("numpy", "2.0")
    assert rows(packages(entry("numpy", "2.0"), twice)) == [("numpy", "2.0", "1.0, 2.0")]
    moved_one = entry("numpy", "1.0", host="evil.example") + entry("numpy", "2.0")
    assert [row.new for row in sources(twice, moved_one)] == ["https://evil.example"]


@pytest.mark.parametrize(
    "host",
    [
        "files.pythonhosted.org@evil.example",
        "evil.example\\\\@files.pythonhosted.org",
        "files.pythonhosted.org.evil.example",
        "files.pythonhosted.org:444",
    ],
)
def test_an_address_that_looks_like_the_known_one_is_another(host):
    assert [row.name for row in sources(BEFORE, entry("sklearn", host=host))] == ["sklearn"]


def test_a_package_that_moves_between_two_known_places_and_a_new_one_from_nowhere_known_are_named():
    private = 'registry = "https://own.example/simple"'
    both = entry("own", source=private, host="own.example") + entry("sklearn")
    assert [row.name for row in sources(both, entry("own") + entry("sklearn"))] == ["own"]
    assert not sources(both, both + entry("new"))
    git = 'git = "https://github.com/a/b?rev=1#2"'
    assert [row.name for row in sources(both, both + entry("new", source=git))] == ["new"]
