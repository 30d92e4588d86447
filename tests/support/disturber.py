"""A pod that disturbs what a node consists of, as the machine's root, at the moment that a test chooses."""

import contextlib
import json
from collections.abc import Callable, Iterator

from support.cluster import Cluster

NAME, SPACE = "disturber", "default"
FIND = """
import os, pathlib, signal, sys, time
found = []
for one in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        command = (one / "cmdline").read_bytes().split(bytes(1))[0]
    except OSError:  # it has ended
        continue
    if pathlib.PurePath(command.decode(errors="replace")).name == sys.argv[1]:
        found.append(int(one.name))
def send(number):
    for pid in found:
        os.kill(pid, number)
"""
KILL = FIND + "send(signal.SIGKILL)"
SLOW = (  # each answer takes up to a second, for 15
    FIND
    + """
for _ in range(15):
    send(signal.SIGSTOP)
    time.sleep(0.9)
    send(signal.SIGCONT)
    time.sleep(0.1)
"""
)


@contextlib.contextmanager
def run(cluster: Cluster, image: str | None) -> Iterator[Callable[[str, str], str]]:
    """What runs one of the scripts, with the name of a program, by Python of an image."""
    container = {
        "name": NAME,
        "image": image,
        "command": ["python", "-c", "import time; time.sleep(3600)"],
        "securityContext": {"runAsUser": 0},
    }
    spec = {"hostPID": True, "restartPolicy": "Never", "containers": [container]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME, "namespace": SPACE}, "spec": spec}
    there = ("-n", SPACE)
    cluster.kubectl("apply", *there, "-f", "-", given=json.dumps(pod))
    cluster.kubectl("wait", *there, f"pod/{NAME}", "--for=condition=Ready", "--timeout=300s")

    def disturb(script: str, program: str) -> str:
        # The API server that is killed passes on what is said here: nothing is asked of it.
        return cluster.kubectl("exec", *there, NAME, "--", "python", "-c", script, program, check=False)

    try:
        yield disturb
    finally:
        cluster.kubectl("delete", *there, f"pod/{NAME}", "--force", "--grace-period=0", check=False)
