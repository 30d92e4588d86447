"""The state as compose.yaml: each model in a container, and nginx before them, on one host.

nginx runs by the text of release.nginx, in the folder `proxy` beside the file; features, predictions and
settings are beside it too. Whoever changes one state into the next runs STEPS.
"""

from loop.base.errors import LoopError
from loop.deploy import instances, manifest
from loop.deploy.instances import PORT
from loop.production.state import State

FILE, CONF = "compose.yaml", "proxy/nginx.conf"
LISTEN = 8080  # of nginx, in its container
STEPS = (
    "docker compose up --detach --wait",  # what is new is up; what goes is still there
    "docker compose kill --signal HUP proxy",  # nginx reads its configuration again
    "docker compose up --detach --remove-orphans",
)
HEAD = "# Made by `loop render compose`: change the state instead. Next, in this folder:\n" + "".join(
    f"#   {step}\n" for step in STEPS
)


def addresses(state: State) -> dict[tuple[int, str], str]:
    """Where nginx finds each version in each role that runs: by the name of its container."""
    return {(one.model.version, one.role): f"{one.name}:{PORT}" for one in instances.of(state)}


def files(state: State, conf: str) -> dict[str, str]:
    """compose.yaml and the nginx configuration of a state, by path.

    Raises LoopError where nothing serves yet, and for a version without an image.
    """
    if state.champion is None:
        raise LoopError("nothing serves yet", "a champion", "release a version first")
    whole = manifest.of("compose.yaml.j2", running=instances.of(state), listen=LISTEN)
    return {FILE: manifest.dump(HEAD, *whole), CONF: conf}
