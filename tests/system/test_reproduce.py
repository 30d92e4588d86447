"""`loop reproduce` on the real pipeline: an honest commit comes out again, a forged one is named."""

import json
import re

import yaml

from loop.base.files import digest
from loop.production import branch, transitions
from support.states import NOW, policy, version


def same(output: str) -> dict[str, str]:
    """Output -> yes or NO, as the table says."""
    return dict(re.findall(r"^\S+ +((?:reads )?\S+(?: \(sha256\))?) .* (yes|NO)$", output, re.MULTILINE))


def release(repo, monkeypatch, **record: str) -> None:
    """The commit as version 1, champion, with a record that is right but for what is given."""
    found = lock(repo)["stages"]
    right = {
        "commit": repo.commit(),
        "image": None,
        "model": json.loads(repo.text("models/lineage.json"))["model"]["sha256"],
        "lock": digest(repo.path / "dvc.lock", "sha256"),
        "data": {out["path"]: out["md5"] for out in found["ingest"]["outs"]},
    }
    one = version(1, **right | record)
    monkeypatch.chdir(repo.path)
    branch.change(
        lambda now: (transitions.enter(now.state, one, policy(), NOW), "Release 1", one), lambda _: {}
    )


def test_an_honest_version_comes_out_again_to_the_last_hash(small_copy, monkeypatch):
    release(small_copy, monkeypatch)
    before = small_copy.git("status", "--porcelain")
    done = small_copy.run("loop", "reproduce", "champion", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outs = [out["path"] for stage in lock(small_copy)["stages"].values() for out in stage["outs"]]
    recorded = ["dvc.lock (sha256)", "models/model.skops (sha256)"]
    assert same(done.stdout) == dict.fromkeys([*outs, *recorded], "yes")
    assert small_copy.git("status", "--porcelain") == before
    assert len(small_copy.git("worktree", "list").splitlines()) == 1


def test_a_forged_output_a_forged_input_and_a_forged_record_are_named(small_copy, monkeypatch):
    stages = lock(small_copy)["stages"]
    lineage = next(out for out in stages["train"]["outs"] if out["path"] == "models/lineage.json")
    code = next(dep for dep in stages["evaluate"]["deps"] if dep["path"] == "src/problem/metrics.py")
    for forged in (lineage["md5"], code["md5"]):
        small_copy.edit("dvc.lock", forged, "f" * 32)
    release(small_copy, monkeypatch, model="e" * 64, lock="e" * 64)
    done = small_copy.run("loop", "reproduce", "1", check=False)
    assert done.returncode == 1
    assert [name for name, again in same(done.stdout).items() if again == "NO"] == [
        "dvc.lock (sha256)",
        "models/lineage.json",
        "reads src/problem/metrics.py",
        "models/model.skops (sha256)",
    ]
    assert "version 1 did NOT come out again" in done.stderr


def test_a_stage_that_fails_is_named(small_copy):
    small_copy.append("src/loop/pipeline/ingest.py", "\n\nno_such_name\n")
    small_copy.commit()
    done = small_copy.run("loop", "reproduce", "HEAD", check=False)
    assert done.returncode == 1
    assert "failed to reproduce 'ingest'" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_neither_version_nor_commit_is_refused(small_copy):
    for name, found in (("no-such", "there is no commit no-such"), ("7", "there is no version 7")):
        done = small_copy.run("loop", "reproduce", name, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {found}")


def test_before_the_first_release_there_is_no_champion_to_reproduce(small_copy):
    done = small_copy.run("loop", "reproduce", "champion")
    assert "nothing was released yet" in done.stdout


def lock(repo) -> dict:
    return yaml.safe_load(repo.text("dvc.lock"))
