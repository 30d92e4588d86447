"""`loop retrain`: what the monitor asked for, as an ordinary change: a branch with one commit, judged as any.

It acts on `monitor/finding.json` alone, at the finding's own instant. With `--open`, in a workflow, it
becomes a pull request that a person merges; else a local branch.
"""

from pathlib import Path

import pandas as pd

from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.github.client import GitHub
from loop.monitor.inputs import past_retrains
from loop.monitor.schema import FINDING, Finding
from loop.repo import default_branch, remote
from loop.repo.commit import Commit
from loop.repo.git import git
from loop.retrain import challenger, propose
from loop.retrain.challenger import Challenger
from loop.settings import monitor_settings, params, retrain_windows
from loop.settings.params import Windows
from loop.settings.paths import LINEAGE, PARAMS
from loop.settings.plain_words import read_json

AGAIN = "run `loop monitor` anew, then this again"


def main(now: pd.Timestamp | None, *, proposed: bool) -> int:
    """Retrain as the finding asks; 0 when all was done and reported, whatever the verdict.

    `now`, if given, must be the finding's. Raises LoopError for a finding that is not to be acted on, a
    pipeline that fails, and what GitHub refuses.
    """
    finding = read(FINDING)
    at = params.instant(finding.now)
    if now is not None and now != at:
        raise LoopError(
            f"{FINDING} is of {finding.now}",
            f"a monitoring run at {now:%Y-%m-%dT%H:%MZ}",
            f"`loop monitor --now {now:%Y-%m-%dT%H:%MZ}`",
        )
    if finding.decision != "retrain":
        print(f"nothing to do: {finding.decision}: {plain(finding.reason)}")
        return 0
    github = GitHub.of_this_run() if proposed else None
    remote.fetch_main()
    main = remote.main_ref()
    if main is None:
        name = default_branch.name()
        raise LoopError(
            f"there is no branch {name}",
            "the default branch, here or at origin",
            f"`git fetch origin {name}`",
        )
    past_retrains.room()
    moved = _windows(main, finding, at)
    if github is not None:
        propose.main(github, propose.Retrain(main, moved, finding, at))
        return 0
    _here(main, moved, at)
    return 0


def read(path: Path) -> Finding:
    """The finding as `loop monitor` wrote it. Raises LoopError when it is missing or not one."""
    wanted = "what `loop monitor` writes now"
    if not path.is_file():
        raise LoopError(f"{path} is missing", wanted, AGAIN)
    other = LoopError(f"{path} is of another version of loop", wanted, AGAIN)
    none = f"{path} is no finding"
    return read_json(
        Finding, path.read_bytes(), lambda why: LoopError(f"{none}: {why}", wanted, AGAIN), other
    )


def _windows(main: str, finding: Finding, at: pd.Timestamp) -> Windows:
    """Where main's windows move to. Raises LoopError for a finding of another model than main's."""
    here = _champion(main)
    if here != finding.model.sha256:
        raise LoopError(
            f"{FINDING} speaks of {plain(finding.model.name, 80)}, model {finding.model.sha256[:12]}, "
            f"and main's champion is {here[:12]}",
            "a monitoring run at the model that main holds",
            f"{AGAIN}. If main's is on its way to production, wait for it (`loop rollout status`); after a "
            "rollback, merge the pull request that takes the refused change back",
        )
    where, values = Path(f"{PARAMS} on main"), Commit(main).yaml(PARAMS)
    champion = params.of_commit("windows", values, Windows, where)
    settings = params.of_commit("monitor", values, monitor_settings.Settings, where)
    return retrain_windows.at(at, settings, champion)


def _champion(main: str) -> str:
    found = Commit(main).model()
    if found is None:
        raise LoopError(f"{LINEAGE} on main names no model", "its lineage", "`loop run` on main")
    return found


def _here(main: str, moved: Windows, at: pd.Timestamp) -> None:
    """The retrain as a branch of this clone; a refused one is kept by another name, and remembered."""
    branch, onto = f"{past_retrains.PREFIX}{at:%Y-%m-%d}", default_branch.short(main)
    for name in (branch, f"{branch}{past_retrains.REFUSED}"):
        if git("for-each-ref", f"refs/heads/{name}"):
            print(
                f"nothing to do: the branch {name} is there already; `git branch -D {name}` to make it anew"
            )
            return
    print(f"{challenger.subject(moved)}, in a worktree of {onto}", flush=True)
    made = challenger.make(main, moved, at)
    challenger.keep_run(made)
    name = branch if made.passes else f"{branch}{past_retrains.REFUSED}"
    git("update-ref", f"refs/heads/{name}", made.commit, "0" * 40)
    print(f"{made.verdict.verdict}: {plain(made.verdict.sentence)}")
    print(f"  report      {challenger.REPORTS}/report.html")
    print(_next(name, made, onto))


def _next(name: str, made: Challenger, onto: str) -> str:
    if not made.passes:
        return f"  not to be proposed; kept as the branch {name}, so that it is not tried again soon"
    lines = [
        f"  branch      {name}, one commit, {made.commit[:12]}",
        "  next        a person reads and merges it:",
    ]
    if remote.remote():
        lines.append(f"              git push origin {name}")
        lines.append(
            f"              gh pr create --base {onto} --head {name} --label {past_retrains.LABEL} --fill"
        )
    else:
        lines.append(f"              git switch {onto} && git merge {name} && dvc checkout")
    return "\n".join(lines)
