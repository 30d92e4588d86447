"""One instance of a model as objects of Kubernetes: its pods, their address, and how many there are.

They are named by version, so a change of role renews pods one by one behind the same address.
"""

from typing import Any

from loop.deploy.cluster_settings import Settings
from loop.deploy.instances import PORT, Instance
from loop.deploy.manifest import Manifest

USER = 1034  # of the image
DRAIN = 10  # seconds in which a gateway hears that a pod is going
STOP = 30  # seconds in which open requests end and the log is written
START = 120  # seconds in which a model must be ready
APP = {"app.kubernetes.io/name": "model"}
LAST = {"argocd.argoproj.io/sync-options": "PruneLast=true"}  # removed once the route has left it


def manifests(one: Instance, settings: Settings) -> list[Manifest]:
    """All objects of one instance."""
    selector = {"matchLabels": _selected(one)}
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": one.name}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": settings.cpu_percent}}
    return [
        _object(
            *("apps/v1", "Deployment", one),
            # no number of replicas: that is the autoscaler's
            selector=selector,
            progressDeadlineSeconds=START + 60,  # then it has failed, and whoever waits for it goes on
            strategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            template=_pod(one, settings),
        ),
        _object(
            *("v1", "Service", one),
            selector=_selected(one),
            ports=[{"name": "http", "port": PORT, "targetPort": "http", "appProtocol": "http"}],
        ),
        _object(
            *("autoscaling/v2", "HorizontalPodAutoscaler", one),
            scaleTargetRef=scaled,
            minReplicas=settings.replicas.min,
            maxReplicas=settings.replicas.max,
            metrics=[{"type": "Resource", "resource": cpu}],
        ),
        _object(
            *("policy/v1", "PodDisruptionBudget", one),
            selector=selector,
            maxUnavailable=1,
            unhealthyPodEvictionPolicy="AlwaysAllow",
        ),
    ]


def _object(api: str, kind: str, one: Instance, **spec: Any) -> Manifest:
    """An object of an instance; role, version, commit and model are on it for people to see."""
    metadata = {
        "name": one.name,
        "labels": {**_labels(one), "app.kubernetes.io/component": one.role},
        "annotations": {**LAST, "loop/commit": one.model.commit, "loop/model": one.model.model},
    }
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def _selected(one: Instance) -> dict[str, str]:
    """What selects its pods: never the role, since a Deployment's selector cannot change."""
    return {**APP, "app.kubernetes.io/instance": one.name}


def _labels(one: Instance) -> dict[str, str]:
    return {**_selected(one), "app.kubernetes.io/version": f"v{one.model.version}"}


def _pod(one: Instance, settings: Settings) -> Manifest:
    secret = [{"key": key, "path": key} for key in settings.secrets]
    volumes: list[Manifest] = [
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "features", "emptyDir": {"sizeLimit": "1Mi"}},  # the image has a volume there; Redis is used
        {"name": "predictions", "persistentVolumeClaim": {"claimName": settings.predictions}},
    ]
    if secret:
        volumes.append({"name": "secrets", "secret": {"secretName": "model", "items": secret}})
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": _selected(one)},
    }
    return {
        "metadata": {"labels": _labels(one)},
        "spec": {
            "serviceAccountName": "model",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": DRAIN + STOP,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "topologySpreadConstraints": [spread],
            "containers": [_container(one, settings)],
            "volumes": volumes,
        },
    }


def _container(one: Instance, settings: Settings) -> Manifest:
    features = {"secretKeyRef": {"name": "model", "key": "features"}}  # a URL, which may hold a password
    env = [
        {"name": "LOOP_ROLE", "value": one.role},
        {"name": "LOOP_FEATURES", "valueFrom": features},
        *({"name": f"LOOP_{key.upper()}_FILE", "value": f"/run/loop/{key}"} for key in settings.secrets),
    ]
    mounts: list[Manifest] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own
        {"name": "features", "mountPath": "/var/lib/loop/features", "readOnly": True},
        {"name": "predictions", "mountPath": "/var/lib/loop/predictions"},
    ]
    if settings.secrets:
        mounts.append({"name": "secrets", "mountPath": "/run/loop", "readOnly": True})
    return {
        "name": "model",
        "image": one.image,
        "ports": [{"name": "http", "containerPort": PORT}],
        "env": env,
        "resources": {"requests": settings.requests, "limits": settings.limits},
        "startupProbe": _probe("/readyz", period=2, failures=START // 2),
        "readinessProbe": _probe("/readyz", period=5, failures=2),
        "livenessProbe": _probe("/livez", period=10, failures=3),
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _probe(path: str, *, period: int, failures: int) -> Manifest:
    asked = {"path": path, "port": "http"}
    return {"httpGet": asked, "periodSeconds": period, "timeoutSeconds": 4, "failureThreshold": failures}
