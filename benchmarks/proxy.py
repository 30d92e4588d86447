"""What the proxy of `loop deploy` costs a request, and how long it takes to go back.

Load by wrk at one connection on the same cores, which is latency without a queue. "Added" is the difference
between two points of a round: asked directly, through nginx, and through nginx with a shadow that scores as
well. A rollback is timed from the command to the last answer by the refused model, while requests flow.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import requests

from benchmarks.serving import LOAD, ROOT, _contract, _prepare, _requests
from benchmarks.timing import Row

SECONDS, WARM_UP = 5, 2
SETUP = """
import json, sys
import pandas as pd
from loop.production.state import Version
from loop.model import lineage
from loop.production import branch, rollout_policy, transitions
now, what = pd.Timestamp("2026-01-05T12:00Z"), json.loads(sys.argv[1])
def version(number):
    return Version.model_validate({
        "version": number, "commit": what["commits"][number - 1], "image": None,
        "model": lineage.load()["model"]["sha256"],
        "released": now, "lock": "0" * 64, "data": {}, "verdict": "better", "pull": None,
        "author": None, "approver": None,
    })
def move(state):
    if what["move"] == "enter":
        return transitions.enter(state, version(what["number"]), rollout_policy.read(), now)
    if what["move"] == "back":
        return transitions.back(state, version(1), "benchmark", now)
    return transitions.advance(state, rollout_policy.read(), now)
new = version(what["number"]) if what["move"] == "enter" else None
branch.change(lambda now: (move(now.state), what["move"], new), lambda _: {})
"""


def measure(runs: int) -> list[Row]:
    """Latency direct and through the proxy, and seconds of a rollback."""
    for program in ("wrk", "nginx"):
        if shutil.which(program) is None:
            sys.exit(f"error: no {program}\n  to do: apt install {program}")
    with tempfile.TemporaryDirectory() as folder:
        host = Host(Path(folder))
        try:
            return [*_latency(host, runs), _rollbacks(host, runs)]
        finally:
            host.deploy("--down")


class Host:
    """A clone of this repository with a version, and one of the same model that decides otherwise."""

    def __init__(self, folder: Path) -> None:
        self.path, self.port = folder / "repo", 8099
        (folder / "place").mkdir()
        _prepare(folder / "place")
        asked, _ = _requests(folder / "place")
        self.bodies = folder / "bodies"
        self.bodies.write_text("\n".join(json.dumps(row) for row in _contract(asked[:200])) + "\n")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self.path)], check=True)
        self._run("git", "remote", "remove", "origin")
        (self.path / ".dvc/cache").symlink_to(ROOT / ".dvc/cache")
        first = self._run("git", "rev-parse", "HEAD")
        params = self.path / "params.yaml"
        params.write_text(params.read_text().replace("threshold: 0.4", "threshold: 0.5"))
        self._run(
            "git",
            "-c",
            "user.name=b",
            "-c",
            "user.email=b@b",
            "commit",
            "--quiet",
            "-am",
            "another threshold",
        )
        self.commits = [first, self._run("git", "rev-parse", "HEAD")]

    def deploy(self, *options: str) -> None:
        """`loop deploy`."""
        self._run(sys.executable, "-c", "from loop.cli import main; main()", "deploy", *options)

    def transition(self, what: str, number: int = 0) -> None:
        """A move on production, deployed."""
        told = {"move": what, "number": number, "commits": self.commits}
        self._run(sys.executable, "-c", SETUP, json.dumps(told))
        self.deploy("--listen", f"127.0.0.1:{self.port}")

    def champion(self) -> int:
        """The port of the champion's server."""
        records = [json.loads(path.read_text()) for path in (self.path / ".deploy/servers").glob("*.json")]
        return next(int(one["port"]) for one in records if one["role"] == "champion")

    def _run(self, *command: str) -> str:
        path = (
            f"{ROOT / '.tools/bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LOOP_")}
        names = {f"GIT_{who}_{what}": "b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(
            command,
            cwd=self.path,
            env=environment | names | {"PATH": path, "PYTHONPATH": str(self.path / "src")},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if done.returncode:
            sys.exit(f"error: `{' '.join(command[:3])}` failed\n{done.stdout}{done.stderr}")
        return done.stdout.strip()


def _latency(host: Host, runs: int) -> list[Row]:
    host.transition("enter", 1)
    direct, proxied, shadowed = [], [], []
    for _ in range(runs):
        direct.append(_wrk(host.champion(), host.bodies))
        proxied.append(_wrk(host.port, host.bodies))
    host.transition("enter", 2)
    for _ in range(runs):
        shadowed.append(_wrk(host.port, host.bodies))
    rows = []
    for name in ("p50_ms", "p99_ms"):
        what = name.removesuffix("_ms")
        rows += [
            Row(f"{what} of the server alone", [one[name] for one in direct], unit="ms"),
            Row(
                f"{what} added by the proxy",
                [after[name] - before[name] for after, before in zip(proxied, direct, strict=True)],
                unit="ms",
            ),
            Row(
                f"{what} added by a shadow",
                [after[name] - before[name] for after, before in zip(shadowed, proxied, strict=True)],
                unit="ms",
                note="on the same two cores, where it has as much work as the champion",
            ),
        ]
    return rows


def _wrk(port: int, bodies: Path) -> dict[str, float]:
    found = {}
    for seconds in (WARM_UP, SECONDS):
        command = ["wrk", "-c1", "-t1", f"-d{seconds}s", "-s", str(LOAD), f"http://127.0.0.1:{port}/predict"]
        done = subprocess.run([*command, "--", str(bodies)], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
    if found["refused"] or found["failed"]:
        sys.exit(f"error: the proxy lost requests: {found}")
    return found


def _rollbacks(host: Host, runs: int) -> Row:
    seconds, asked, lost = [], 0, 0
    for run in range(runs):
        if run:
            host.transition("enter", 2)
        for _ in range(3):
            host.transition("advance")
        load = _Load(host)
        started = time.monotonic()
        host.transition("back")
        load.stop()
        seconds.append(max(at for at, version in load.seen if version == "2") - started)
        asked, lost = asked + len(load.seen), lost + load.lost
    return Row(
        "a rollback, until the last answer by the refused model", seconds, 60, f"{lost} of {asked} lost"
    )


class _Load:
    """One caller without a pause: when it was answered by which version, and what was lost."""

    def __init__(self, host: Host) -> None:
        self.seen: list[tuple[float, str]] = []
        self.lost, self._end, self._host = 0, threading.Event(), host
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        body, session = self._host.bodies.read_text().splitlines()[0], requests.Session()
        while not self._end.wait(0.005):
            try:
                answer = session.post(
                    f"http://127.0.0.1:{self._host.port}/predict",
                    body,
                    headers={"Content-Type": "application/json"},
                    timeout=20,
                )
                answer.raise_for_status()
                self.seen.append((time.monotonic(), answer.headers["X-Model-Version"]))
            except requests.RequestException:
                self.lost += 1

    def stop(self) -> None:
        self._end.set()
        self._thread.join(30)
