"""A cluster's proxy for a challenger's share: nginx asks it, and the champion where it gives no answer.

A gateway knows no second backend for a request that the first one failed. So it sends the share here.
"""

from dataclasses import dataclass

from loop.base.template import fill
from loop.deploy import instances, manifest, nginx
from loop.deploy.cluster_settings import Settings
from loop.deploy.instances import PORT
from loop.deploy.manifest import Manifest
from loop.production.state import State

TEMPORARY = "/tmp"  # noqa: S108 - the container's own
USER = 1034  # that of models; nginx needs no user of its own


@dataclass(frozen=True)
class Limits:
    """How long a challenger has for its answer, in milliseconds, and the longest body, in KiB."""

    timeout_ms: int
    body_kb: int


def name(state: State) -> str | None:
    """What the proxy of a state is called; None where no challenger runs.

    A shadow has it too, so that it runs before requests come: an agent may know no order within one commit.
    """
    challenger, running = state.challenger, _names(state)
    return f"model-v{challenger.version}-fallback" if challenger and challenger.version in running else None


def config(state: State, limits: Limits) -> str:
    """The whole nginx.conf, of a state with a challenger."""
    names = _names(state)
    models = {"champion": state.champion, "challenger": state.challenger}
    return fill(
        "loop.deploy",
        "fallback.conf.j2",
        champion=state.champion,
        challenger=state.challenger,
        timeout_ms=limits.timeout_ms,
        body_kb=limits.body_kb,
        upstreams=[(role, f"{names[one.version]}:{PORT}") for role, one in models.items() if one],
        port=PORT,
        grace=nginx.GRACE,
        temporary=TEMPORARY,
        fallbacks="/dev/stdout",
    )


def _names(state: State) -> dict[int, str]:
    """What models that run are called, by version; of one that is a shadow too, who answers."""
    shadows_first = sorted(instances.of(state), key=lambda one: one.role != "shadow")
    return {one.model.version: one.name for one in shadows_first}


def manifests(state: State, settings: Settings, limits: Limits) -> list[Manifest]:
    """Its pods, their address and their disruption budget."""
    return manifest.of(
        "fallback.yaml.j2",
        name=name(state),
        config=config(state, limits),
        settings=settings,
        port=PORT,
        grace=nginx.GRACE,
        temporary=TEMPORARY,
        user=USER,
    )
