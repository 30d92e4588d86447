"""What a review's figures rest on: rows that dvc.lock names, whatever git, a cache or a run cache brings."""

import hashlib
import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from conftest import Repo, copy


@pytest.fixture
def change(small_home, tmp_path) -> Repo:
    """A branch that changes one param of the model, whose pipeline has not run."""
    repo = copy(small_home, tmp_path / "repo")
    repo.git("switch", "--quiet", "--create", "change")
    repo.edit("params.yaml", "alpha: 10.0", "alpha: 11.0")
    repo.commit()
    return repo


def rerun(repo: Repo) -> dict:
    """The verdict of a review as CI makes it."""
    done = repo.run("loop", "review", "--rerun", check=False)
    assert "Traceback" not in done.stdout + done.stderr
    return json.loads(repo.text("review/verdict.json"))


def refused(repo: Repo, *says: str) -> None:
    verdict = rerun(repo)
    assert verdict["verdict"] == "inconclusive", verdict["sentence"]
    assert all(part in verdict["sentence"] for part in says), verdict["sentence"]


def lock(repo: Repo) -> dict:
    return yaml.safe_load(repo.text("dvc.lock"))["stages"]


def made(repo: Repo, stage: str, path: str) -> str:
    """The hash by which dvc.lock names an output."""
    return next(out["md5"] for out in lock(repo)[stage]["outs"] if out["path"] == path)


def stored(repo: Repo, md5: str) -> Path:
    return repo.path / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def plant(repo: Repo) -> Path:
    """A file beside the true ones of a table, hidden from DVC, all of the raw data kept by git."""
    table = next(path for path in sorted((repo.path / "data/raw").iterdir()) if path.is_dir())
    rows = pd.read_parquet(sorted(table.glob("*.parquet"))[0])
    rows.to_parquet(table / "zz.parquet")
    (repo.path / "data/.dvcignore").write_text("zz.parquet\n")
    return table / "zz.parquet"


def test_rows_beside_those_that_the_lock_names_are_refused_though_dvc_is_told_to_ignore_them(change):
    plant(change)
    change.git("add", "--force", "data/raw", "data/.dvcignore")
    change.commit()
    refused(change, "git tracks data/raw/", "leaves to DVC")


def test_a_stage_does_not_read_rows_that_are_hidden_from_dvc(change):
    planted = plant(change)
    change.set_param(
        "validate.limits", {**yaml.safe_load(change.text("params.yaml"))["validate"].get("limits", {})}
    )
    done = change.run("dvc", "repro", "--force", "--single-item", "validate", check=False)
    assert done.returncode
    assert "error: data/raw has the hash " in done.stdout + done.stderr
    planted.unlink()
    change.run("dvc", "repro", "--force", "--single-item", "validate")


def put(repo: Repo, md5: str, content: bytes) -> None:
    """An object of the cache, read-only, as DVC leaves what it believes."""
    place = stored(repo, md5)
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    place.write_bytes(content)
    place.chmod(0o444)


def fresh(repo: Repo) -> None:
    """As a runner has it: the cache, and no output beside it."""
    repo.git("checkout", "--quiet", "--", ".")
    repo.run("rm", "-rf", "data/raw", "data/valid", "data/examples", "data/predictions.parquet", ".dvc/tmp")
    repo.run("rm", "-rf", "models/model.skops", "models/reference.json")


def easy(repo: Repo, file: str) -> bytes:
    """Rows that are easy: each label is the mean."""
    frame = pd.read_parquet(repo.path / "data/examples" / file)
    buffer = io.BytesIO()
    frame.assign(label=frame["label"].mean()).to_parquet(buffer)
    return buffer.getvalue()


def listed(repo: Repo) -> list[dict]:
    """What the cache says that the folder of examples holds."""
    return json.loads(stored(repo, made(repo, "examples", "data/examples")).read_text())


def poisoned(repo: Repo, file: str) -> Path:
    """An object of easy rows under the name of true ones."""
    (md5,) = [one["md5"] for one in listed(repo) if one["relpath"] == file]
    put(repo, md5, easy(repo, file))
    fresh(repo)
    return stored(repo, md5)


def test_an_object_of_the_cache_that_is_not_what_it_is_named_is_dropped_and_made_again(change):
    true, found = made(change, "examples", "data/examples"), poisoned(change, "train.parquet")
    assert rerun(change)["verdict"] == "equivalent"
    assert made(change, "examples", "data/examples") == true
    assert md5_of(found.read_bytes()) == found.parent.name + found.name


def test_a_person_is_told_of_such_an_object_and_by_which_command_it_goes(change):
    poisoned(change, "train.parquet")
    done = change.run("loop", "run", check=False)
    assert "error: data/examples has the hash " in done.stdout + done.stderr
    (command,) = set(re.findall(r"`(rm -r .*?)`", done.stdout + done.stderr))
    change.run("sh", "-c", command)
    change.run("loop", "run")


def forged(repo: Repo) -> bytes:
    """A listing that names easy rows, which the cache then has."""
    rows = easy(repo, "train.parquet")
    put(repo, md5_of(rows), rows)
    entries = [
        one | ({"md5": md5_of(rows)} if one["relpath"] == "train.parquet" else {}) for one in listed(repo)
    ]
    return json.dumps(entries).encode()


def test_a_listing_of_the_cache_that_is_not_what_it_is_named_is_dropped_and_made_again(change):
    true = made(change, "examples", "data/examples")
    put(change, true, forged(change))
    fresh(change)
    assert rerun(change)["verdict"] == "equivalent"
    assert md5_of(stored(change, true).read_bytes()) == true.removesuffix(".dir")


def test_a_forged_entry_of_the_run_cache_brings_nothing_into_a_review(change, tmp_path):
    """It says that the stage once made other rows of what it reads: true objects, a true lock."""
    change.run(
        "dvc", "remote", "add", "--local", "--default", "r", str(tmp_path / "remote")
    )  # else DVC pulls none
    true = made(change, "examples", "data/examples")
    change.set_param("examples.rows_min", 11)
    change.commit()
    change.run("dvc", "repro", "examples")  # the entry of these inputs, made by the honest stage
    runs = [path for path in (change.path / ".dvc/cache/runs").rglob("*") if path.is_file()]
    (entry,) = [path for path in runs if "rows_min: 11" in path.read_text()]
    listing = forged(change)
    put(change, f"{md5_of(listing)}.dir", listing)
    entry.write_text(entry.read_text().replace(true, f"{md5_of(listing)}.dir"))
    fresh(change)
    verdict = rerun(change)
    assert verdict["verdict"] in ("better", "equivalent"), verdict["sentence"]
    assert made(change, "examples", "data/examples") == true


def test_a_champion_of_the_cache_that_is_not_what_its_lock_names_is_made_again(change):
    """Bad scores of the champion would make any candidate better."""
    md5 = made(change, "evaluate", "data/predictions.parquet")
    frame = pd.read_parquet(change.path / "data/predictions.parquet")
    buffer = io.BytesIO()
    frame.assign(score=frame["score"].mean()).to_parquet(buffer)
    put(change, md5, buffer.getvalue())
    fresh(change)
    verdict = rerun(change)
    assert verdict["verdict"] == "equivalent", verdict["sentence"]
    assert "scored in a worktree" in verdict["champion"]


NESTED = """stages:
  prepare:
    cmd: sed -i 's/import numpy/import  numpy/' ../src/problem/model.py; touch ../{out}
    outs: [../{out}: {{cache: false}}]
"""


def test_what_steers_is_named_on_top_and_judged_wherever_it_lies(small_copy):
    small_copy.git("switch", "--quiet", "--create", "change")
    texts = {
        "data/.dvcignore": "# nothing\n",
        "docs/dvc.yaml": "stages: {}\n",
        "models/x.dvc": "outs: []\n",
        "reports/.gitattributes": "# nothing\n",
        "src/here.pth": "# nothing\n",
    }
    for path, text in texts.items():
        (small_copy.path / path).write_text(text)
    small_copy.git("add", "--force", *texts)
    small_copy.commit()
    small_copy.run("loop", "review", check=False)
    verdict = json.loads(small_copy.text("review/verdict.json"))
    assert verdict["verdict"] == "equivalent", verdict["sentence"]
    assert verdict["changes"]["unlisted"] == sorted(texts)
    assert not verdict["changes"]["other"]
    top = small_copy.text("review/report.md").partition("**What changed**")[2][:400]
    assert all(f"`{path}`" in top for path in texts)


def test_a_pipeline_beside_ours_that_rewrites_code_is_refused(change):
    """DVC runs it before the stages that read what it makes: their code is not the one of the diff."""
    (change.path / "docs/dvc.yaml").write_text(NESTED.format(out="extra.txt"))
    deps = "    deps:\n      - uv.lock\n"
    change.edit("dvc.yaml", deps, deps + "      - extra.txt\n")
    change.commit()
    refused(change, "the run wrote ", "which no stage of dvc.yaml lists")


def test_where_a_file_changed_that_python_takes_up_unasked_every_stage_runs_again(change):
    """No stage lists it, and what is in the cache was made without it."""
    (change.path / "src/sitecustomize.py").write_text("# nothing\n")
    change.commit()
    done = change.run("loop", "review", "--rerun", check=False)
    assert "Running stage 'ingest'" in done.stdout
