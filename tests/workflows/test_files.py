"""The workflow files: whose actions they use, which branches they name, and how CML comes to a runner."""

import argparse
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import yaml

import conftest
from conftest import ROOT
from loop.production import heartbeats

FILES = sorted([*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob(".github/actions/*/action.yml")])
WORKFLOWS = [file for file in FILES if file.parent.name == "workflows"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_action_is_githubs_own_or_lies_here(file):
    """One that an organization does not allow stops the whole workflow before its first step."""
    used = re.findall(r"^\s*(?:- )?uses: (\S+)", file.read_text(), re.MULTILINE)
    assert [one for one in used if not one.startswith(("actions/", "./"))] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_that_another_run_left_is_unpacked(file):
    """An archive of a cache writes wherever it says, and an earlier commit of a pull request may save one."""
    text = file.read_text()
    steps = [step for step in nodes(yaml.safe_load(text)) if "uses" in step]
    used = {step["uses"].partition("@")[0]: step.get("with", {}) for step in steps}
    assert not [one for one in used if one.startswith("actions/cache")]
    assert {given.get("cache", False) for one, given in used.items() if "setup-" in one} <= {False}
    assert "actions/setup-go" not in used or "cache" in used["actions/setup-go"], "it restores one unasked"
    assert not [one for one in used if "run-id" in used[one]]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_no_artifact_holds_rows(file):
    """Whoever may read a repository may download them; rows may name persons: DVC alone has them."""
    steps = [
        step for step in nodes(yaml.safe_load(file.read_text())) if "upload-artifact" in step.get("uses", "")
    ]
    paths = [path for step in steps for path in step["with"]["path"].split()]
    assert not [path for path in paths if path.startswith(("data", ".dvc", "mlruns", "mlflow"))]
    if "models/*.json" in paths:
        assert paths.index("!models/reference.json") > paths.index("models/*.json")


def nodes(found):
    """Every mapping of YAML."""
    if isinstance(found, dict):
        yield found
    for value in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from nodes(value)


def values(found, *, but=("name", "description")):
    """Every text below a node of YAML, less what only people read."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from values(value) if key not in but else ()
    elif isinstance(found, list):
        for value in found:
            yield from values(value)
    else:
        yield str(found)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_step_that_names_the_mlflow_server_brings_each_login_that_it_may_want(file):
    login = {
        name: f"${{{{ secrets.{name} }}}}"
        for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
    }
    steps = [node["env"] for node in nodes(yaml.safe_load(file.read_text())) if "env" in node]
    asking = [env for env in steps if "MLFLOW_TRACKING_URI" in env]
    assert [login | env for env in asking] == asking
    assert bool(asking) == (file.stem in ("monitor", "promotion", "publish", "release", "rollback"))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_no_workflow_knows_the_name_of_the_default_branch(file):
    assert not [
        text for text in values(yaml.safe_load(file.read_text())) if re.search(r"\bmain\b|\bmaster\b", text)
    ]


def test_no_command_for_a_person_knows_the_name_of_the_default_branch():
    """An example of the command line may: it says what it is for."""
    named = re.compile(r"\b(?:(?:checkout|switch|merge|rebase|origin)[ /]|--base[ =]|blob/|tree/)main\b")
    files = [
        *(ROOT / "src/loop").rglob("*.py"),
        *(ROOT / "src/loop").rglob("*.j2"),
        *(ROOT / "deploy").rglob("*.yaml"),
    ]
    found = [
        f"{file.name}: {line}"
        for file in files
        for line in file.read_text().splitlines()
        if named.search(line)
    ]
    assert [one for one in found if "merge main into the branch" not in one] == []


def test_what_a_merge_queue_asks_for_is_run_there():
    """`gate` is required: a queue in which nothing sets it waits for ever."""
    events = {file.stem: yaml.safe_load(file.read_text())[True] for file in WORKFLOWS}
    assert {name for name, on in events.items() if "merge_group" in on} == {"checks", "gate", "review"}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_step_that_may_fail_may_hang_too(file):
    """A download that never ends would take its job with it, and `gate` would stay pending."""
    jobs = yaml.safe_load(file.read_text())["jobs"].values()
    steps = [(step, job) for job in jobs for step in job["steps"] if step.get("continue-on-error")]
    assert all(step.get("timeout-minutes", 999) * 2 <= job["timeout-minutes"] for step, job in steps)


class Known(dict):
    """A context of GitHub: what it lacks is empty."""

    def __getattr__(self, name):
        return self.get(name) or Known()


def pull(repository: str | None) -> Known:
    """The event of a pull request from a repository, or from a fork that was deleted."""
    repo = repository and Known(full_name=repository)
    return Known(event_name="pull_request", event=Known(pull_request=Known(head=Known(repo=repo))))


def machine(workflow: str, job: str, event: Known, **given: str) -> str:
    """The label of the machine that a job waits for."""
    text = yaml.safe_load((ROOT / f".github/workflows/{workflow}.yml").read_text())["jobs"][job]["runs-on"]
    wanted = re.fullmatch(r"\$\{\{ (.*) \}\}", text)
    python = wanted[1].replace("&&", "and").replace("||", "or") if wanted else repr(text)
    return eval(python, {"github": Known(repository="team/model", **event), "vars": Known(given)})  # noqa: S307


def test_whoever_has_a_larger_machine_trains_on_it_and_a_fork_never_does():
    queue, schedule = Known(event_name="merge_group", event=Known()), Known(event_name="schedule")
    trains = [("release", "release"), ("monitor", "retrain"), ("reproduce", "reproduce")]
    trains += [("reproduce", "champion")]
    for event in (pull("team/model"), queue):
        assert machine("review", "review", event, TRAIN_RUNNER="large") == "large"
        assert machine("review", "review", event) == "ubuntu-24.04"
    for event in (pull("stranger/model"), pull(None)):
        assert machine("review", "review", event, TRAIN_RUNNER="large") == "ubuntu-24.04"
    for workflow, job in trains:
        assert machine(workflow, job, schedule, TRAIN_RUNNER="large") == "large"
        assert machine(workflow, job, schedule) == "ubuntu-24.04"


def test_no_other_job_waits_for_the_larger_machine():
    """Neither one with the right to write what people read, nor one that runs every test."""
    asked = {
        f"{file.stem}.{name}"
        for file in WORKFLOWS
        for name, job in yaml.safe_load(file.read_text())["jobs"].items()
        if "TRAIN_RUNNER" in job["runs-on"]
    }
    assert asked == {
        "review.review",
        "release.release",
        "monitor.retrain",
        "reproduce.reproduce",
        "reproduce.champion",
    }


def test_the_job_of_the_next_image_has_time_for_every_test_too():
    jobs = yaml.safe_load((ROOT / ".github/workflows/checks.yml").read_text())["jobs"]
    assert jobs["next"]["timeout-minutes"] > jobs["test"]["timeout-minutes"], "it runs the pipeline besides"


def test_the_parts_of_checks_yml_are_all_tests_and_each_test_is_in_one():
    jobs = yaml.safe_load((ROOT / ".github/workflows/checks.yml").read_text())["jobs"]
    parts = jobs["test"]["strategy"]["matrix"]["part"]
    assert parts == [f"{number}/{len(parts)}" for number in range(1, len(parts) + 1)]
    tests = [SimpleNamespace(path=Path(f"tests/test_{place % 7}.py"), place=place) for place in range(40)]
    found = []
    for text in parts:
        kept = list(tests)
        conftest.deal(SimpleNamespace(hook=Mock()), kept, *conftest.part(text))
        found.append({test.place for test in kept})
    assert all(found)
    assert sorted(place for one in found for place in one) == list(range(40))


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "one/3", "1/0", "-1/3"])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no part such as 1/3"):
        conftest.part(text)


def test_no_link_leads_out_of_what_a_review_takes_along(tmp_path):
    """Patterns of upload-artifact follow links, and a pull request may commit any."""
    steps = yaml.safe_load((ROOT / ".github/workflows/review.yml").read_text())["jobs"]["review"]["steps"]
    names = [step.get("name", "") for step in steps]
    at = next(n for n, name in enumerate(names) if "link" in name)
    assert "for publish.yml" in names[at + 1], "nothing can come between"
    place, outside = tmp_path / "place", tmp_path / "outside"
    (place / "reports/deep").mkdir(parents=True)
    outside.mkdir()
    for file in (place / "reports/deep/own.json", outside / "secret.json"):
        file.write_text("{}")
    for link in ("models", "dvc.lock", "reports/all", "reports/deep/x.json"):
        (place / link).symlink_to(outside / "secret.json" if "." in link else outside)
    subprocess.run(["bash", "-ec", steps[at]["run"]], cwd=place, check=True)
    left = [
        str(path.relative_to(place)) for path in place.rglob("*") if not path.is_dir() or path.is_symlink()
    ]
    assert left == ["reports/deep/own.json"]
    assert (outside / "secret.json").exists()


@pytest.fixture
def upstream(tmp_path):
    """A CML of our own, of two files, and the options by which `make cml` takes it."""
    home = tmp_path / "upstream"
    (home / "bin").mkdir(parents=True)
    (home / "bin/cml.js").write_text("#!/bin/sh\necho it runs\n")
    (home / "package.json").write_text('{"name": "cml", "version": "0.0.1"}')
    (home / "package-lock.json").write_text(
        '{"lockfileVersion": 2, "packages": {"": {"name": "cml", "version": "0.0.1"}}}'
    )

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=home, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    run("git", "init", "--quiet")
    run("git", "add", ".")
    run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "cml")
    return [f"CML={tmp_path}/cml", f"CML_FROM={home}", f"CML_COMMIT={run('git', 'rev-parse', 'HEAD')}"]


def make(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "cml", *options], cwd=ROOT, capture_output=True, text=True, check=False)


def test_cml_is_held_to_one_hash_before_any_of_it_can_run(upstream, tmp_path):
    refused = make(*upstream, f"CML_HASH={'0' * 64}")
    assert refused.returncode != 0
    assert not (tmp_path / "cml/path").exists()
    found = re.search(r"have the hash ([0-9a-f]{64})", refused.stderr)
    assert make(*upstream, f"CML_HASH={found[1]}").returncode == 0
    run = subprocess.run([tmp_path / "cml/path/cml"], capture_output=True, text=True, check=True)
    assert run.stdout == "it runs\n"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_what_runs_on_a_schedule_asks_its_event_for_no_repository(file):
    """GitHub's has none: a job that held the branch to it was skipped, a private one counted as public."""
    workflow = yaml.safe_load(file.read_text())
    jobs = workflow["jobs"].values() if "schedule" in workflow[True] else ()
    asked = {text.removeprefix("always() && ") for job in jobs for text in values(job)}
    asked -= {"${{ github.event.repository.default_branch }}"}  # of a checkout: empty is the default branch
    other = r"github\.event_name (== 'schedule' \|\||!= 'schedule' &&|!= 'push' \|\||== 'push' &&)"
    assert [text for text in asked if "github.event.repository" in text and not re.match(other, text)] == []


def test_each_schedule_is_put_on_record_and_watched():
    """One that nobody writes down could stop for months, and no page would say so."""
    events = {file.stem: yaml.safe_load(file.read_text())[True] for file in WORKFLOWS}
    scheduled = {name for name, on in events.items() if "schedule" in on}
    assert scheduled - {"status"} == set(heartbeats.SCHEDULES)
    assert set(events["status"]["workflow_run"]["workflows"]) == {*heartbeats.SCHEDULES, "rollback"}


def test_a_silent_pypi_is_red_in_the_weekly_run_alone():
    runs = {
        name: yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())["jobs"]["audit"]["steps"][
            -1
        ]
        for name in ("audit", "checks")
    }
    assert {name: step["run"] for name, step in runs.items()} == {
        "audit": "make audit",
        "checks": "make audit SILENT=warning",
    }
