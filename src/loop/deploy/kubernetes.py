"""The state as manifests for Kubernetes: a kustomize base, brought about by Argo CD, Flux or kubectl.

The route is an object of its own, applied after the models are up, and models go after the route has left
them. Fields are those of Kubernetes 1.30 and of the Gateway API 1.0, standard channel.
"""

from pathlib import Path

from loop.deploy import instances, manifest, workload
from loop.deploy.cluster_settings import Settings
from loop.deploy.instances import PORT, Instance
from loop.deploy.manifest import Manifest
from loop.deploy.workload import APP
from loop.production.state import Champion, State, Version

FOLDER = "kubernetes"
AFTER = {"argocd.argoproj.io/sync-wave": "1"}  # once the models are healthy
PAGES = {"/": "Exact", "/docs.json": "Exact", "/model": "PathPrefix", "/static_content": "PathPrefix"}
HEAD = "# Made by `loop` from rollout.yaml and deploy/kubernetes.yaml: change those.\n"


def files(state: State, settings: Settings, spare: Version | None = None) -> dict[str, str]:
    """What the branch holds for a cluster, by path; nothing where no model of the state has an image.

    `spare` is a version that runs and gets no requests: that of the last champion, to go back to at once.
    Raises LoopError where one model of the state has an image and the other has none.
    """
    if all(model.image is None for model in state.models):
        return {}
    running = instances.of(state)
    names = {one.name for one in running}
    if spare is not None and spare.image is not None and f"model-v{spare.version}" not in names:
        running.append(_spare(spare))
    texts = {f"models/{one.name}": workload.manifests(one, settings) for one in running}
    texts["models/shared"] = _shared(settings)
    texts["route/model"] = [_route(state, settings)]
    texts["kustomization"] = [_base("models", "route")]
    for folder in ("models", "route"):
        held = sorted(f"{Path(path).name}.yaml" for path in texts if path.startswith(f"{folder}/"))
        texts[f"{folder}/kustomization"] = [_base(*held)]
    return {f"{FOLDER}/{path}.yaml": manifest.dump(HEAD, *held) for path, held in sorted(texts.items())}


def _spare(one: Version) -> Instance:
    """A version as it was when it was champion, so that going back restarts nothing."""
    what = {name: getattr(one, name) for name in ("version", "commit", "model", "image")}
    champion = Champion(role="champion", weight=0, since=one.released, **what)
    return Instance(f"model-v{one.version}", "champion", champion)


def _base(*resources: str) -> Manifest:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(resources),
    }


def _shared(settings: Settings) -> list[Manifest]:
    """What all models have in common: an identity that may do nothing, and whom they may talk to."""
    named = {"name": "model", "labels": APP}
    proxies = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": settings.proxies}}}
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": named,
        "automountServiceAccountToken": False,
        "imagePullSecrets": [{"name": "registry"}],
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": named,
        "spec": {
            "podSelector": {"matchLabels": APP},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [proxies], "ports": [{"protocol": "TCP", "port": PORT}]}],
            "egress": [{"ports": [*dns, {"protocol": "TCP", "port": settings.redis_port}]}],
        },
    }
    return [account, policy]


def _route(state: State, settings: Settings) -> Manifest:
    """Predictions by weight, with a copy to a shadow; the pages by the champion; no other path."""
    running = {one.role: one for one in instances.of(state)}
    answering = [one for role, one in running.items() if role != "shadow"]
    predict: Manifest = {
        "matches": [{"path": {"type": "Exact", "value": "/predict"}}],
        "backendRefs": [{**_backend(one), "weight": one.model.weight} for one in answering],
    }
    if "shadow" in running:
        mirror = {"backendRef": _backend(running["shadow"])}
        predict["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
    pages = {
        "matches": [{"path": {"type": kind, "value": path}} for path, kind in PAGES.items()],
        "backendRefs": [{**_backend(running["champion"]), "weight": 100}],
    }
    spec = {
        "parentRefs": [settings.gateway.model_dump()],
        **({"hostnames": settings.hostnames} if settings.hostnames else {}),
        "rules": [predict, pages],
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "model", "labels": APP, "annotations": AFTER},
        "spec": spec,
    }


def _backend(one: Instance) -> Manifest:
    return {"name": one.name, "port": PORT}
