"""Flux, which follows a branch: its controllers beside a node of Kubernetes, and what they said.

`.ci/run` builds them with the node, elsewhere `.ci/cluster agent .tools/flux` does.
"""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from support.cluster import Cluster

SPACE = "flux-system"


class Agent:
    """Flux, asked by kubectl about the one branch that it follows."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def status(self) -> tuple[str, str, str]:
        """Whether what the branch says is brought about: status, message, and the commit that was tried."""
        found: dict[str, Any] = self._cluster.get(
            "kustomization.kustomize.toolkit.fluxcd.io/model", "-n", SPACE
        )
        status = found.get("status", {})
        ready = next((one for one in status.get("conditions", []) if one["type"] == "Ready"), {})
        tried = str(status.get("lastAttemptedRevision", "")).rpartition(":")[2]
        return str(ready.get("status")), str(ready.get("message")), tried

    def brings(self, commit: str) -> None:
        """Wait until it has brought a commit about."""
        told = f"Flux has brought {commit[:12]} about"
        self._cluster.until(told, lambda: self.status()[0] == "True" and self.status()[2].endswith(commit))

    def refuses(self, commit: str) -> str:
        """Wait until it says that it cannot: what it says."""
        told = f"Flux refuses {commit[:12]}"
        self._cluster.until(told, lambda: self.status()[0] == "False" and self.status()[2].endswith(commit))
        return self.status()[1]


@contextlib.contextmanager
def follow(cluster: Cluster, folder: Path, objects: str) -> Iterator[Agent]:
    """Flux runs, told by its objects what to follow; what it brought about stays when it ends."""
    places = (cluster.folder / "flux", ROOT / ".tools/flux")
    programs = next((one for one in places if (one / "built").exists()), None)
    if programs is None:
        pytest.skip("no Flux: `.ci/cluster agent .tools/flux` builds it")
    (folder / "store").mkdir(parents=True)
    cluster.kubectl("apply", "--server-side", f"--filename={programs / 'definitions'}")
    cluster.kubectl("wait", "--for=condition=established", "--timeout=60s", "crd", "--all")
    cluster.kubectl("create", "namespace", SPACE)
    env = os.environ | {"KUBECONFIG": str(cluster.folder / "kubeconfig"), "RUNTIME_NAMESPACE": SPACE}
    env = {name: value for name, value in env.items() if not name.lower().endswith("_proxy")}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    alone = ("--metrics-addr=127.0.0.1:0", "--health-addr=127.0.0.1:0", "--enable-leader-election=false")
    store = (f"--storage-path={folder / 'store'}", f"--storage-addr={place}", f"--storage-adv-addr={place}")
    with contextlib.ExitStack() as ends:
        for name, options in (("source-controller", store), ("kustomize-controller", ())):
            log = ends.enter_context((folder / f"{name}.log").open("w"))
            process = subprocess.Popen(
                [programs / name, *alone, *options, "--events-addr="], env=env, stdout=log, stderr=log
            )
            ends.callback(process.wait, 60)
            ends.callback(process.terminate)
        cluster.kubectl("apply", "-n", SPACE, "-f", "-", given=objects)
        try:
            yield Agent(cluster)
        finally:
            cluster.kubectl("delete", "-n", SPACE, "-f", "-", given=objects)
            cluster.kubectl("delete", "namespace", SPACE, "--wait=false")
