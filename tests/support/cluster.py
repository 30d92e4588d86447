"""A node of Kubernetes with Envoy Gateway, and a client of it that asks all the time and counts.

`.ci/run` starts one beside the tests and names its folder in CLUSTER. Elsewhere root starts one, where
`make cluster` has built its programs.
"""

import fcntl
import http.client
import json
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from conftest import PATIENCE, ROOT

PROGRAMS = ROOT / ".tools/cluster"
GATE = "10.222.0.1"  # of this machine, on the bridge to the pods
GATEWAY = "gateway.envoyproxy.io/owning-gateway-name=gateway"


class Cluster:
    """A node that runs, asked by kubectl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace = "models"

    def wait(self) -> None:
        """Until it runs. Fails with what was said where it does not come to."""
        for _ in range(PATIENCE * 2):
            if (self.folder / "ready").exists():
                return
            if (self.folder / "failed").exists():
                pytest.fail((self.folder / "failed").read_text())
            time.sleep(1)
        pytest.fail("no node of Kubernetes runs")

    def kubectl(self, *arguments: str, given: str | None = None, check: bool = True) -> str:
        """What kubectl prints; its errors too where they are no failure."""
        done = subprocess.run(
            [self.folder / "kubectl", "--namespace", self.namespace, *arguments],
            env=_without_proxies() | {"KUBECONFIG": str(self.folder / "kubeconfig")},
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert not (check and done.returncode), f"{arguments}: {done.stdout}\n{done.stderr}\n{self.pods()}"
        return done.stdout + ("" if check else done.stderr)

    def shell(self, commands: str, folder: Path, *, check: bool = True) -> str:
        """Run commands as a person does, with a kubeconfig of their own; what they print."""
        config = folder / "kubeconfig"
        if not config.exists():
            config.write_bytes((self.folder / "kubeconfig").read_bytes())
        place = {"KUBECONFIG": str(config), "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=folder,
            env=_without_proxies() | place,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert not (check and done.returncode), f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}\n{self.pods()}"
        return done.stdout + done.stderr

    def pods(self, *more: str) -> str:
        """What `kubectl get pods` shows."""
        return self.kubectl("get", "pods", *more, check=False)

    def get(self, *what: str) -> Any:
        """An object, or a list of them."""
        return json.loads(self.kubectl("get", *what, "--output", "json"))

    def until(self, what: str, true: Callable[[], Any], seconds: float = 300) -> Any:
        """What becomes true; fails where it does not in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := true():
                return found
            time.sleep(0.2)
        events = self.kubectl("get", "events", "--sort-by=.lastTimestamp", check=False)
        pytest.fail(f"not in {seconds:.0f} seconds: {what}\n{self.pods()}\n{events[-3000:]}")

    @property
    def fallback(self) -> str:
        """An image of nginx on the node, by its digest."""
        return (self.folder / "fallback").read_text().strip()

    def gateway(self) -> str:
        """The address of Envoy."""
        (service,) = self.get("services", "--all-namespaces", "--selector", GATEWAY)["items"]
        return str(service["spec"]["clusterIP"])


def _without_proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


class Client:
    """Asks all the time, each time by a connection of its own, until it is left; knows what it got."""

    def __init__(self, host: str, body: str, threads: int = 4, timeout: float = 10.0) -> None:
        self._host, self._body, self._timeout = host, body, timeout
        self.askers = threads
        self.answers: list[tuple[float, str, float]] = []  # when it was asked, by which model, seconds
        self.failures: list[tuple[float, str, float]] = []
        self._end = Event()
        self._threads = [Thread(target=self._run, args=(number,), daemon=True) for number in range(threads)]

    def __enter__(self) -> "Client":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    @property
    def slowest(self) -> float:
        """Seconds of the longest wait, for an answer or a failure."""
        return max(seconds for _, _, seconds in self.answers + self.failures)

    def models(self, since: float = 0.0) -> Counter[str]:
        """How many answers each model gave to what was asked since an instant."""
        return Counter(model for at, model, _ in self.answers if at >= since)

    def more(self, number: int) -> None:
        """Wait for so many more answers."""
        whole, end = len(self.answers) + number, time.monotonic() + 120
        while len(self.answers) < whole:
            assert time.monotonic() < end, f"{number} answers did not come; failures: {self.failures[-3:]}"
            time.sleep(0.02)

    def _run(self, number: int) -> None:
        count = 0
        while not self._end.is_set():
            count += 1
            began = time.monotonic()
            try:
                model = ask(self._host, self._body, f"entity-{number}-{count}", self._timeout)
            except (OSError, http.client.HTTPException, AssertionError, ValueError) as error:
                self.failures.append((began, repr(error), time.monotonic() - began))
            else:
                self.answers.append((began, model, time.monotonic() - began))
            time.sleep(0.03)  # others have work on this machine too


def ask(host: str, body: str, entity: str, timeout: float = 10.0) -> str:
    """The version of the model that answers an entity's request."""
    name, _, port = host.partition(":")
    connection = http.client.HTTPConnection(name, int(port or 80), timeout=timeout)
    try:
        connection.request("POST", "/predict", body, {"Content-Type": "application/json", "X-Entity": entity})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, f"{answer.status} {text[:200]!r}"
        return str(json.loads(text)["model_version"])
    finally:
        connection.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """The node of a file's tests; they are skipped, and say so, where none can be.

    That of `.ci/run` is everybody's, and its API server may be away for seconds.
    """
    if os.environ.get("NO_CLUSTER"):
        pytest.skip("this kernel runs no node of Kubernetes, .ci/run found")
    if folder := os.environ.get("CLUSTER"):
        cluster = Cluster(Path(folder))
        cluster.wait()
        yield cluster
        return
    if os.geteuid() != 0 or not (PROGRAMS / "built").exists():
        pytest.skip("no node of Kubernetes: as root, with Go, `make cluster` builds one")
    with (
        (PROGRAMS / "lock").open("w") as lock,
        tempfile.TemporaryDirectory(prefix="loop-cluster-") as place,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)  # a machine has one at a time
        command, node = ROOT / ".ci/cluster", Path(place, "node")
        try:
            started = subprocess.run(
                [command, "start", PROGRAMS, node, "0"], stderr=subprocess.PIPE, text=True, check=False
            )
            assert started.returncode == 0, started.stderr
            yield Cluster(node)
        finally:
            subprocess.run([command, "stop", node], check=False)
