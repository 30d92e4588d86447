"""Which changed files nothing runs, and in which order a person reads the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.repo.inert import inert, shown, steers

FOLDERS = [
    "",
    "docs/",
    "data/",
    "data/raw/table/",
    "models/",
    "reports/plots/",
    "src/problem/",
    "benchmarks/",
]
STEERING = [".dvcignore", "dvc.yaml", "rows.csv.dvc", ".dvc/config", ".gitattributes", "sitecustomize.py"]
STEERING += ["usercustomize.py", "here.pth", ".dvc/config.local", ".dvc/plots/x.json", "uv.toml", "fast.so"]
STEERING += [
    "conftest.py",
    "GNUmakefile",
    ".venv/lib/a.json",
    ".tools/bin/uv",
    "a-1.dist-info/entry_points.txt",
    ".bentoignore",
    ".python-versions",
    "matplotlibrc",
]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", STEERING)
def test_what_a_tool_obeys_is_code_wherever_it_lies(folder, name):
    assert steers(folder + name)
    assert not inert(folder + name)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", ["a.py", "a", "a.yaml", "a.toml", "a.sh", "a.ipynb", "Makefile"])
def test_what_no_list_knows_is_not_inert(folder, name):
    assert not inert(folder + name)


@pytest.mark.parametrize(
    "path",
    [
        *("README.md", "docs/a.md", "docs/a/b.png", "params.yaml", "dvc.lock", "data/.gitignore"),
        *("models/card.json", "reports/plots/scores.csv", ".github/pull_request_template.md"),
    ],
)
def test_texts_pictures_and_results_are_inert_where_they_belong(path):
    assert inert(path)
    assert not steers(path)


@pytest.mark.parametrize(
    "path",
    ["pandas.py", "src/pandas.py", "pandas/__init__.py", "src/pandas/__init__.py", "src/loop/__init__.py"],
)
def test_a_module_that_is_found_before_a_library_or_run_with_all_others_steers(path):
    assert steers(path)


JUDGING = [
    "Makefile",
    "uv.lock",
    "src/loop/review/checks.py",
    ".github/workflows/review.yml",
    "data/.dvcignore",
    "makefile",
    ".tools/bin/uv",
    "pytest.ini",
    "pytest.toml",
    ".pytest.toml",
]


@given(st.lists(st.text("ab.0/-", min_size=1, max_size=12), max_size=300, unique=True))
def test_no_number_of_other_files_hides_what_can_run_or_judge(others):
    filling = [f"a{name}.txt" for name in others]
    found = shown([*filling, *JUDGING])
    assert sorted(found[: len(JUDGING)]) == sorted(JUDGING)
    assert len(found) <= len(JUDGING) + 11


def test_of_too_many_of_a_kind_those_that_were_there_before_come_first():
    found = shown([*(f"src/loop/a{at}.py" for at in range(3000)), *JUDGING], set(JUDGING).__contains__)
    assert set(JUDGING) <= set(found)


@pytest.mark.parametrize("instead", ["src/loop/review/checks/__init__.py", "src/loop/review/checks.abi3.so"])
def test_of_too_many_of_a_kind_what_is_found_before_a_module_comes_first(instead):
    filling = [f"src/{at}/{end}" for at in range(3000) for end in ("__init__.py", "a.so")]
    assert instead in shown([*filling, instead], set(JUDGING).__contains__)


@pytest.mark.parametrize(
    "filling",
    [
        *("a/{}/dvc.yaml", "src/loop/a{}.py", "{}.pth", "a{}.py", ".github/{}.yml", "{}/conftest.py"),
        *("x.dist-info/a.{}", "{0}.egg-info/b.{0}", "{}.so/__init__.py"),
    ],
)
def test_no_kind_of_code_hides_another_and_thousands_are_counted(filling):
    found = shown([*(filling.format(number) for number in range(3000)), *JUDGING])
    assert len(found) < 40
    assert len(set(JUDGING) - set(found)) <= 1, "but for one of the same kind"
    assert any(" more of " in one for one in found)


@pytest.mark.parametrize("one", ["src/sitecustomize.py", "sitecustomize.py", ".venv/lib/sitecustomize.py"])
def test_of_too_many_of_a_kind_what_lies_where_python_looks_comes_first(one):
    filling = [f"a{number}/sitecustomize.py" for number in range(3000)]
    assert one in shown([*filling, one])
