"""Fixtures of the system tests: a branch that changed the model, its review, and a real browser."""

import shutil
import tempfile
from pathlib import Path

import pytest
from selenium import webdriver

from conftest import Repo, copy, shared
from support.cluster import cluster  # noqa: F401 - a fixture
from support.containers import engine  # noqa: F401 - a fixture
from support.small_problem import small

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")  # as Debian and GitHub's runners have it
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def small_home(tmp_path_factory) -> Repo:
    """The small problem, whose pipeline has run."""
    return shared(tmp_path_factory, "small", small)


@pytest.fixture
def small_copy(small_home, tmp_path) -> Repo:
    """A copy of the small problem, to change at will."""
    return copy(small_home, tmp_path / "repo")


@pytest.fixture(scope="session")
def small_changed(small_home, tmp_path_factory) -> Repo:
    """A branch of the small problem on which a param of the model changed and the pipeline has run."""

    def make(path: Path) -> None:
        repo = copy(small_home, path)
        repo.git("switch", "--quiet", "--create", "change")
        repo.edit("params.yaml", "alpha: 10.0", "alpha: 11.0")
        repo.run("loop", "run")
        repo.commit()

    return shared(tmp_path_factory, "small-changed", make)


@pytest.fixture(scope="session")
def changed(finished, tmp_path_factory) -> Repo:
    """A branch on which a param of the model changed and the pipeline has run."""

    def make(path: Path) -> None:
        repo = copy(finished, path)
        repo.git("switch", "--quiet", "--create", "change")
        repo.edit("params.yaml", "trees: 200", "trees: 190")
        repo.run("loop", "run")
        repo.commit()

    return shared(tmp_path_factory, "changed", make)


@pytest.fixture(scope="session")
def reviewed(changed, tmp_path_factory) -> Repo:
    """The changed branch with its review in review/."""
    return shared(tmp_path_factory, "reviewed", lambda path: copy(changed, path).run("loop", "review"))


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; tests are skipped, and say so, where there is none."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("no browser: on Debian, apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        yield driver
        driver.quit()
