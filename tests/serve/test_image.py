import json
import re
import shutil
from pathlib import Path

import pytest

from conftest import ROOT
from loop.base.errors import LoopError
from loop.model import artifacts
from loop.serve import image
from support.wheels import wheel


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder with all that belongs to a model."""
    monkeypatch.chdir(tmp_path)
    for path in image.MODELS:
        path.parent.mkdir(exist_ok=True)
        path.write_text("a")
    sha256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"  # of "a"
    image.LINEAGE.write_text(json.dumps({"model": {"sha256": sha256}}))
    return sha256


@pytest.mark.parametrize(
    ("origin", "page"),
    [
        ("https://github.com/owner/name.git", "https://github.com/owner/name"),
        ("https://user:token@github.com/owner/name", "https://github.com/owner/name"),
        ("git@github.com:owner/name.git", "https://github.com/owner/name"),
        ("ssh://git@github.com/owner/name.git", "https://github.com/owner/name"),
        ("https://git.example.com:8443/group/sub/name.git", "https://git.example.com:8443/group/sub/name"),
        ("/srv/git/name.git", ""),
        ("../name", ""),
        ("file:///srv/name", ""),
        ("", ""),
    ],
)
def test_the_page_of_a_remote_shows_no_user_and_no_token(origin, page):
    assert image._page(origin) == page


def test_a_model_that_is_whole_gives_its_hash(models):
    assert artifacts.here(*image.MODELS) == models


@pytest.mark.parametrize("path", [path for path in image.MODELS if path != image.LINEAGE], ids=str)
def test_a_model_of_which_a_file_is_missing_is_refused(models, path):
    path.unlink()
    with pytest.raises(LoopError, match=f"{path} is missing"):
        artifacts.here(*image.MODELS)


def test_another_model_than_the_lineage_names_is_refused(models):
    image.MODEL.write_text("b")
    with pytest.raises(LoopError, match=f"that the lineage names\n  expected: sha256 {models[:12]}…"):
        artifacts.here(*image.MODELS)


def test_without_docker_or_without_its_engine_nothing_is_built(tmp_path):
    with pytest.raises(LoopError, match="there is no `docker`"):
        image._ready(None)
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\necho 'warning' >&2\necho 'no daemon is running' >&2\nexit 1\n")
    client.chmod(0o755)
    with pytest.raises(LoopError, match="does not answer: no daemon is running"):
        image._ready(str(client))


def test_a_tool_that_fails_is_quoted(tmp_path):
    with pytest.raises(LoopError, match=r"the tool failed: .*(?s:.)*not there"):
        image._run("the tool", ["ls", str(tmp_path / "not there")])


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("ghcr.io/team/model:v7", "ghcr.io/team/model"),
        ("ghcr.io/team/group/model", "ghcr.io/team/group/model"),
        ("localhost/model:1", "localhost/model"),
        ("127.0.0.1:5000/model:1", "127.0.0.1:5000/model"),
        ("registry:5000/model", "registry:5000/model"),
    ],
)
def test_a_tag_names_the_registry_that_is_pushed_to(tag, name):
    assert image._pushable(tag) == name


@pytest.mark.parametrize(
    "tag",
    [None, "", "loop:1", "team/model:1", "ghcr.io/Team/model:1", "ghcr.io/team/model@sha256:0", "-x.io/a"],
)
def test_a_tag_without_a_registry_is_refused_before_anything_is_built(tag):
    with pytest.raises(LoopError, match="--push has no registry"):
        image.main(tag, push=True)


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A `docker` that says what it is told, and nothing of an image it does not know."""

    def says(pushed: str, known: list[str]) -> None:
        client = tmp_path / "docker"
        client.write_text(f"#!/bin/sh\n[ $1 = push ] && echo '{pushed}' || echo '{json.dumps(known)}'\n")
        client.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return says


def test_a_digest_counts_only_if_it_is_that_of_what_was_built(docker):
    digest, other = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
    docker(f"v7: digest: {digest} size: 7", [f"ghcr.io/team/model@{digest}"])
    assert image._push("ghcr.io/team/model:v7", "sha256:3") == digest
    for pushed, known in ((f"v7: digest: {digest} size: 7", [f"a@{other}"]), ("done", [f"a@{digest}"])):
        docker(pushed, known)
        with pytest.raises(LoopError, match="was pushed as"):
            image._push("ghcr.io/team/model:v7", "sha256:3")


def test_a_wheel_of_the_repository_goes_to_the_stage_that_builds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = wheel(tmp_path / "wheels/of", "team_views", "1.0", {"team_views.py": ""})
    (tmp_path / "context").mkdir()
    requirements = tmp_path / "context/requirements.txt"
    others = "# by uv\nnumpy==2.4.6 ; sys_platform == 'linux' \\\n    --hash=sha256:1\n    # via a/b\n"
    requirements.write_text(f"./wheels/of/{made.name} \\\n    --hash=sha256:2\n{others}")
    image._wheels(Path("context"))
    assert requirements.read_text() == f"/build/{made.name} \\\n    --hash=sha256:2\n{others}"
    assert (tmp_path / "context/wheels" / made.name).read_bytes() == made.read_bytes()


def test_the_image_of_jobs_has_the_wheels_of_the_repository_where_its_lock_names_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = wheel(tmp_path / "wheels", "team_views", "1.0", {"team_views.py": ""})
    names = ("requirements-uv.txt", "pyproject.toml", "uv.lock", "deploy/jobs/run", "deploy/jobs/Dockerfile")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    with Path("uv.lock").open("a") as lock:
        lock.write(f'\n[[package]]\nname = "team-views"\nsource = {{ path = "wheels/{made.name}" }}\n')
    image._lay_out_jobs(Path("context"))
    assert (tmp_path / "context/packages/wheels" / made.name).read_bytes() == made.read_bytes()
    copied = re.findall(r"^COPY (.*) \./$", (tmp_path / "context/Dockerfile").read_text(), re.MULTILINE)
    held = {path.name for name in " ".join(copied).split() for path in Path("context").glob(name)}
    assert held == {path.name for path in Path("context").iterdir()} - {"Dockerfile"}


@pytest.mark.parametrize(
    "line", ["./libs/views", "-e ./libs/views", "team-views @ git+https://github.com/team/views@12ab"]
)
def test_a_package_without_a_hash_is_named_before_anything_is_built(tmp_path, line):
    (tmp_path / "requirements.txt").write_text(f"a==1 --hash=sha256:1\n{line} ; sys_platform == 'linux'\n")
    with pytest.raises(
        LoopError, match=r"cannot take .*views.*: uv.lock holds no hash(?s:.)*build its wheel"
    ):
        image._wheels(tmp_path)
