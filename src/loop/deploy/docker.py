"""Docker on this host: a version's image run as production runs it, and asked how it is."""

import os

from loop.base import environment, program
from loop.base.errors import LoopError
from loop.base.program import Done
from loop.production.state import Challenger, Champion

SECRETS = ("LOOP_TOKEN", "LOOP_PERSONAL_KEY")  # each a value, or a file by NAME_FILE
SECONDS = 600.0  # of one call, a pull of an image among them


def run(model: Champion | Challenger, port: int, variables: dict[str, str]) -> str:
    """Run an image, with no root, no capability, nothing to write on but the log; the container's id.

    `variables` are those of a process: paths and files of secrets become volumes. Raises LoopError.
    """
    if model.image is None:
        raise LoopError(
            f"version {model.version} was released without an image",
            "an image by its digest",
            "`loop deploy --processes` serves it from git alone",
        )
    inside, options = dict(variables), []
    if "://" not in inside["LOOP_FEATURES"]:
        options.append(f"--volume={inside.pop('LOOP_FEATURES')}:/var/lib/loop/features:ro")
    options.append(f"--volume={inside.pop('LOOP_PREDICTIONS')}:/var/lib/loop/predictions")
    for name in SECRETS:
        if file := inside.get(f"{name}_FILE"):
            inside[f"{name}_FILE"] = f"/run/secrets/{name.lower()}"
            options.append(f"--volume={file}:{inside[f'{name}_FILE']}:ro")
    done = _docker(
        *("run", "--detach", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL"),
        *("--security-opt=no-new-privileges", f"--publish=127.0.0.1:{port}:3000"),
        *([] if os.geteuid() == 0 else [f"--user={os.geteuid()}:{os.getegid()}"]),
        *options,
        *(f"--env={name}" for name in inside),  # by name: a value would be seen in the list of processes
        model.image,
        env=inside,
    )
    if done.code:
        raise LoopError(
            f"the image of version {model.version} cannot be run: {done.gist()}",
            f"{model.image}, in a registry that this host may read",
            "`docker pull` it by hand to see why",
        )
    return done.out.strip().splitlines()[-1]


def runs(container: str) -> bool:
    """Whether a container runs."""
    return _docker("inspect", "--format", "{{.State.Running}}", container).out.strip() == "true"


def stop(container: str, seconds: int) -> None:
    """Let it end by itself within so many seconds, then by force, and remove it."""
    _docker("stop", "--time", str(seconds), container)
    remove(container)


def remove(container: str) -> None:
    """Remove it, whatever it does."""
    _docker("rm", "--force", container)


def last_lines(container: str, lines: int) -> list[str]:
    """The end of what it wrote."""
    done = _docker("logs", "--tail", str(lines), container)
    return (done.out + done.errors).splitlines()


def _docker(*arguments: str, env: dict[str, str] | None = None) -> Done:
    """A call of Docker. Raises LoopError where it is not there, or hangs."""
    return program.ask(["docker", *arguments], seconds=SECONDS, env=environment.child(**(env or {})))
