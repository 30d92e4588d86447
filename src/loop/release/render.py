"""What else the branch `production` holds: files rendered from its state, by path."""

from loop.production import State
from loop.release.policy import Policy


def rendered(state: State, policy: Policy) -> dict[str, str]:
    """Path -> text of every file that a state and the policy lead to; none yet."""
    del state, policy
    return {}
