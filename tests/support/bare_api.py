"""An API of Kubernetes with nothing behind it: what it refuses, nobody else has seen either."""

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.cluster import Cluster

CONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: bare, cluster: {{server: "https://127.0.0.1:{port}", insecure-skip-tls-verify: true}}}}]
users: [{{name: tests, user: {{token: tests}}}}]
contexts: [{{name: bare, context: {{cluster: bare, user: tests}}}}]
current-context: bare
"""
ROUTES = "httproutes.gateway.networking.k8s.io"


@contextlib.contextmanager
def run(cluster: Cluster, folder: Path) -> Iterator[Cluster]:
    """One of the program of a node that runs, with an etcd of its own, until it is left."""
    folder.mkdir()
    for name in ("kubectl", "kube-apiserver"):  # one program, by the name that it is called by
        (folder / name).symlink_to(cluster.folder / "kubectl")
    stored, peers, port = _ports(3)
    (folder / "kubeconfig").write_text(CONFIG.format(port=port))
    (folder / "tokens.csv").write_text("tests,tests,1,system:masters\n")
    subprocess.run(
        ["openssl", "genrsa", "-out", folder / "accounts.key", "2048"], check=True, capture_output=True
    )
    store = f"http://127.0.0.1:{stored}"
    places = (f"--listen-client-urls={store}", f"--advertise-client-urls={store}")
    etcd = ("etcd", "--data-dir=etcd", "--unsafe-no-fsync", *places)
    api = (
        str(folder / "kube-apiserver"),
        f"--etcd-servers={store}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--cert-dir=certificates",
        "--service-account-key-file=accounts.key",
        "--service-account-signing-key-file=accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=RBAC",
        "--token-auth-file=tokens.csv",
        "--service-cluster-ip-range=10.1.0.0/24",
        "--disable-admission-plugins=ServiceAccount",  # nobody makes them here
    )
    with contextlib.ExitStack() as ends:
        log = ends.enter_context((folder / "log").open("w"))
        env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        for command in ((*etcd, f"--listen-peer-urls=http://127.0.0.1:{peers}"), api):
            process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
            ends.callback(process.wait, 60)
            ends.callback(process.kill)
        bare = Cluster(folder)
        bare.until("it answers", lambda: bare.kubectl("get", "--raw=/readyz", check=False) == "ok")
        yield bare


def _ports(number: int) -> list[int]:
    with contextlib.ExitStack() as ends:
        probes = [ends.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def older_route(cluster: Cluster) -> str:
    """The definition of routes that a cluster has, as of a time in which they knew no mirror."""
    found = cluster.get("crd", ROUTES)
    definition = {name: found[name] for name in ("apiVersion", "kind", "spec")}
    definition["metadata"] = {"name": ROUTES, "annotations": found["metadata"]["annotations"]}
    return json.dumps(_without(definition, {"requestMirror", "x-kubernetes-validations"}))


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, list):
        return [_without(part, names) for part in value]
    if not isinstance(value, dict):
        return value
    return {name: _without(part, names) for name, part in value.items() if name not in names}
