"""The state as manifests for Kubernetes: a kustomize base, brought about by Argo CD, Flux or kubectl.

The route is an object of its own, applied after the models are up, and models go after the route has left
them. Whatever is applied takes in the environment's overlay: the models, the route, or all of it. Fields are
those of Kubernetes 1.30 and of the Gateway API 1.0, standard channel.
"""

from collections.abc import Mapping

from loop.base import exit_codes
from loop.deploy import fallback, instances, manifest
from loop.deploy.cluster_settings import Jobs, Settings
from loop.deploy.fallback import Limits
from loop.deploy.instances import PORT, Instance
from loop.deploy.manifest import Manifest
from loop.production.state import BRANCH, Champion, State, Version

FOLDER, OVERLAY = "kubernetes", "overlay"
HEAD = "# Made by `loop` from rollout.yaml and deploy/kubernetes.yaml: change those.\n"


def files(
    state: State,
    settings: Settings,
    spare: Version | None = None,
    overlay: Mapping[str, str] | None = None,
    environment: str = BRANCH,
    limits: Limits | None = None,
) -> dict[str, str]:
    """What the branch holds for a cluster, by path; nothing where no model of the state has an image.

    `spare` is a version that runs and gets no requests: that of the last champion, to go back to at once.
    `overlay` are the files of a component, by path in its folder. An environment before production has no
    traffic: of the jobs it needs the one that fills its feature store. With `limits` a challenger's share
    goes by a proxy that falls back to the champion, where the settings name its image.
    Raises LoopError where one model of the state has an image and the other has none.
    """
    if all(model.image is None for model in state.models):
        return {}
    running = instances.of(state)
    names = {one.name for one in running}
    if spare is not None and spare.image is not None and f"model-v{spare.version}" not in names:
        running.append(_spare(spare))
    given = {"settings": settings, "port": PORT}
    texts = {f"models/{one.name}": manifest.of("model.yaml.j2", one=one, **given) for one in running}
    texts["models/shared"] = manifest.of("shared.yaml.j2", **given)
    if commands := _commands(settings.jobs, environment):
        given |= {"jobs": settings.jobs, "decisions": sorted({*exit_codes.MONITOR.values()} - {0})}
        texts["models/jobs"] = manifest.of("jobs.yaml.j2", commands=commands, **given)
    proxy = fallback.name(state) if limits and settings.fallback else None
    if proxy and limits:
        texts[f"models/{proxy}"] = fallback.manifests(state, settings, limits)
    roles = {one.role: one for one in instances.of(state)}
    texts["route/model"] = manifest.of("route.yaml.j2", running=roles, fallback=proxy, **given)
    listed = sorted(texts)
    for folder, place in {"": OVERLAY, "models/": f"../{OVERLAY}", "route/": f"../{OVERLAY}"}.items():
        held = [f"{path.removeprefix(folder)}.yaml" for path in listed if path.startswith(folder)]
        texts[f"{folder}kustomization"] = [_base(held, [place] if overlay else [])]
    made = {f"{path}.yaml": manifest.dump(HEAD, *held) for path, held in sorted(texts.items())}
    made |= {f"{OVERLAY}/{path}": text for path, text in (overlay or {}).items()}
    return {f"{FOLDER}/{path}": text for path, text in made.items()}


def of_canaries(settings: Settings) -> str | None:
    """What a cluster does otherwise than one host, to be known before a canary begins; None: nothing."""
    fails = "a challenger's error or silence reaches the caller, since fallback is not set"
    drawn = "each request is drawn anew, since entity_header is not set"
    told = [fails] * (not settings.fallback) + [drawn] * (not settings.entity_header)
    return f"in a cluster, {'; '.join(told)}" if told else None


def _spare(one: Version) -> Instance:
    """A version as it was when it was champion, so that going back restarts nothing."""
    what = {name: getattr(one, name) for name in ("version", "commit", "model", "image")}
    champion = Champion(role="champion", weight=0, since=one.released, **what)
    return Instance(f"model-v{one.version}", "champion", champion)


def _commands(jobs: Jobs | None, environment: str) -> dict[str, list[str]]:
    """The commands of `loop` that run on schedule, by name."""
    if jobs is None or jobs.image is None:
        return {}
    known = {"materialize": ["materialize", "--served", "--environment", environment]}
    if environment == BRANCH:
        known |= {"collect": ["collect"], "monitor": ["monitor"]}
    return {name: command for name, command in known.items() if getattr(jobs, name)}


def _base(resources: list[str], components: list[str]) -> Manifest:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
        **({"components": components} if components else {}),
    }
