"""A repository on a GitHub of our own, and what its people do there: propose, approve, merge, release."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from conftest import Repo, copy_sources
from loop.production import branch
from loop.production import state as production
from loop.production.state import Production
from loop.release import plan
from loop.release import record as register
from loop.serve.image import SBOM
from workflows.double import BOT, GATED, Double, git

NOW = pd.Timestamp("2026-01-05T12:00Z")
MODELS = ("models/lineage.json", "models/card.json")


class House:
    """`work` is where people edit; `place` is what a workflow has checked out, and the working directory."""

    def __init__(self, github: Double, folder: Path, sources: Repo | None = None) -> None:
        """With `sources`, people start from that repository; without, from the files of this one."""
        self.github, self.place, self.folder = github, folder / "place", folder
        (folder / "work").mkdir()
        self.work = sources or copy_sources(folder / "work")
        self.work.git("remote", "add", "origin", str(github.repo()))
        self.work.git("push", "--quiet", "origin", f"main:{github.main}", "main:production")
        self.outputs = folder / "outputs"

    def propose(self, edit: Callable[[Repo], None], author: str = "ann") -> int:
        """A pull request with an edit on top of main; its number."""
        name = f"change-{self.github.next()}"
        self.work.git("fetch", "--quiet", "origin")
        self.work.git("switch", "--quiet", "--detach", f"origin/{self.github.main}")
        edit(self.work)
        self.work.commit(name)
        self.work.git("push", "--quiet", "origin", name)
        return self.github.open_pull(name, author=author)

    def judged(self, number: int, state: str = "success", by: str = BOT, sha: str = "") -> None:
        """The status `gate` on the head of a pull request, by a run of publish.yml."""
        sha = sha or self.github.pull(number)["head"]["sha"]
        self.gate(sha, state, by)
        if state == "success":
            self.github.receipt(sha)

    def gate(self, sha: str, state: str = "success", by: str = BOT, at: str = GATED) -> None:
        """The status `gate` of a commit, whoever set it, and nothing behind it."""
        report = {
            "context": "gate",
            "state": state,
            "description": "better: a gain",
            "creator": {"login": by},
        }
        self.github.statuses.append({"sha": sha, "created_at": at, **report})

    def merge(self, number: int, squash: bool = True) -> str:
        """Merge, and check the new main out as a workflow would."""
        sha = self.github.merge(number, squash)
        self.checkout(sha)
        return sha

    def checkout(self, sha: str = "main") -> None:
        """What a workflow of this commit has."""
        self.github.sync()
        if not (self.place / ".git").exists():
            git(self.folder, "clone", "--quiet", str(self.github.repo()), str(self.place))
        git(self.place, "fetch", "--quiet", "--prune", "origin")
        sha = self.github.tip(self.github.main) if sha == "main" else sha
        git(self.place, "-c", "advice.detachedHead=false", "checkout", "--quiet", sha)
        (self.place / SBOM).parent.mkdir(exist_ok=True)
        (self.place / SBOM).write_text("{}")  # as `loop image` leaves it

    def good(self, edit: Callable[[Repo], None], squash: bool = True) -> str:
        """A change that went the whole way: proposed by ann, judged, approved by bob, merged."""
        number = self.propose(edit)
        self.judged(number)
        self.github.review(number, "bob")
        return self.merge(number, squash)

    def plan(self) -> dict[str, str]:
        """What `loop release plan` leaves for the next steps."""
        self.outputs.write_text("")
        assert plan.main() == 0
        return dict(line.split("=", 1) for line in self.outputs.read_text().splitlines())

    def record(self, digest: str = "a") -> Production:
        """`loop release record` with an image that its run pushed; what the branch says then."""
        image = f"ghcr.io/team/model@sha256:{digest * 64}"
        self.github.pushed_image(git(self.place, "rev-parse", "HEAD"), image)
        assert register.main(image, NOW) == 0
        return self.production()

    def production(self) -> Production:
        """The branch as it is now."""
        return branch.fetch() if production.ref() else production.read(None)

    def release(self, edit: Callable[[Repo], None], digest: str = "a") -> Production:
        """A good change, merged and released."""
        self.good(edit)
        assert self.plan()["go"] == "true"
        return self.record(digest)


def model(sign: str) -> Callable[[Repo], None]:
    """An edit that brings another model, whose hash is made of one hexadecimal digit."""

    def edit(repo: Repo) -> None:
        was = json.loads(repo.text(MODELS[0]))["model"]["sha256"]
        for file in MODELS:
            repo.edit(file, was, sign * 64)

    return edit


def serving(repo: Repo) -> None:
    """An edit of code that serves."""
    repo.append("src/loop/serve/service.py", "\n# served\n")


def docs(repo: Repo) -> None:
    """An edit that no server sees."""
    repo.append("docs/data.md", "\nMore.\n")


def versions(now: Production) -> list[int]:
    """The numbers of all versions."""
    return sorted(now.versions)


def roles(now: Production) -> dict[str, int]:
    """Role -> version."""
    return {one.role: one.version for one in now.state.models}


def plainly(text: str) -> str:
    """A text without line breaks."""
    return re.sub(r"\s+", " ", text)
