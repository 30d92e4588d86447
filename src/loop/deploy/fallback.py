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
    """What the proxy of a state is called; None where no challenger answers."""
    challenger = state.challenger
    return f"model-v{challenger.version}-fallback" if challenger and challenger.weight else None


def config(state: State, limits: Limits) -> str:
    """The whole nginx.conf, of a state whose challenger answers."""
    return fill(
        "loop.deploy",
        "fallback.conf.j2",
        champion=state.champion,
        challenger=state.challenger,
        timeout_ms=limits.timeout_ms,
        body_kb=limits.body_kb,
        upstreams=[(one.role, f"{one.name}:{PORT}") for one in instances.of(state) if one.role != "shadow"],
        port=PORT,
        grace=nginx.GRACE,
        temporary=TEMPORARY,
        fallbacks="/dev/stdout",
    )


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
