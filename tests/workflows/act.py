"""The shipped workflows, executed on this machine by nektos/act against the double.

A run is what GitHub makes of an event: the workflow of the right commit, a token with the
permissions that the job asks for (read at most for a pull request of a fork), the event's payload.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from conftest import PATIENCE, ROOT
from support.tools import tool
from support.warm import ONE_THREAD, warm
from workflows.double import FORK, NAME, Double, git

UV = shutil.which("uv") or str(ROOT / ".tools/bin/uv")
STANDINS = {
    "actions/checkout": "checkout",
    "actions/setup-python": "setup-python",
    "actions/setup-go": "setup-go",
    "actions/cache": "cache",
    "actions/upload-artifact": "upload-artifact",
    "actions/download-artifact": "download-artifact",
    "actions/attest": "attest",
    "actions/deploy-pages": "deploy-pages",
}
CML = ROOT / "tests/workflows/cml"  # a `cml` that minds its arguments as 0.20.6 does
SYSTEM = ROOT / "tests/workflows/system"  # a `sudo` and an `apt-get` that change nothing
_USES = re.compile(r"^\s*(?:- )?uses: (\S+)", re.MULTILINE)
_JOB = re.compile(r"\[[^/\]]+/(.+?) *\] ")  # at the start of a line of a job's log
_STRANGE = ("GITHUB_", "GIT_", "MLFLOW_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "ACTIONS_")


@dataclass(frozen=True)
class Done:
    """How a run ended, and its log."""

    code: int
    log: str

    @property
    def conclusion(self) -> str:
        """As GitHub calls it."""
        return "failure" if self.code else "success"


class Runner:
    """A machine that runs workflows of the double's repository; `caches` is what actions/cache keeps.

    `variables` are the repository's: `vars` in a workflow.
    """

    def __init__(self, double: Double, folder: Path) -> None:
        self.double, self.folder, self.caches = double, folder, folder / "caches"
        self.variables: dict[str, str] = {}
        self.program = shutil.which("act") or str(tool("ACT"))
        folder.mkdir(parents=True, exist_ok=True)
        bundle = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
        known = Path(bundle).read_text() if Path(bundle).is_file() else ""
        self.certificates = folder / "certificates.pem"
        self.certificates.write_text(known + (double.folder / "cert.pem").read_text())
        self.venv = _environment()

    def review(self, number: int, *jobs: str) -> int:
        """review.yml for a pull request as it is now, all jobs or those named; the run's number."""
        pull, run = self.double.pull(number), self.double.run(number)
        payload = {"action": "synchronize", "number": number, "pull_request": pull}
        capped = pull["head"]["repo"]["full_name"] == FORK
        return self._reviewed(run, "pull_request", payload, pull["head"]["sha"], jobs=jobs, capped=capped)

    def review_queued(self, number: int, sha: str, *jobs: str) -> int:
        """review.yml for an entry of the merge queue, likewise."""
        run = self.double.run_queued(number, sha)
        entry = {
            "head_sha": sha,
            "head_ref": f"refs/heads/{self.double.runs[run]['head_branch']}",
            "base_sha": git(self.double.repo(), "rev-parse", f"{sha}^"),
            "base_ref": f"refs/heads/{self.double.main}",
        }
        payload = {"action": "checks_requested", "merge_group": entry}
        return self._reviewed(run, "merge_group", payload, sha, jobs=jobs)

    def _reviewed(self, run: int, event: str, payload: dict[str, Any], sha: str, **given: Any) -> int:
        done = self.act("review.yml", event, payload, sha=sha, GITHUB_RUN_ID=str(run), **given)
        self.double.runs[run] |= {"conclusion": done.conclusion, "log": done.log}
        return run

    def publish(self, run: int, **permissions: str) -> Done:
        """publish.yml for a run that ended; `permissions` override what the workflow asks for."""
        return self.act(
            "publish.yml",
            "workflow_run",
            {"action": "completed", "workflow_run": self.double.runs[run], "repository": {"full_name": NAME}},
            sha=self.double.tip(self.double.main),
            permissions=permissions,
            GITHUB_RUN_ID=str(self.double.judge()),
        )

    def act(
        self,
        workflow: str,
        event: str,
        payload: dict[str, Any],
        *,
        sha: str,
        capped: bool = False,
        permissions: dict[str, str] | None = None,
        jobs: tuple[str, ...] = (),
        **env: str,
    ) -> Done:
        """One run of a workflow as of a commit."""
        place = self.folder / f"run{self.double.next()}"
        git(self.folder, "clone", "--quiet", str(self.double.repo()), str(place))
        git(place, "fetch", "--quiet", "origin", sha)
        git(place, "-c", "advice.detachedHead=false", "checkout", "--quiet", sha)
        git(place, "remote", "set-url", "origin", f"{self.double.url}/{NAME}.git")
        text = (place / ".github/workflows" / workflow).read_text()
        home = {"full_name": NAME, "private": False, "default_branch": self.double.main}
        payload |= {"repository": home} if event != "schedule" else {}  # as GitHub's has none
        token = f"ghs_{self.double.next()}"
        self.double.tokens[token] = _permissions(text, capped, jobs) | (permissions or {})
        (place / "event.json").write_text(json.dumps(payload))
        inside = {
            "GITHUB_SERVER_URL": self.double.url,
            "GITHUB_API_URL": f"{self.double.url}/api/v3",
            "GITHUB_REPOSITORY": NAME,
            "LOOP_SHA": sha,
            "LOOP_VENV": str(self.venv),
            "LOOP_CACHES": str(self.caches),
            "LOOP_CAPPED": "yes" if capped else "",
            "LOOP_MAIN": f"refs/heads/{self.double.main}",
            **ONE_THREAD,
            **{name: os.environ[name] for name in ("WARM_LOG", "PYTEST_CURRENT_TEST") if name in os.environ},
            "SSL_CERT_FILE": str(self.certificates),
            "REQUESTS_CA_BUNDLE": str(self.certificates),
            "GIT_SSL_CAINFO": str(self.certificates),
            "NODE_EXTRA_CA_CERTS": str(double_cert(self.double)),
            **env,
        }
        command = [self.program, event, "-W", f".github/workflows/{workflow}", "-e", "event.json", "--bind"]
        command += [
            "-P",
            "ubuntu-24.04=-self-hosted",
            "--no-skip-checkout",
            "--no-cache-server",
            "--pull=false",
        ]
        command += ["--concurrent-jobs", "1", "-s", "GITHUB_TOKEN", "--github-instance", self.double.url[8:]]
        command += ["--action-cache-path", str(self.folder / "act")]
        for job in jobs:
            command += ["-j", job]
        for used in _used(place):
            name, _, ref = used.partition("@")
            short = "/".join(name.split("/")[:2])
            command += [
                "--local-repository",
                f"{short}@{ref}={ROOT / 'tests/workflows/actions' / STANDINS[short]}",
            ]
        for name, value in self.variables.items():
            command += ["--var", f"{name}={value}"]
        for name, value in inside.items():
            command += ["--env", f"{name}={value}"]
        outside = {name: value for name, value in os.environ.items() if not name.startswith(_STRANGE)}
        outside |= {
            "GITHUB_TOKEN": token,
            "PATH": os.pathsep.join([str(CML), str(SYSTEM), str(Path(UV).parent), os.environ["PATH"]]),
        }
        code, log, seconds = _followed(command, place, outside)
        if "JOB_SECONDS" in os.environ:  # for `python -m benchmarks jobs`
            with Path(os.environ["JOB_SECONDS"]).open("a") as file:
                file.writelines(f"{json.dumps([workflow, *one])}\n" for one in seconds.items())
        shutil.rmtree(place)
        return Done(code, log)


def _followed(command: list[str], place: Path, env: dict[str, str]) -> tuple[int, str, dict[str, float]]:
    """The exit code of act, its log, and the seconds from the first to the last line of each job."""
    lines, seen = [], {}
    with subprocess.Popen(
        command, cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        late = threading.Timer(PATIENCE, process.kill)
        late.start()
        for line in process.stdout:
            lines.append(line)
            if job := _JOB.match(line):
                first, _ = seen.setdefault(job[1], (time.perf_counter(), 0))
                seen[job[1]] = first, time.perf_counter()
        late.cancel()
    return process.returncode, "".join(lines), {job: last - first for job, (first, last) in seen.items()}


@cache
def _environment() -> Path:
    """The locked environment that a runner has: one for all runs of this process."""
    venv = Path(tempfile.mkdtemp(dir=os.environ["WARM_BIN"]), "venv")
    subprocess.run(
        [UV, "sync", "--locked", "--quiet"],
        cwd=ROOT,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(venv)},
        check=True,
    )
    # Modules that are compiled already: packages are links to the same files.
    inside = sysconfig.get_path("purelib").removeprefix(sys.prefix).lstrip("/")
    subprocess.run(["cp", "-aln", f"{sysconfig.get_path('purelib')}/.", str(venv / inside)], check=False)
    warm(venv)
    return venv


def double_cert(double: Double) -> Path:
    """The certificate that the double shows."""
    return double.folder / "cert.pem"


def _permissions(text: str, capped: bool, jobs: tuple[str, ...]) -> dict[str, str]:
    """What the token of a run may: what its jobs ask for, or those named; read at most when capped."""
    found = yaml.safe_load(text)
    assert found["permissions"] == {}, "every workflow starts with no permission"
    given: dict[str, str] = {}
    for job in [job for name, job in found["jobs"].items() if name in (jobs or found["jobs"])]:
        for what, level in (job.get("permissions") or {}).items():
            given[what] = "write" if level == "write" and not capped else given.get(what, "read")
    return given


def _used(place: Path) -> set[str]:
    """Every external action that the workflows name, with its pin."""
    files = [*place.glob(".github/workflows/*.yml"), *place.glob(".github/actions/*/action.yml")]
    found = {used for file in files for used in _USES.findall(file.read_text())}
    return {used for used in found if not used.startswith("./")}
