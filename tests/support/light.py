"""A retrain without its pipeline and its review: a light commit, and a verdict of the test's own."""

from pathlib import Path

import pandas as pd

from loop.retrain import challenger
from loop.retrain.challenger import Challenger, Verdict
from loop.settings import retrain_windows
from loop.settings.params import Windows
from workflows.double import git

REPORT = "## Better: this change may become the champion\n\nlog loss gains 0.0180\n"


class Light:
    """Stands in for `challenger.make` in a repository."""

    def __init__(self, home: Path) -> None:
        self.home, self.verdict, self.report, self.made = home, "better", REPORT, 0

    def make(self, main: str, moved: Windows, now: pd.Timestamp) -> Challenger:
        """A commit on top of `main` that moves the windows and makes nothing of them."""
        self.made += 1
        place = self.home.parent / f"light{self.made}"
        git(self.home, "worktree", "add", "--quiet", "--detach", str(place), main)
        path = place / "params.yaml"
        path.write_text(retrain_windows.edit(path.read_text(), moved))
        reported = f"{challenger.subject(moved)}\n\nRetrain: {now:%Y-%m-%dT%H:%MZ}"
        git(place, "commit", "--quiet", "--all", "-m", reported)
        sha = git(place, "rev-parse", "HEAD")
        git(self.home, "worktree", "remove", "--force", str(place))
        return Challenger(
            sha, moved, Verdict(schema_version=2, verdict=self.verdict, sentence="as it is"), self.report
        )
