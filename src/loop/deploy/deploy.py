"""deploy: what the branch `production` says, brought about on this host, without a dropped request.

New servers are started and seen to be ready, the proxy is switched, and only then are old ones stopped.
A champion that does not start changes nothing; a challenger that does not is left out, and an error says so.
"""

import fcntl
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loop.base import json_text
from loop.base.errors import LoopError
from loop.base.files import write_json
from loop.deploy import instances, nginx, permitted, version_home
from loop.deploy.instances import Instance
from loop.deploy.nginx import Proxy, Site
from loop.deploy.servers import Server, Servers
from loop.production import branch, environments, rollout_policy
from loop.production.state import BRANCH, State
from loop.settings import serve_settings

FOLDER = Path(".deploy")
REPLAYED = FOLDER / "predictions"  # what servers of an environment before production answered
LISTEN = "127.0.0.1:8080"
LONGEST = 4  # times of the longest body: so far a server reads on, to refuse it in its own words


@dataclass(frozen=True)
class Options:
    """Where requests come in, whether servers are containers, of which environment; else as last time."""

    listen: str
    containers: bool
    environment: str

    @classmethod
    def given(
        cls, listen: str | None = None, containers: bool | None = None, environment: str | None = None
    ) -> "Options":
        """What the options say, else what they said last time, else the defaults."""
        last: dict[str, Any] = {"listen": LISTEN, "containers": False, "environment": BRANCH}
        path = FOLDER / "options.json"
        if path.is_file():
            try:
                last |= json_text.parse(path.read_text())
            except ValueError:
                raise LoopError(
                    f"{path} is damaged",
                    "the options of the last time",
                    f"remove it, and say --listen again ({LISTEN})",
                ) from None
        now = {"listen": listen, "containers": containers, "environment": environment}
        return cls(**{**last, **{name: value for name, value in now.items() if value is not None}})


def main(
    listen: str | None = None,
    containers: bool | None = None,
    watch: float | None = None,
    down: bool = False,
    environment: str | None = None,
) -> int:
    """Deploy once, or every `watch` seconds; or take all down. 0 as it should be, 1 without a challenger.

    Of an environment of the chain, production by default, or that of the last time.
    """
    if environment is not None:
        environments.known(environment)
    if down:
        with _alone():
            take_down(Servers(FOLDER), Proxy(FOLDER / "nginx"))
            write_json(FOLDER / "targets.json", targets([]))
            shutil.rmtree(
                REPLAYED, ignore_errors=True
            )  # hashed twice: whoever forgets a person finds none there
        print("down: nothing serves here any more")
        return 0
    if watch is None:
        return _once(Options.given(listen, containers, environment), "")[0]
    before = ""
    while True:
        try:
            _, before = _once(Options.given(listen, containers, environment), before)
        except (LoopError, OSError) as error:  # a full disk may be fixed; who watches goes on
            print(f"error: {error}", file=sys.stderr, flush=True)
        time.sleep(watch)


def serves() -> bool:
    """Whether a deploy of this checkout runs now."""
    return Proxy(FOLDER / "nginx").process() is not None


def by_processes() -> bool:
    """Whether one does whose servers are processes: these need a version's files, and no image."""
    return serves() and not Options.given().containers


def _once(options: Options, before: str) -> tuple[int, str]:
    """Deploy, and print what serves unless it was printed `before`: exit code, and that text."""
    with _alone():
        _one_environment(options)
        site = Site(options.listen, LONGEST * serve_settings.params().body_kb_max)
        state, refused = permitted.of(
            branch.serving(options.environment), permitted.KEPT, images=options.containers
        )
        there = Servers(FOLDER, None if options.environment == BRANCH else REPLAYED)
        servers, faults = bring_about(
            state, rollout_policy.read(), site, there, Proxy(FOLDER / "nginx"), options.containers
        )
        faults += [refused] if refused else []
        write_json(FOLDER / "options.json", asdict(options))
        write_json(FOLDER / "targets.json", targets(servers))
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr, flush=True)
    text = described(state, servers, options.listen)
    if text != before:
        print(text, flush=True)
    return (1 if faults else 0), text


def _one_environment(options: Options) -> None:
    """Raise LoopError where this checkout serves another environment, whose callers would lose it."""
    last = Options.given().environment
    if serves() and last != options.environment:
        raise LoopError(
            f"this checkout serves {last}",
            f"a checkout of its own for {options.environment}",
            "deploy it in another clone; or, to give this one away, `loop deploy --down` first",
        )


def bring_about(
    state: State, rules: rollout_policy.Policy, site: Site, servers: Servers, proxy: Proxy, containers: bool
) -> tuple[list[Server], list[LoopError]]:
    """Let the state be what serves: its servers, and why a challenger is not among them.

    Raises LoopError, and all is as it was, when the champion cannot be started or nginx refuses.
    """
    before = servers.running()
    serving: list[Server] = []
    faults: list[LoopError] = []
    try:
        for one in instances.of(state):
            try:
                serving.append(_server(one, servers, serving + before, containers))
            except LoopError as error:
                if one.role == "champion":
                    raise
                faults.append(error)
        for server in list(serving):
            model = next(one for one in state.models if one.version == server.version)
            try:
                if server not in before:
                    servers.wait(server, model)
            except LoopError as error:
                if server.role == "champion":
                    raise
                faults.append(error)
                serving.remove(server)
        ports = {(server.version, server.role): server.port for server in serving}
        proxy.apply(nginx.render(state, rules, ports, site))
    except BaseException:
        _stop(servers, keep=before)
        raise
    _stop(servers, keep=serving)
    servers.clear()
    version_home.prune(servers.folder, {one.version for one in state.models})
    return serving, faults


def targets(running: list[Server]) -> list[dict[str, list[str]]]:
    """Where Prometheus asks the servers that run, as its file_sd_configs reads it."""
    return [{"targets": [server.url.removeprefix("http://") for server in running]}]


def take_down(servers: Servers, proxy: Proxy) -> None:
    """Stop the proxy, when its open requests are answered, and all servers."""
    proxy.stop()
    _stop(servers, keep=[])
    servers.clear()


def described(state: State, running: list[Server], listen: str) -> str:
    """What serves at which share, in a line for each server."""
    lines = []
    answering = {server.version for server in running if server.role != "shadow"}
    for server in running:
        model = next(one for one in state.models if one.version == server.version)
        weight = {"shadow": 0, "challenger": model.weight}.get(server.role)
        left = 100 - sum(one.weight for one in state.models if one.version in answering - {server.version})
        share = left if weight is None else weight
        lines.append(
            f"version {server.version:<4} {server.role:<10} {share:>3} %  {server.url}  {server.commit[:12]}"
        )
    return "\n".join([*lines, f"http://{listen}/predict"])


def _server(one: Instance, servers: Servers, there: list[Server], containers: bool) -> Server:
    key = (one.model.version, one.role, one.model.commit, containers)
    found = (server for server in there if server.key == key and servers.answers(server, one.model))
    return next(found, None) or servers.start(one.model, one.role, containers=containers)


def _stop(servers: Servers, keep: list[Server]) -> None:
    for server in servers.running():
        if server not in keep:
            servers.stop(server)


@contextmanager
def _alone() -> Iterator[None]:
    """No other deploy of this checkout meanwhile."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LoopError("another deploy is at work here", "one at a time", "wait until it ends") from None
        yield
