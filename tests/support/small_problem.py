"""The second problem over fourteen months, whose outcomes move up for good in July."""

import shutil
from pathlib import Path

from conftest import ROOT, Repo, copy_sources

SECOND = ROOT / "tests/second_problem"
MADE = ["dvc.lock", "models/lineage.json", "models/card.json", "models/card.md", "reports"]
WINDOWS = {
    'until: "2020-03-22T00:00Z"': 'until: "2020-06-01T00:00Z"',
    'from: "2020-03-22T00:00Z"': 'from: "2020-06-01T00:00Z"',
    'until: "2020-04-20T00:00Z"': 'until: "2020-06-29T00:00Z"',
    'as_of: "2020-05-20T12:00Z"': 'as_of: "2020-08-01T00:00Z"',
    "window_days: 14": "window_days: 28",
    "days: 90": "days: 150",
}


def small(target: Path) -> Repo:
    """A repository in which the pipeline has run, as one commit on main; its champion is of May."""
    repo = copy_sources(target)
    for name in ["src/problem", *MADE]:
        repo.run("rm", "-rf", name)
    problem = repo.path / "src/problem"
    shutil.copytree(SECOND / "problem", problem, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(SECOND / "params.yaml", repo.path)
    for old, new in WINDOWS.items():
        repo.edit("params.yaml", old, new)
    year = "found = pd.concat([load_diabetes(as_frame=True, scaled=False).frame] * 4, ignore_index=True)"
    repo.edit("src/problem/source.py", "found = load_diabetes(as_frame=True, scaled=False).frame", year)
    moved = 'found["target"] + 40 * (visited_at >= "2020-07-15")'
    repo.edit("src/problem/source.py", '"progression": found["target"]', f'"progression": {moved}')
    every = "[*MEASURES, *(name for view in VIEWS for name in view.features)]"
    repo.edit("src/problem/model.py", every, "[*MEASURES]")  # the mean so far would leave its range for good
    of_june = (("2020-01-01", "2020-06-15"), ("59.0", "41.0"), ("48.0", "42.0"), ("72.0", "21.0"))
    for old, new in of_june:  # golden requests that are still in the data
        repo.edit("src/problem/metrics.py", old, new)
    repo.run("loop", "run")
    repo.commit()
    return repo
