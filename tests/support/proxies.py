"""The two proxies that models are put behind, each before servers that misbehave as they are told."""

import json
from pathlib import Path
from typing import Any

from conftest import ROOT
from loop.deploy import cluster_settings, fallback, instances, kubernetes
from loop.deploy.nginx import Proxy, Site, render
from loop.production import transitions
from loop.production.rollout_policy import Policy
from loop.production.state import State
from support.backends import Backends, Client, eventually, free_port
from support.cluster import GATE, Cluster
from support.states import NOW, policy, serving, version

Stage = tuple[str, int, bool]  # name, weight in percent, whether it mirrors


def state_of(stage: Stage | None, timeout_ms: int, number: int) -> tuple[State, Policy]:
    """A champion 1 and a challenger at a stage (None: nobody), and the policy of that."""
    stages = policy(*filter(None, [stage])).model_copy(update={"timeout_ms": timeout_ms})
    state = serving(1)
    return (transitions.enter(state, version(number), stages, NOW) if stage else state), stages


class Nginx:
    """That of one host."""

    def __init__(self, folder: Path) -> None:
        self.proxy = Proxy(folder)
        self.backends = Backends()
        self._port = free_port()

    def serve(self, stage: Stage | None = None, timeout_ms: int = 20_000, number: int = 2) -> Client:
        """Bring a state about, by servers named by role; a client of it."""
        state, stages = state_of(stage, timeout_ms, number)
        ports = {(one.model.version, one.role): self.backends(one.role).port for one in instances.of(state)}
        self.proxy.apply(render(state, stages, ports, Site(f"127.0.0.1:{self._port}", 64, grace=10)))
        return self.another()

    def another(self) -> Client:
        """One more client."""
        return Client(self._port)

    def logged(self) -> list[dict[str, Any]]:
        """What it has written of answers by the champion for a challenger."""
        path = self.proxy.folder / "fallbacks.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def end(self) -> None:
        """End it, and the servers."""
        if process := self.proxy.process():
            process.stop(2)
        self.backends.stop()


class Envoy:
    """That of the node, by Envoy Gateway and the route that a branch holds."""

    _states = 0  # brought about so far, by any

    def __init__(self, cluster: Cluster, namespace: str, *, falls_back: bool = True) -> None:
        self._cluster, self._namespace = cluster, namespace
        self.backends = Backends(GATE)
        self._address = cluster.gateway()
        settings = cluster_settings.read(ROOT / cluster_settings.SETTINGS)
        few = settings.replicas.model_copy(update={"min": 1})
        proxy = cluster.fallback if falls_back else None
        changed = {"entity_header": "X-Entity", "fallback": proxy, "replicas": few}
        self._settings = settings.model_copy(update=changed)

    def serve(self, stage: Stage | None = None, timeout_ms: int = 20_000, number: int = 2) -> Client:
        """Bring a state about, by servers named by role; a client of it.

        Each state has a name of its own for callers: one that it answers shows that Envoy has it.
        """
        Envoy._states += 1
        settings = self._settings.model_copy(update={"hostnames": [self._host]})
        state, _ = state_of(stage, timeout_ms, number)
        files = kubernetes.files(state, settings, limits=fallback.Limits(timeout_ms, 64))
        places = [json.dumps(part) for one in instances.of(state) for part in self._place(one)]
        self._apply("serviceaccount/model", *places, files["kubernetes/models/shared.yaml"])
        self._proxy = fallback.name(state) if settings.fallback else None
        if self._proxy:
            self._apply("deployment.apps/", files[f"kubernetes/models/{self._proxy}.yaml"])
            self._cluster.kubectl("rollout", "status", f"deployment/{self._proxy}", "-n", self._namespace)
        self._apply("httproute.gateway.networking.k8s.io/model", files["kubernetes/route/model.yaml"])
        client = self.another()
        assert eventually(lambda: self._answers(client)), self._cluster.kubectl(
            "get", "httproute/model", "-n", self._namespace, "--output=yaml"
        )
        # The proxy hears of the new addresses by another way. Of a mirror, copies would come late.
        if self._proxy and stage and stage[1] and not stage[2]:
            self.backends("challenger", "500")
            assert eventually(lambda: self._answers(client)), "the champion is not asked in its place"
            self.backends("challenger")
        self.backends.forget()
        return client

    def _apply(self, taken: str, *objects: str) -> None:
        """Apply objects, until the API server says that it took one."""
        apply, given = ("apply", "-n", self._namespace, "-f", "-"), "\n---\n".join(objects)
        self._cluster.until(
            f"{taken} is taken", lambda: taken in self._cluster.kubectl(*apply, given=given, check=False)
        )

    def logged(self) -> list[dict[str, Any]]:
        """What the proxy that falls back has written of answers by the champion for a challenger."""
        logs = ("logs", "-n", self._namespace, "--tail=-1")
        text = self._cluster.kubectl(*logs, f"--selector=app.kubernetes.io/instance={self._proxy}")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def another(self) -> Client:
        """One more client."""
        return Client(80, self._address, Host=self._host)

    @property
    def _host(self) -> str:
        return f"state-{Envoy._states}.example.com"

    def _answers(self, client: Client) -> bool:
        """Whether each of some requests has an answer, by whomever."""
        return all(client.ask(X_Entity=f"first {number}").status == 200 for number in range(30))

    def _place(self, one: instances.Instance) -> list[dict[str, Any]]:
        """The address of a server on this machine, as that of a model's pods."""
        named = {"name": one.name, "labels": {"kubernetes.io/service-name": one.name}}
        service = {"ports": [{"name": "http", "port": instances.PORT, "appProtocol": "http"}]}
        return [
            {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": service},
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": named,
                "addressType": "IPv4",
                "ports": [{"name": "http", "port": self.backends(one.role).port, "protocol": "TCP"}],
                "endpoints": [{"addresses": [GATE], "conditions": {"ready": True}}],
            },
        ]

    def end(self) -> None:
        """End the servers; the route goes with its namespace."""
        self.backends.stop()
