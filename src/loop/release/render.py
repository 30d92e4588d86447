"""The files that a state is rendered to: what else than the state a commit on `production` holds."""

from loop.production import State
from loop.release.policy import Policy


def rendered(state: State, policy: Policy) -> dict[str, str]:
    """Texts by path; the one place where a renderer is plugged in."""
    return {}
