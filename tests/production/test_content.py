"""What counts as a change of what serves, read from commits of a real repository."""

import json
import os
import re
import subprocess

import pytest

from conftest import ROOT
from loop.production import content

FILES = {
    "bentofile.yaml": "include: [loop/**, params.yaml]\n",
    "src/loop/serve/service.py": "from loop.data import columns\n",
    "src/loop/data/__init__.py": "a",
    "src/loop/data/columns.py": "from problem import schema\n",
    "src/problem/schema.py": "a = 1\n",
    "src/problem/codes.json": "{}",
    "src/loop/review/checks.py": "a = 1\n",
    "src/loop/cli.py": "a = 1\n",
    "docs/a.md": "a",
    "deploy/policy.yaml": "a: 1",
    "deploy/Dockerfile.j2": "a",
    "uv.lock": "a",
    "params.yaml": "serve: {workers: 1}\nreview: {a: 1}\n",
    "models/lineage.json": json.dumps({"model": {"sha256": "1"}, "rows": 1}),
}


def commit(folder, **changed) -> content.Content:
    """The content of a commit of the files, with some changed."""
    for name, text in {**FILES, **changed}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    run = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    subprocess.run([*run, "commit", "-q", "--allow-empty", "-m", "m"], cwd=folder, check=True)
    sha = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return content.of(sha.stdout.strip())


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "changed",
    [
        {"docs/a.md": "b"},
        {"deploy/policy.yaml": "a: 2"},
        {"src/loop/review/checks.py": "b"},
        {"src/loop/cli.py": "b"},
        {"src/loop/data/__init__.py": "b"},
        {"src/loop/new.py": "b"},
        {"params.yaml": "review: {a: 2}\nserve: {workers: 1}  # the same\n"},
        {"models/lineage.json": json.dumps({"model": {"sha256": "1"}, "rows": 2})},
    ],
)
def test_what_reaches_no_server_is_no_change(tmp_path, changed):
    assert commit(tmp_path) == commit(tmp_path, **changed)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"src/loop/serve/service.py": "from loop.data import columns  # b"}, "src/loop/serve/service.py"),
        ({"src/loop/data/columns.py": "from problem import schema  # b"}, "src/loop/data/columns.py"),
        ({"src/problem/schema.py": "a = 2"}, "src/problem/schema.py"),
        ({"src/problem/codes.json": "[]"}, "src/problem/codes.json"),
        ({"deploy/Dockerfile.j2": "b"}, "deploy/Dockerfile.j2"),
        ({"uv.lock": "b"}, "uv.lock: serve"),
        ({"params.yaml": "serve: {workers: 2}\nreview: {a: 1}\n"}, "params.yaml: serve"),
    ],
)
def test_what_the_image_holds_is_a_change_with_its_name(tmp_path, changed, name):
    was, now = commit(tmp_path), commit(tmp_path, **changed)
    assert (now.model, now.differing(was)) == (was.model, [name])


LOCK = (ROOT / "uv.lock").read_text()
PROJECT = {"pyproject.toml": (ROOT / "pyproject.toml").read_text(), "uv.lock": LOCK}


def bumped(package: str) -> dict[str, str]:
    """The repository's own lock after an update of a package."""
    before, name, rest = LOCK.partition(f'\n[[package]]\nname = "{package}"\n')
    assert name, f"{package} is not locked"
    return {
        **PROJECT,
        "uv.lock": before + name + re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", rest, count=1),
    }


@pytest.mark.parametrize(("package", "changed"), [("ruff", []), ("pandas", ["uv.lock: serve"])])
def test_an_update_is_a_change_where_the_image_installs_the_package(tmp_path, monkeypatch, package, changed):
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{ROOT / '.tools/bin'}")
    was, now = commit(tmp_path, **PROJECT), commit(tmp_path, **bumped(package))
    assert now.differing(was) == changed


def test_another_model_is_a_change(tmp_path):
    now = commit(tmp_path, **{"models/lineage.json": json.dumps({"model": {"sha256": "2"}})})
    assert (commit(tmp_path).model, now.model) == ("1", "2")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model": 1}'])
def test_a_lineage_that_is_none_names_no_model(tmp_path, text):
    assert commit(tmp_path, **{"models/lineage.json": text}).model is None


def test_params_that_are_no_yaml_are_compared_as_they_are(tmp_path):
    assert commit(tmp_path, **{"params.yaml": "a: ["}) != commit(tmp_path, **{"params.yaml": "b: ["})


def test_code_that_does_not_parse_is_compared_as_it_is(tmp_path):
    assert commit(tmp_path) != commit(tmp_path, **{"src/loop/serve/service.py": "("})


def test_the_image_holds_what_the_service_reaches_and_no_more(monkeypatch):
    """Not a review, not a release, not the command line: a change of those is no new version."""
    monkeypatch.chdir(ROOT)
    held = set(content.of("HEAD").served)
    assert {"src/loop/serve/service.py", "src/problem/features.py", "src/problem/model.py"} <= held
    rooms = {path.split("/")[2] for path in held if path.startswith("src/loop/")}
    assert rooms == {"base", "kit", "settings", "stats", "data", "repo", "model", "serve"}
    assert {path for path in held if path.startswith("src/loop/stats/")} == {"src/loop/stats/shapley.py"}
