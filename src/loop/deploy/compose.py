"""The state as compose.yaml: each model in a container, and nginx before them, on one host.

nginx runs by the text of release.nginx, in the folder `proxy` beside the file; features, predictions and
settings are beside it too. Whoever changes one state into the next runs STEPS.
"""

from loop.base.errors import LoopError
from loop.deploy import instances
from loop.deploy.instances import PORT, Instance
from loop.deploy.manifest import Manifest, dump
from loop.production.state import State

FILE, CONF = "compose.yaml", "proxy/nginx.conf"
LISTEN = 8080  # of nginx, in its container
USER = "1034:1034"  # of the models' image; nginx needs no user of its own
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
    running = instances.of(state)
    services = {one.name: _model(one) for one in running}
    services["proxy"] = _proxy(running)
    whole = {"name": "loop", "services": services, "networks": {"models": {}}}
    return {FILE: dump(HEAD, whole), CONF: conf}


def _model(one: Instance) -> Manifest:
    return {
        "image": one.image,
        "labels": {"loop.version": str(one.model.version), "loop.commit": one.model.commit},
        "env_file": [{"path": "model.env", "required": False}],  # LOOP_TOKEN and the like
        "environment": {"LOOP_ROLE": one.role},
        "volumes": ["./features:/var/lib/loop/features:ro", "./predictions:/var/lib/loop/predictions"],
        "healthcheck": {"interval": "5s"},  # the check is the image's
        "stop_grace_period": "30s",
        **_confined(),
    }


def _proxy(models: list[Instance]) -> Manifest:
    """Starts when the champion is healthy, as its image tells; a challenger needs only be there."""
    healthy = {True: {"condition": "service_healthy"}, False: {"condition": "service_started"}}
    return {
        "image": "${LOOP_NGINX_IMAGE:-nginx:1.28}",
        "entrypoint": ["nginx", "-p", "/proxy/", "-e", "nginx.log", "-c", "nginx.conf", "-g", "daemon off;"],
        "user": USER,
        "ports": [f"${{LOOP_LISTEN:-127.0.0.1:8080}}:{LISTEN}"],
        "depends_on": {one.name: healthy[one.role == "champion"] for one in models},
        "volumes": ["./proxy:/proxy"],
        "stop_signal": "SIGQUIT",  # open requests end first
        "stop_grace_period": "40s",
        **_confined("/proxy/temporary"),
    }


def _confined(*writable: str) -> Manifest:
    """No root, no capability, nothing to write on but what is listed; up again after a crash or a reboot."""
    return {
        "restart": "unless-stopped",
        "read_only": True,
        "tmpfs": ["/tmp", *writable],  # noqa: S108 - the container's own
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "networks": ["models"],
    }
