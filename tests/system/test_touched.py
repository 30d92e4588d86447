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
