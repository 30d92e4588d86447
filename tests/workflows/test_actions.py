"""What the pinned actions of GitHub do, held to their stand-ins; and what the workflows build on.

checkout 7.0.1, cache 6.1.0 (which no workflow uses), upload-artifact 7.0.1, download-artifact 8.0.1, by their
sources. The layouts of artifacts were compared with @actions/glob 0.6.1, which the real action searches by.
"""

import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, Repo
from loop.monitor import schema
from loop.publish import artifact
from loop.update.update import MADE
from workflows.actions.cache import cache
from workflows.double import ALL, NAME, Double, git, serve
from workflows.test_files import WORKFLOWS

ACTIONS = ROOT / "tests/workflows/actions"
FILES = {file.stem: yaml.safe_load(file.read_text()) for file in WORKFLOWS}
STEPS = [
    (name, key, job, step)
    for name, workflow in FILES.items()
    for key, job in workflow["jobs"].items()
    for step in job["steps"]
]


def using(action: str) -> list[tuple[str, str, dict]]:
    """The inputs of each step by an action: workflow, job, inputs."""
    return [
        (name, key, step.get("with", {}))
        for name, key, _, step in STEPS
        if step.get("uses", "").startswith(f"actions/{action}@")
    ]


class Machine:
    """A runner of a GitHub of our own, one step at a time."""

    def __init__(self, github: Double, folder: Path) -> None:
        self.github, self.folder = github, folder
        self.token = f"ghs_{github.next()}"
        github.tokens[self.token] = dict(ALL)

    def step(self, *script: str, place: Path, **given: str) -> subprocess.CompletedProcess[str]:
        """A stand-in's script, in a workspace."""
        place.mkdir(exist_ok=True)
        cert = str(self.github.folder / "cert.pem")
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GITHUB_SERVER_URL": self.github.url,
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_ATTEMPT": "1",
            "SSL_CERT_FILE": cert,
            "GIT_SSL_CAINFO": cert,
            **given,
        }
        return subprocess.run(script, cwd=place, env=env, capture_output=True, text=True, check=False)

    def upload(self, place: Path, path: str, name: str = "one", **more: str):
        given = {"ARTIFACT": name, "PATTERNS": path, "IF_NONE": "warn", "HIDDEN": "false"} | more
        return self.step(sys.executable, str(ACTIONS / "upload-artifact/upload.py"), place=place, **given)

    def download(self, place: Path, name: str, to: str = "."):
        given = {"ARTIFACT": name, "PLACE": to}
        return self.step(sys.executable, str(ACTIONS / "download-artifact/download.py"), place=place, **given)

    def held(self) -> set[str]:
        """The names in the newest artifact."""
        return set(zipfile.ZipFile(io.BytesIO(self.github.artifacts[7][-1][1])).namelist())

    def checkout(self, sha: str, ref: str = "", event: str = "refs/heads/main", depth: str = "0") -> Repo:
        """The workspace after a checkout by `ref` in a run of an event."""
        place = self.folder / f"checkout{self.github.next()}"
        given = {"REF": ref, "GITHUB_REF": event, "LOOP_SHA": sha, "TOKEN": self.token, "DEPTH": depth}
        script = str(ACTIONS / "checkout/checkout.sh")
        done = self.step("bash", script, place=place, PERSIST="false", **given)
        assert done.returncode == 0, done.stderr
        return Repo(place)


@pytest.fixture
def machine(tmp_path):
    (tmp_path / "github").mkdir()
    with serve(tmp_path / "github") as github:
        yield Machine(github, tmp_path)


def tree(folder: Path, *names: str) -> Path:
    """A folder with files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


KEPT = ("dvc.lock", "reports/a.json", "reports/plots/b.csv", "reports/.new/c.json", "review/verdict.json")
HIDDEN = (".dvc/config", ".dvc/cache/files/d", ".dvc/cache/.e")
LAID = {  # patterns, one a line, and the names in the archive
    "reports": {"a.json", "plots/b.csv"},
    "dvc.lock": {"dvc.lock"},
    "review/verdict.json": {"verdict.json"},
    "review/verdict.json\nreview/none.html": {"verdict.json"},
    "review/verdict.json\ndvc.lock": {"review/verdict.json", "dvc.lock"},
    "review/verdict.json\nnone": {"review/verdict.json"},
    "reports/**/*.csv": {"plots/b.csv"},
    "reports/*.json\nreports/plots/b.csv": {"a.json", "plots/b.csv"},
    "reports\n!reports/plots": {"a.json"},
    ".dvc": set(),
    ".dvc/cache": {"files/d"},
    "**/*.json": {"reports/a.json", "review/verdict.json"},
}


@pytest.mark.parametrize("path", LAID, ids=lambda path: path.replace("\n", " "))
def test_an_artifact_starts_where_all_its_paths_do_and_leaves_out_what_is_hidden(machine, tmp_path, path):
    assert machine.upload(tree(tmp_path / "work", *KEPT, *HIDDEN), path).returncode == 0
    assert (machine.held() if 7 in machine.github.artifacts else set()) == LAID[path]


def test_hidden_files_are_taken_where_that_is_asked_for(machine, tmp_path):
    machine.upload(tree(tmp_path / "work", *HIDDEN), ".dvc", HIDDEN="true")
    assert machine.held() == {"config", "cache/files/d", "cache/.e"}


def test_a_name_is_used_once_in_an_attempt_of_a_run(machine, tmp_path):
    work = tree(tmp_path / "work", *KEPT)
    assert machine.upload(work, "reports").returncode == 0
    again = machine.upload(work, "reports")
    assert again.returncode != 0
    assert "(409)" in again.stdout
    assert machine.upload(work, "reports", GITHUB_RUN_ATTEMPT="2").returncode == 0


@pytest.mark.parametrize(("asked", "code"), [("warn", 0), ("ignore", 0), ("error", 1)])
def test_an_upload_that_finds_nothing_leaves_no_artifact_and_fails_only_where_asked(
    machine, tmp_path, asked, code
):
    work = tree(tmp_path / "work", *KEPT)
    assert machine.upload(work, "none", IF_NONE=asked).returncode == code
    assert machine.download(work, "one").returncode != 0


def test_a_name_that_not_every_file_system_takes_is_refused(machine, tmp_path):
    assert machine.upload(tree(tmp_path / "work", "reports/12:00.json"), "reports").returncode != 0


def test_a_download_by_name_puts_files_straight_into_the_folder(machine, tmp_path):
    machine.upload(tree(tmp_path / "work", *KEPT), "reports")
    assert machine.download(tmp_path / "next", "one", to="there").returncode == 0
    assert (tmp_path / "next/there/plots/b.csv").read_text() == "reports/plots/b.csv"


MAIN, PULL = "refs/heads/main", "refs/pull/5/merge"


class Caches:
    """What a GitHub's cache holds, and steps of runs that restore it."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.folder, self.count = machine, machine.folder / "caches", 0

    def save(self, key: str, ref: str = MAIN, name: str = "cache/file") -> None:
        """An archive with one file under a name, which says by which key it was saved."""
        save(cache.entry(self.folder, ref, key), name, key)

    def restored(self, key: str, ref: str = MAIN, others: str = "dvc-") -> str:
        """What a run finds."""
        self.count += 1
        place = self.machine.folder / f"restores{self.count}"
        given = {"LOOP_CACHES": str(self.folder), "LOOP_MAIN": MAIN, "GITHUB_REF": ref, "KEY": key}
        done = self.machine.step(sys.executable, cache.__file__, place=place, ELSE=others, **given)
        assert done.returncode == 0, done.stderr
        found = list(place.glob("*/file"))
        return found[0].read_text() if found else ""


def save(archive: Path, name: str, text: str) -> None:
    """A tar with one file, under whatever name."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w") as made:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(text), 0o755
        made.addfile(info, io.BytesIO(text.encode()))


@pytest.fixture
def caches(machine) -> Caches:
    return Caches(machine)


def test_a_cache_is_found_by_its_key_else_as_the_newest_that_starts_alike(caches):
    for key in ("dvc-b", "dvc-c", "dvc-a", "other-z"):
        caches.save(key)
    assert caches.restored("dvc-c") == "dvc-c"
    assert caches.restored("dvc-none") == "dvc-a"
    assert caches.restored("dvc-none", others="") == ""


def test_a_pull_request_sees_its_own_cache_before_mains_and_main_nothing_of_a_pull_requests(caches):
    caches.save("dvc-main")
    assert caches.restored("dvc-none", PULL) == "dvc-main"
    caches.save("dvc-pull", PULL)
    assert caches.restored("dvc-none", PULL) == "dvc-pull"
    assert caches.restored("dvc-pull") == "dvc-main"


def test_a_cache_that_is_restored_writes_wherever_its_names_lead(caches, tmp_path):
    """Why no workflow asks for one."""
    for outside in (f"{tmp_path}/home/file", "../home/file"):
        caches.save("dvc-pull", PULL, outside)
        caches.restored("dvc-pull", PULL)
        assert (tmp_path / "home/file").read_text() == "dvc-pull"
        (tmp_path / "home/file").unlink()


@pytest.fixture
def moved(machine, tmp_path) -> list[str]:
    """Main with two commits, a branch beside it, and a tag that no branch holds; the commits of main."""
    home = tmp_path / "home"
    git(tmp_path, "clone", "--quiet", str(machine.github.repo()), str(home))
    shas = []
    for name in ("one", "two"):
        tree(home, name)
        git(home, "add", ".")
        git(home, "commit", "--quiet", "-m", name)
        shas.append(git(home, "rev-parse", "HEAD"))
    apart = git(home, "commit-tree", "HEAD^{tree}", "-m", "apart")
    git(home, "push", "--quiet", "origin", "HEAD:refs/heads/main", f"{apart}:refs/tags/v1")
    git(home, "push", "--quiet", "origin", f"{shas[0]}:refs/heads/production")
    return shas


def head(repo: Repo) -> tuple[str, str]:
    """The branch and the commit that are checked out."""
    return repo.git("branch", "--show-current"), repo.git("rev-parse", "HEAD")


def test_depth_0_brings_every_branch_and_tag_and_no_head_of_origin(machine, moved):
    refs = machine.checkout(moved[1]).git("for-each-ref", "--format=%(refname)").split()
    there = ["refs/remotes/origin/main", "refs/remotes/origin/production", "refs/tags/v1"]
    assert refs == ["refs/heads/main", *there]


def test_one_commit_is_all_that_another_depth_brings(machine, moved):
    made = machine.checkout(moved[1], depth="1")
    assert made.git("rev-list", "--all") == moved[1]


def test_without_a_ref_the_events_commit_is_checked_out_on_its_branch_even_where_that_moved_on(
    machine, moved
):
    made = machine.checkout(moved[0])
    assert head(made) == ("main", moved[0])
    assert made.git("rev-parse", "origin/main") == moved[0]


def test_a_commit_is_checked_out_detached_and_a_branch_by_its_name_as_it_is_now(machine, moved):
    made = machine.checkout(moved[1], ref=moved[0])
    assert head(made) == ("", moved[0])
    assert made.git("rev-parse", "origin/main") == moved[1]
    assert head(machine.checkout(moved[0], ref="main")) == ("main", moved[1])


def test_a_pull_request_is_checked_out_detached(machine, moved):
    assert head(machine.checkout(moved[0], event=PULL)) == ("", moved[0])


def test_no_token_is_left_in_the_workspace(machine, moved):
    place = machine.checkout(moved[1]).path
    assert not [
        file for file in place.rglob("*") if file.is_file() and machine.token in file.read_text("latin1")
    ]


# What the workflows build on


def test_no_workflow_asks_an_action_for_what_its_stand_in_does_not_do():
    for name, _, _, step in STEPS:
        owner, _, action = step.get("uses", "./").split("@")[0].partition("/")
        if owner == "actions":
            known = yaml.safe_load((ACTIONS / action / "action.yml").read_text())["inputs"]
            assert step.get("with", {}).keys() <= known.keys(), name


def test_a_job_checks_out_first_and_once_and_keeps_no_token():
    """A second checkout would clean the workspace of what was made before."""
    for name, workflow in FILES.items():
        for job in workflow["jobs"].values():
            at = [n for n, step in enumerate(job["steps"]) if "actions/checkout@" in step.get("uses", "")]
            assert at in ([], [0]), name
    assert {given["persist-credentials"] for _, _, given in using("checkout")} == {False}


def test_no_hidden_path_is_uploaded_and_no_name_twice_in_a_workflow():
    uploads = using("upload-artifact")
    assert not [given for _, _, given in uploads if re.search(r"(^|/)\.", given["path"], re.MULTILINE)]
    names = [(workflow, given["name"]) for workflow, _, given in uploads]
    assert len(set(names)) == len(names)


def uploaded(workflow: str, name: str) -> str:
    (path,) = [
        given["path"]
        for one, _, given in using("upload-artifact")
        if (one, given["name"]) == (workflow, name)
    ]
    return path


def test_publish_finds_the_results_of_a_review_under_their_own_paths(machine, tmp_path):
    """Every small result of dvc.yaml among them, each where the repository has it."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    listed = [one for stage in stages for part in ("outs", "metrics", "plots") for one in stage.get(part, [])]
    small = {
        path
        for one in listed
        if isinstance(one, dict)
        for path, how in one.items()
        if not how.get("cache", True)
    }
    expected = {artifact.VERDICT, artifact.LOCK, *small}
    work = tree(tmp_path / "work", *expected, *HIDDEN, "models/model.skops", "README.md")
    assert machine.upload(work, uploaded("review", artifact.NAME)).returncode == 0
    assert machine.held() == expected


@pytest.mark.parametrize("review", [[], ["review/verdict.json"]])
def test_publish_finds_the_lock_where_the_review_ended_early(machine, tmp_path, review):
    """The paths of an artifact hang on what is asked for, not on what is there."""
    machine.upload(tree(tmp_path / "work", artifact.LOCK, *review), uploaded("review", artifact.NAME))
    assert machine.held() == {artifact.LOCK, *review}


LEFT = {"monitor": str(schema.FINDING), "update": f"update/{MADE}"}  # workflow -> what a later job goes by


@pytest.mark.parametrize(("workflow", "job", "given"), using("download-artifact"))
def test_a_job_finds_what_the_one_before_left_where_it_looks_for_it(machine, tmp_path, workflow, job, given):
    before = FILES[workflow]["jobs"][job]["needs"]
    uploads = [one for name, key, one in using("upload-artifact") if (name, key) == (workflow, before)]
    assert given["name"] in [one["name"] for one in uploads]
    file = LEFT[workflow]
    machine.upload(tree(tmp_path / "work", file), uploaded(workflow, given["name"]), given["name"])
    assert machine.download(tmp_path / "next", given["name"], to=given["path"]).returncode == 0
    assert (tmp_path / "next" / file).is_file()
