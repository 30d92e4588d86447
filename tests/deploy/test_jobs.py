"""What a job of a cluster runs: main's code in a clone, with the packages of its image."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import BIN, ROOT
from production.test_branch import git
from support.states import clone  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow  # clones, and an environment

PROJECT = """[project]
name = "other"
version = "0"
requires-python = ">=3.11"
"""
CLI = "import os, sys\nprint(sys.prefix, os.getcwd(), *sys.argv[1:])\nsys.exit(4)\n"


@pytest.fixture
def image(tmp_path) -> Path:
    """What the image holds, with this environment as that of its lock."""
    folder = tmp_path / "app"
    folder.mkdir()
    shutil.copy(ROOT / "deploy/jobs/run", folder)
    (folder / "uv.lock").write_text("the lock")
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


def run(image: Path, origin: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A job of the image, in a folder for what it writes."""
    work = image.parent / "work"
    work.mkdir()
    return subprocess.run(
        ["sh", str(image / "run"), *arguments],
        env=os.environ
        | {
            "LOOP_ORIGIN": str(origin or ""),
            "TMPDIR": str(work),
            "PATH": f"{ROOT / '.tools/bin'}:{BIN}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def main_with(lock: str) -> None:
    """Main has a `loop` that says where it runs, and a lock."""
    for path, text in {"src/loop/__init__.py": "", "src/loop/cli.py": CLI, "uv.lock": lock}.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    git("add", ".")
    git("commit", "--quiet", "-m", "code")
    git("push", "--quiet", "origin", "HEAD:main")


def test_a_job_is_mains_code_with_the_packages_of_the_image_and_ends_as_it_does(clone, image):  # noqa: F811
    main_with("the lock")
    done = run(image, clone.parent / "origin.git", "monitor", "--now", "x")
    assert done.returncode == 4, done.stderr
    prefix, where, *arguments = done.stdout.split()
    assert Path(prefix).resolve() == Path(sys.prefix).resolve()
    assert where == str(image.parent / "work/repository")
    assert arguments == ["monitor", "--now", "x"]
    assert done.stderr == ""


def test_with_another_lock_a_job_installs_its_packages_and_says_so(clone, image):  # noqa: F811
    Path("pyproject.toml").write_text(PROJECT)
    uv = shutil.which("uv", path=f"{ROOT / '.tools/bin'}:{BIN}:{os.environ['PATH']}")
    subprocess.run([str(uv), "lock", "--quiet", "--offline"], check=True)
    main_with(Path("uv.lock").read_text())
    done = run(image, clone.parent / "origin.git", "collect")
    assert done.returncode == 4, done.stderr
    assert done.stdout.split()[0] == str(image.parent / "work/repository/.venv")
    assert "main has another uv.lock than this image" in done.stderr


def test_a_job_without_its_origin_fails_with_gits_reason(image):
    done = run(image, image.parent / "nowhere.git", "collect")
    assert done.returncode == 128
    assert "nowhere.git' does not exist" in done.stderr


def test_a_job_that_knows_no_repository_says_where_it_is_named(image):
    done = run(image, None, "collect")
    assert done.returncode != 0
    assert "LOOP_ORIGIN: is not set: the Secret jobs" in done.stderr
