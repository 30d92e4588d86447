"""The template's versions: the tags `vN.N.N` of an address, and the files of one as a copy holds them."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.base import json_text, program
from loop.base.errors import LoopError, UsageError
from loop.repo import machinery, protocol, remote
from loop.repo.machinery import Record
from loop.repo.worktree import Checkout
from loop.settings.paths import BEGUN
from loop.update.scratch_repository import Scratch
from loop.update.three_way import Files, without_own

Version = tuple[int, int, int]
_NUMBER = r"(0|[1-9]\d{0,5})"
_VERSION = re.compile(rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}")
_TAG = re.compile(rf"\trefs/tags/(v{_NUMBER}\.{_NUMBER}\.{_NUMBER})$", re.MULTILINE)
REPORT = "report it to who looks after the template"
SECONDS = 300.0  # of a version's own code: it edits a few files
AWAY = "git fetch there by hand shows why; --from names another address, a path or a bundle"


def parse(text: str) -> Version:
    """A version from "1.2.0" or "v1.2.0". Raises UsageError."""
    if not (found := _VERSION.fullmatch(text)):
        raise UsageError(f"{text!r} is no version", "three numbers, such as 1.2.0", "write it so")
    return int(found[1]), int(found[2]), int(found[3])


def shown(version: Version) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))


@dataclass(frozen=True)
class Template:
    """The template at an address, a path or a bundle, as seen from a scratch repository."""

    address: str
    scratch: Scratch

    def versions(self) -> list[Version]:
        """All, in order. Raises LoopError where there is none, or nobody answers."""
        if self.address.startswith("-") or "::" in self.address:
            raise UsageError(f"--from {self.address}", "an address of git, a path or a bundle", "name one")
        done = remote.to_remote("ls-remote", "--tags", "--", self.address, cwd=self.scratch.place)
        if done.code:
            raise LoopError(
                f"the template at {self.address} does not answer: {done.gist()}",
                "its repository, at the address that it has now",
                AWAY,
            )
        found = sorted(parse(tag) for tag, *_ in _TAG.findall(done.out))
        if not found:
            raise LoopError(
                f"the template at {self.address} has no version",
                "tags such as v1.2.0",
                "ask who looks after it for `make release`, or name another place with --from",
            )
        return found

    def fetch(self, versions: list[Version]) -> None:
        """Bring versions here."""
        refs = [f"+refs/tags/v{shown(one)}:refs/tags/v{shown(one)}" for one in versions]
        depth = ["--depth=1"] if "://" in self.address else []
        done = remote.to_remote(
            "fetch", "--quiet", "--no-tags", *depth, "--", self.address, *refs, cwd=self.scratch.place
        )
        if done.code:
            raise LoopError(f"the template did not give its versions: {done.gist()}", "what it has", AWAY)

    def adopted(self, version: Version, source: tuple[str, bool]) -> tuple[Path, Files]:
        """A checkout of a version, as `loop init` leaves it in a copy with that source, and its files."""
        name = f"v{shown(version)}"
        folder = self.scratch.checkout(f"refs/tags/{name}", name)
        place, steps = source
        self._entry(folder, "adopt", folder, place, "steps" if steps else "")
        return folder, without_own(self.scratch.files(self.scratch.tree_of(folder)))

    def migrated(self, version: Version, root: Path) -> dict[str, list[str]]:
        """What a version's own migrations did to the files of a copy, and what they leave to a person."""
        name = f"v{shown(version)}"
        answer = self._entry(self.scratch.place.parent / name, "migrate", root)
        try:
            said: dict[str, Any] = json_text.parse(answer)
            return {key: [str(one) for one in said.get(key, [])] for key in ("done", "todo")}
        except (ValueError, AttributeError, TypeError):
            raise LoopError(f"the migrations of {name} answered {answer[:80]!r}", "JSON", REPORT) from None

    def text(self, version: Version, file: str) -> str:
        """A file of a version as the template has it; nothing where it has none."""
        name = f"refs/tags/v{shown(version)}"
        there = self.scratch.git("ls-tree", "--name-only", name, "--", file)
        return self.scratch.git("show", f"{name}:{file}") if there else ""

    def _entry(self, folder: Path, name: str, cwd: Path, *arguments: str) -> str:
        """What an entry point of a version says; it runs in the environment of this copy."""
        command = protocol.lasting(folder, name)
        if command is None:
            raise LoopError(
                f"version {folder.name} of the template is from before `loop update`",
                f"one that answers to `{name}`",
                "bring it by hand, and let `loop init` of the newest version write loop-version.json",
            )
        return program.run(
            [sys.executable, *command, *arguments],
            seconds=SECONDS,
            cwd=cwd,
            env=Checkout(folder, Path(sys.executable), None).environment(),
            name=f"`{name}` of version {folder.name}",
            todo=REPORT,
        )


def verify(record: Record, version: Version, folder: Path, paths: set[str]) -> None:
    """Hold a version to the hashes that came with it. Raises LoopError where its tag was moved."""
    now = machinery.hashes(folder)
    other = [path for path in sorted(paths) if now.get(path) != record.machinery.get(path)]
    if other:
        path = other[0]
        more = f" and {len(other) - 1} more" if other[1:] else ""
        raise LoopError(
            f"the tag v{shown(version)} of the template was moved: {path}{more} has the hash "
            f"{(now.get(path) or 'of no file')[:12]}",
            f"{(record.machinery.get(path) or 'no such file')[:12]}, as {BEGUN} has it since it came",
            "ask who looks after the template; take no version from there until you know why",
        )
