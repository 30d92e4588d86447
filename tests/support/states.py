"""Versions, states and a repository with a remote, as small as they can be."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from loop.production import branch, transitions
from loop.production.rollout_policy import Policy
from loop.production.state import EMPTY, State, Version


def at(text: str) -> pd.Timestamp:
    """An instant in UTC."""
    return pd.Timestamp(text, tz="UTC")


NOW = at("2026-01-05T12:00")


def version(number: int, **changed: object) -> Version:
    """A version whose commit, model and image are told by its number."""
    made: dict[str, object] = {
        "version": number,
        "commit": f"{number:040x}",
        "model": f"{number:064x}",
        "image": f"ghcr.io/team/model@sha256:{number:064x}",
        "released": NOW,
        "lock": "0" * 64,
        "data": {"data/raw": "0" * 32},
        "verdict": "better",
        "pull": 7,
        "author": "ann",
        "approver": "bob",
    }
    return Version.model_validate(made | changed)


def policy(*stages: tuple[str, int, bool]) -> Policy:
    """A policy of these stages (name, weight, mirror), which need nothing."""
    return Policy.model_validate(
        {
            "image": None,
            "entity_header": "X-Entity",
            "timeout_ms": 20_000,  # a busy machine is no slow challenger
            "stages": [
                {
                    "name": name,
                    "weight": weight,
                    "mirror": mirror,
                    "needs": {"days_min": 0, "rows_min": 0, "labels_min": 0},
                }
                for name, weight, mirror in stages
            ],
            "limits": {
                "score_shift_max": 0.05,
                "disagreement_max": 0.1,
                "error_share_max": 0.01,
                "latency_times_max": 2.0,
                "alpha": 0.05,
                "loss_max": 0.015,
                "cost_max": 0.05,
            },
        }
    )


STAGED = policy(("shadow", 0, True), ("canary-5", 5, False), ("canary-25", 25, False))


def serving(champion: int, challenger: int | None = None) -> State:
    """A state with a champion, and a challenger at the first stage."""
    state = transitions.enter(EMPTY, version(champion), STAGED, NOW)
    return state if challenger is None else transitions.enter(state, version(challenger), STAGED, NOW)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone, which is the working directory, of a bare `origin.git` beside it that has both branches."""
    for name in ("GITHUB_ACTIONS", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    run = lambda *command: subprocess.run(["git", *command], check=True, capture_output=True)  # noqa: E731
    run("init", "--bare", "--quiet", "--initial-branch=main", str(tmp_path / "origin.git"))
    run("clone", "--quiet", str(tmp_path / "origin.git"), str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    run("config", "user.name", "t")
    run("config", "user.email", "t@t")
    run("commit", "--quiet", "--allow-empty", "-m", "first")
    run("push", "--quiet", "origin", "HEAD:main", "HEAD:production")
    return tmp_path / "clone"


def released(*versions: Version) -> None:
    """Release versions on the branch, one commit each."""
    for one in versions:
        branch.change(
            lambda now, one=one: (
                transitions.enter(now.state, one, STAGED, NOW),
                f"Release {one.version}",
                one,
            ),
            lambda _: {},
        )


@pytest.fixture(scope="session")
def two_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What DVC makes of a repository with a model and reference rows, and its cache; made once."""
    made = tmp_path_factory.mktemp("two") / "repo"
    (made / "models").mkdir(parents=True)
    dvc = str(Path(os.environ["WARM_BIN"], "dvc"))
    run = lambda *command: subprocess.run(command, cwd=made, check=True, capture_output=True)  # noqa: E731
    run("git", "init", "--quiet")
    run(dvc, "init", "--quiet")
    for name in ("model.skops", "reference.json"):
        stage = ("-n", name[:5], "-o", f"models/{name}", f"echo {name} > models/{name}")
        run(dvc, "stage", "add", "--quiet", "--run", *stage)
    sha256 = hashlib.sha256((made / "models/model.skops").read_bytes()).hexdigest()
    (made / "models/lineage.json").write_text(json.dumps({"model": {"sha256": sha256}}))
    return made


@pytest.fixture
def stored(clone: Path, two_files: Path) -> Version:
    """A version that the commit of a clone with DVC has, whose model and reference rows are in the cache."""
    shutil.copytree(two_files, clone, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
    subprocess.run(["git", "add", "--all"], check=True)
    subprocess.run(["git", "commit", "--quiet", "-m", "a model"], check=True)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()
    sha256 = hashlib.sha256((clone / "models/model.skops").read_bytes()).hexdigest()
    return version(1, image=None, commit=commit, model=sha256)
