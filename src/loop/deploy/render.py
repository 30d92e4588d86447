"""render: a state as files, for `production`, a cluster or docker compose; and what watches the servers.

The branch holds those of a cluster, made anew with each move; `loop render` writes files to look at.
"""

import sys
from pathlib import Path

from loop.base.errors import LoopError
from loop.base.files import write_text
from loop.base.warning import warn
from loop.deploy import alerting, cluster_settings, compose, fallback, kubernetes, nginx, overlay, permitted
from loop.deploy.cluster_settings import Settings
from loop.deploy.fallback import Limits
from loop.production import branch, environments, log, rollout_policy, transitions
from loop.production import state as production
from loop.production.rollout_policy import Policy
from loop.production.state import State, Version
from loop.repo import default_branch
from loop.settings import serve_settings as settings
from loop.settings import slo


def rendered(state: State, environment: str = production.BRANCH) -> dict[str, str]:
    """What a commit on an environment's branch holds besides the state: manifests, where there are images.

    In production the champion before keeps its pods, so that going back starts none. Without
    deploy/kubernetes.yaml, here and on main, there is no cluster to render for: a checkout of another time
    takes no manifests away.
    """
    if not any(one.image for one in state.models):
        return {}
    settings, commit = _settings()
    return _of(state, environment, settings, commit) if settings else {}


def _settings() -> tuple[Settings | None, str | None]:
    """The settings of this checkout, else those of main, with its commit. Raises LoopError."""
    if cluster_settings.SETTINGS.is_file():
        return cluster_settings.read(), None
    main = default_branch.at_origin()
    return cluster_settings.of_commit(main), main


def before_canary(state: State, policy: Policy) -> str | None:
    """What a cluster does otherwise than nginx, if the next transition begins a canary."""
    challenger = state.challenger
    step = transitions.following(challenger, policy) if challenger else None
    if challenger is None or challenger.weight or step is None or not step.weight:
        return None
    if not any(one.image for one in state.models):
        return None
    try:
        settings, _ = _settings()
    except LoopError as error:
        return f"in a cluster: {error.found}"
    return kubernetes.of_canaries(settings) if settings else None


def _of(state: State, environment: str, settings: Settings, commit: str | None = None) -> dict[str, str]:
    spare = _spare(state) if environment == production.BRANCH else None
    given = (overlay.read(environment, commit), environment, _limits(state, settings))
    return kubernetes.files(state, settings, spare, *given)


def _limits(state: State, cluster: Settings) -> Limits | None:
    """What a proxy that falls back to the champion goes by, where one is needed. Raises LoopError."""
    if cluster.fallback is None or fallback.name(state) is None:
        return None
    return Limits(rollout_policy.in_force().timeout_ms, settings.params().body_kb_max)


def rescued(state: State, environment: str = production.BRANCH) -> dict[str, str]:
    """As `rendered`, for a move that nothing may stop: settings that are broken are the champion's own."""
    try:
        return rendered(state, environment)
    except LoopError as error:
        settings = cluster_settings.of_commit(state.champion.commit) if state.champion else None
        if settings is None or state.champion is None:
            raise
        warn(f"{error.found}; manifests are made with {cluster_settings.SETTINGS} of the champion's commit")
        return _of(state, environment, settings, state.champion.commit)


def _spare(state: State) -> Version | None:
    there = production.read(production.ref())
    taken = {one.version for one in [*state.models, *state.refused]}
    before = log.champions(there.commit) if there.commit else iter(())
    return next((there.versions[one] for one in before if one not in taken and one in there.versions), None)


def main(what: str, to: Path, environment: str = production.BRANCH) -> int:
    """Write the files of an environment's state as it is now; the exit code.

    compose: of the newest state that another person approved, where one must; 1 if that is not the newest.
    Raises LoopError where nothing can run.
    """
    refused = None
    if what == "monitoring":
        files = alerting.files(slo.read())
    else:
        there = branch.serving(environments.known(environment))
        if what == "kubernetes":  # to look at: a cluster follows the branch, which holds the same
            files = of_kubernetes(there.state, environment)
        else:
            state, refused = permitted.of(there, permitted.KEPT, images=True)
            files = of_compose(state)
    for path, text in files.items():
        write_text(to / path, text)
    print(f"  written  {to}, {len(files)} files")
    if refused:
        print(f"error: {refused}", file=sys.stderr, flush=True)
    return 1 if refused else 0


def of_kubernetes(state: State, environment: str) -> dict[str, str]:
    """A kustomize base with the environment's overlay, by path in it."""
    there = cluster_settings.read()
    given = (overlay.read(environment), environment, _limits(state, there))
    found = kubernetes.files(state, there, None, *given)
    if not found:
        raise LoopError(
            "no model that serves has an image",
            "images, by digest",
            "set `image` of deploy/policy.yaml and release; without a registry, run `loop deploy`",
        )
    return {str(Path(path).relative_to(kubernetes.FOLDER)): text for path, text in found.items()}


def of_compose(state: State) -> dict[str, str]:
    """compose.yaml and what it mounts, by path beside it."""
    site = nginx.Site(f"0.0.0.0:{compose.LISTEN}", settings.params().body_kb_max)
    return compose.files(state, nginx.render(state, rollout_policy.read(), compose.addresses(state), site))
