"""nginx before the models of one host: rendered from the state, switched without a failed request.

The configuration is text from a pure function; `Proxy` runs it from a folder of its own, without
rights that others lack. What does not parse never replaces what runs.
"""

import os
import pwd
import re
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from loop.base import json_text, program
from loop.base.errors import LoopError
from loop.base.files import write_json, write_text
from loop.base.program import Done
from loop.base.template import fill
from loop.deploy.process import PAUSE, Process, comes_true, gone
from loop.production.rollout_policy import Policy
from loop.production.state import State

GRACE = 30  # seconds in which open requests may end
DRAIN = 1.0  # seconds in which connections in use are closed in good order, before the switch
PATIENCE = 10.0  # seconds that nginx may take to start or to end
LISTEN = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]|\*):(\d{1,5})")

Ports = Mapping[tuple[int, str], int | str]  # of each version and role that runs; HOST:PORT of another host


@dataclass(frozen=True)
class Site:
    """Where requests come in, the longest body in KiB, and the seconds in which open requests may end."""

    listen: str
    body_kb: int
    grace: int = GRACE

    def __post_init__(self) -> None:
        found = LISTEN.fullmatch(self.listen)
        if not found or not 0 < int(found[2]) < 65536:
            raise LoopError(
                f"--listen {self.listen!r} is no address to listen on", "HOST:PORT", "such as 127.0.0.1:8080"
            )


def render(state: State, policy: Policy, ports: Ports, site: Site) -> str:
    """The whole nginx.conf of a state, for the instances that run; paths are relative to its folder.

    A challenger that does not run is left out, and the champion answers all. Raises LoopError without
    a champion.
    """
    champion, challenger = state.champion, state.challenger
    if champion is None:
        raise LoopError("nothing serves yet", "a champion", "release a version first")
    upstreams = {"champion": ports[champion.version, "champion"]}
    if challenger is not None:
        for role in roles(challenger.weight, challenger.stage.mirror):
            if (challenger.version, role) in ports:
                upstreams[role] = ports[challenger.version, role]
    return fill(
        "loop.deploy",
        "nginx.conf.j2",
        champion=champion,
        challenger=challenger if "challenger" in upstreams else None,
        shadow="shadow" in upstreams,
        entity="$http_" + policy.entity_header.lower().replace("-", "_"),
        timeout_ms=policy.timeout_ms,
        upstreams=[
            (role, where if isinstance(where, str) else f"127.0.0.1:{where}")
            for role, where in upstreams.items()
        ],
        site=site,
        body_kb=site.body_kb,
        temporary="temporary",
        fallbacks="fallbacks.jsonl",
    )


def roles(weight: int, mirror: bool) -> list[str]:
    """In which roles a challenger runs: one that answers, one that is only asked; none behind a flag."""
    return ["challenger"] * (weight > 0) + ["shadow"] * mirror


class Proxy:
    """An nginx that runs in a folder, found again by its process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def process(self) -> Process | None:
        """The nginx that runs here, if one does."""
        found = self._recorded()
        return found if found is not None and found.alive() else None

    def _recorded(self) -> Process | None:
        try:
            return Process(**json_text.parse((self.folder / "process.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _end_orphans(self) -> None:
        """End the workers of an nginx that was killed: they hold its port, and answer by what it ran by."""
        last = self._recorded()
        orphans = last.orphans(self.folder) if last is not None else []
        for worker in orphans:
            worker.send(signal.SIGQUIT)  # it listens no more, and answers what it was asked
        time.sleep(PAUSE * bool(orphans))

    def config(self) -> str | None:
        """What it runs by."""
        path = self.folder / "nginx.conf"
        return path.read_text(encoding="utf-8") if path.is_file() and self.process() else None

    def apply(self, text: str) -> bool:
        """Run by this configuration; whether that changed anything.

        Returns when the last request that came by the old one has its answer, or its time is over.
        Raises LoopError, and the old one goes on, if nginx does not take it.
        """
        (self.folder / "temporary").mkdir(parents=True, exist_ok=True)
        if self.config() == text:
            return False
        write_text(self.folder / "next.conf", text)
        tested = self._nginx("-t", "-c", "next.conf")
        if tested.code:
            raise self._refused(tested.errors)
        running = self.process()
        if running is None:
            self._start()
        else:
            self._switch(running)
        return True

    def stop(self) -> None:
        """End it once the open requests have their answers."""
        running = self.process()
        if running is not None:
            running.stop(GRACE, signal.SIGQUIT)
        else:
            self._end_orphans()
        (self.folder / "process.json").unlink(missing_ok=True)

    def _start(self) -> None:
        for left in ("relay.sock", "answered.sock", "draining", "nginx.pid"):
            (self.folder / left).unlink(missing_ok=True)
        (self.folder / "next.conf").replace(self.folder / "nginx.conf")
        self._end_orphans()
        done = self._nginx("-c", "nginx.conf")
        if done.code:
            raise self._refused(done.errors)
        write_json(self.folder / "process.json", asdict(Process.of(self._pid())))

    def _pid(self) -> int:
        """What nginx has written, a moment after it went to the background."""
        path = self.folder / "nginx.pid"
        if not comes_true(lambda: path.is_file() and path.read_text().strip().isdigit(), PATIENCE):
            raise self._refused(self._output())
        return int(path.read_text())

    def _switch(self, master: Process) -> None:
        """Let new workers take over from the old ones, by whom no request is dropped.

        A worker that ends closes connections that wait for their next request, which may be on its way
        just then. So before, connections that are in use are closed by the answers themselves.
        """
        current, kept = self.folder / "nginx.conf", self.folder / "last.conf"
        draining = self.folder / "draining"
        old = master.children()
        try:
            draining.touch()
            time.sleep(DRAIN)
            shutil.copyfile(current, kept)
            (self.folder / "next.conf").replace(current)
            master.send(signal.SIGHUP)
            if not comes_true(lambda: bool(set(master.children()) - set(old)), PATIENCE):  # no new workers
                kept.replace(current)
                raise self._refused(self._output())
            gone(old, GRACE + PATIENCE)
        finally:
            draining.unlink(missing_ok=True)

    def _nginx(self, *options: str) -> Done:
        found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        if found is None:
            raise LoopError(
                "nginx is not installed", "nginx 1.19.5 or newer", "on Debian: apt install nginx-light"
            )
        paths = ("-p", f"{self.folder}/", "-e", "nginx.log")
        # Workers of root's nginx are root's as well: its folder may be closed to others.
        rights = ("-g", f"user {pwd.getpwuid(0).pw_name};") if os.geteuid() == 0 else ()
        return program.ask([found, *paths, *rights, *options], seconds=60, cwd=self.folder)

    def _refused(self, output: str) -> LoopError:
        said = output.strip().splitlines()
        lines = [line for line in said if "[emerg]" in line] or said
        what = lines[-1] if lines else "it said nothing"
        if taken := [line for line in lines if "bind()" in line and "failed" in line]:
            return LoopError(
                f"nginx cannot listen: {taken[-1][:300]}",
                "a port that nobody has; what ran before goes on",
                "end what has it; to go to another address of the same port, `loop deploy --down` first",
            )
        return LoopError(
            f"nginx does not take the new configuration: {what[:300]}",
            "one that it can run; what ran before goes on",
            f"look at {self.folder}/next.conf and nginx.log beside it",
        )

    def _output(self) -> str:
        try:
            return "\n".join((self.folder / "nginx.log").read_text(errors="replace").splitlines()[-20:])
        except OSError:
            return ""
