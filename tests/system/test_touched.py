"""`pytest --touched-by main`: a change runs the tests that it reaches, and is not held up by others."""

import re

import pytest

from conftest import Repo, copy_sources

DOCS = "docs"  # a path that this file named would be one that it is reached by


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Repo:
    """The sources as one commit, whose tests are compiled once."""
    return copy_sources(tmp_path_factory.mktemp("clean"))


@pytest.mark.parametrize(
    ("path", "runs", "leaves"),
    [
        ("src/loop/stats/psi.py", "tests/stats/test_psi.py", "tests/problem/test_source.py"),
        ("dvc.yaml", "tests/test_structure.py", "tests/stats/test_psi.py"),
        ("params.yaml", "tests/contract/test_problem.py", "tests/stats/test_psi.py"),
        (f"{DOCS}/review.md", "", "tests/test_structure.py"),
    ],
)
def test_a_change_runs_what_it_reaches(clean, path, runs, leaves):
    clean.append(path, "\n# one more line\n")
    done = clean.run("pytest", "--touched-by", "main", "--collect-only", "-q")
    clean.git("checkout", "--quiet", "--", path)
    found = set(re.findall(r"^(tests/\S+?\.py)::", done.stdout, re.MULTILINE))
    assert runs in found or (not runs and not found)
    assert leaves not in found


@pytest.mark.parametrize(
    ("package", "runs", "leaves"),
    [
        ("ruff", "tests/test_structure.py", "tests/stats/test_psi.py"),
        ("redis", "tests/serve/test_online.py", "tests/stats/test_psi.py"),
        (
            "python-dateutil",
            "tests/data/test_contract.py",
            "tests/repo/test_default_branch.py",
        ),  # pandas needs it
    ],
)
def test_a_lock_runs_what_its_packages_reach(clean, package, runs, leaves):
    head, name, rest = clean.text("uv.lock").partition(f'\n[[package]]\nname = "{package}"\n')
    lock = head + name + re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", rest, count=1)
    (clean.path / "uv.lock").write_text(lock)
    done = clean.run("pytest", "--touched-by", "main", "--collect-only", "-q")
    clean.git("checkout", "--quiet", "--", "uv.lock")
    found = set(re.findall(r"^(tests/\S+?\.py)::", done.stdout, re.MULTILINE))
    assert name
    assert runs in found or (not runs and not found)
    assert leaves not in found
