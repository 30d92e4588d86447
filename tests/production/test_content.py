"""What counts as a change of what serves, read from commits of a real repository."""

import json
import subprocess

import pytest

from conftest import ROOT
from loop.production import content
from loop.production.content import _taken
from loop.settings.yaml_file import load
from support.closure import closure

FILES = {
    "bentofile.yaml": "include: [loop/**, params.yaml]\nexclude: [loop/review/**, loop/cli.py]\n",
    "src/loop/serve/service.py": "a",
    "src/loop/review/checks.py": "a",
    "src/loop/cli.py": "a",
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
        {"params.yaml": "review: {a: 2}\nserve: {workers: 1}  # the same\n"},
        {"models/lineage.json": json.dumps({"model": {"sha256": "1"}, "rows": 2})},
    ],
)
def test_what_reaches_no_server_is_no_change(tmp_path, changed):
    assert commit(tmp_path) == commit(tmp_path, **changed)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"src/loop/serve/service.py": "b"}, "src/loop/serve/service.py"),
        ({"src/loop/new.py": "b"}, "src/loop/new.py"),
        ({"deploy/Dockerfile.j2": "b"}, "deploy/Dockerfile.j2"),
        ({"uv.lock": "b"}, "uv.lock"),
        ({"params.yaml": "serve: {workers: 2}\nreview: {a: 1}\n"}, "params.yaml: serve"),
    ],
)
def test_what_the_image_holds_is_a_change_with_its_name(tmp_path, changed, name):
    was, now = commit(tmp_path), commit(tmp_path, **changed)
    assert (now.model, now.differing(was)) == (was.model, [name])


def test_another_model_is_a_change(tmp_path):
    now = commit(tmp_path, **{"models/lineage.json": json.dumps({"model": {"sha256": "2"}})})
    assert (commit(tmp_path).model, now.model) == ("1", "2")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model": 1}'])
def test_a_lineage_that_is_none_names_no_model(tmp_path, text):
    assert commit(tmp_path, **{"models/lineage.json": text}).model is None


def test_params_and_bentofile_that_are_no_yaml_are_compared_as_they_are(tmp_path):
    one = commit(tmp_path, **{"params.yaml": "a: [", "bentofile.yaml": "a: ["})
    assert one != commit(tmp_path, **{"params.yaml": "b: [", "bentofile.yaml": "a: ["})


def test_all_code_that_the_server_imports_gets_into_the_image_and_counts(monkeypatch):
    monkeypatch.chdir(ROOT)
    taken = _taken(load(ROOT / "bentofile.yaml"))
    code = closure("loop.serve.service")
    assert code
    assert not [path for path in code if not taken(path.removeprefix("src/"))]
