"""`loop rollout rehearse`: a day of the champion's logged requests, sent to both models of an environment.

What the log holds is sent as it is: personal columns are hashed or missing in it, and what cannot be replayed
so is counted by the field at fault. Each request goes to both servers, in turns, so both meet the same noise.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.data import personal, prediction_log, score_columns
from loop.data.features import DECIDED_AT
from loop.deploy import deploy
from loop.deploy.servers import Servers
from loop.production import branch, environments, rehearsal
from loop.production.rehearsal import Rehearsal, Shift, Side
from loop.production.state import Production, State, Version
from loop.repo import remote
from loop.rollout import announced, follow, rehearsal_check, staging
from loop.rollout.requests_again import Answer, Asked
from loop.rollout.rollout import View
from loop.settings import serve_settings
from loop.stats import bootstrap
from problem import schema

DAY = pd.Timedelta(days=1)
SILENT = 20  # requests in a row without an answer, after which a server is not there
REPLICATES, SEED, CONFIDENCE = 2000, 1, 0.95
PERSONAL = "personal: {}"
SENT = r"rehearsal-[0-9a-f]{64}"  # the id of a request sent again: a log of these holds no day of callers


@dataclass(frozen=True)
class Addresses:
    """Where both models answer; None: the servers that `loop deploy` runs in this checkout."""

    champion: str | None = None
    challenger: str | None = None


@dataclass
class Replay:
    """What came back: both scores and latencies of what both answered, and how many each answered."""

    at: list[pd.Timestamp] = field(default_factory=list)
    logged: list[float] = field(default_factory=list)
    scores: tuple[list[Any], list[Any]] = field(default_factory=lambda: ([], []))
    ms: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    answered: list[int] = field(default_factory=lambda: [0, 0])
    refused: Counter[str] = field(default_factory=Counter)
    asked: int = 0


def main(name: str | None, day: str | None, at: View, where: Addresses) -> int:
    """Rehearse the version of an environment, and keep the evidence on its branch: 0 if it may go on, else 1.

    Raises LoopError, with nothing written, where there is nothing to rehearse, no log, or no server of it.
    """
    chain = environments.in_force()
    name = chain.before_production(name)
    live = branch.serving()
    there = staging.follow_production(name, live, at.now)
    follow.follow(there)
    champion, version = staging.champion(there), staging.challenger(there)
    log = requests(at, champion, day, chain.rehearsal.rows_min)
    picked = sample(log, chain.rehearsal.rows_max)
    sides = _servers(name, (champion, version), where, at.policy.timeout_ms / 1000)
    try:
        _serve(sides, champion, version)
        found = replay(picked, *sides, most=at.policy.limits.error_share_max)
        _serve(sides, champion, version)  # whoever deploys meanwhile spoils the evidence
    finally:
        for side in sides:
            side.close()
    shown = _figures(found, champion, version, name, len(log), picked, at.now)
    text = rehearsal_check.text(shown, at.policy.limits, chain.rehearsal)
    _keep(name, shown, text)
    print(text)
    try:
        rehearsal_check.sufficient(shown, at.policy.limits, chain.rehearsal)
    except LoopError as error:
        print(f"next: {error.todo}")
        return 1
    print(f"next: `loop rollout advance --environment {name}` lets it enter {chain.after(name)}")
    return 0


def requests(at: View, champion: Version, day: str | None, rows_min: int) -> pd.DataFrame:
    """What the champion answered on a day (UTC), of the log; by default the last whole one that is enough.

    Raises LoopError where the log has none, with what it has.
    """
    start = pd.Timestamp(day, tz="UTC") if day else at.now.normalize() - 31 * DAY
    end = start + DAY if day else at.now.normalize()
    log = prediction_log.read(at.folders, start, end - pd.Timedelta(microseconds=1), {"request": "str"})
    again = log["id"].str.fullmatch(SENT)
    if again.any():
        print(f"left out: {counted(int(again.sum()), 'request')} that a rehearsal sent", flush=True)
    log = log[~again]
    mine = log[(log["commit"] == champion.commit) & (log["role"] == "champion")]
    if mine.empty:
        others = Counter(log["commit"].str[:12].tolist()).most_common(3)
        answered = ", ".join(f"{plain(commit, 12)} ({count:,})" for commit, count in others) or "no model"
        span = f"on {day}" if day else f"in the 31 days before {end:%Y-%m-%d}"
        folders = ", ".join(map(str, at.folders))
        raise LoopError(
            f"{folders} has no request that version {champion.version} ({champion.commit[:12]}) answered as "
            f"champion {span}; answered by: {answered}",
            "a day of the log of production, as `loop collect` writes it",
            "bring it here and name its folder by --predictions, or another day by --day",
        )
    days = mine["at"].dt.floor("D")
    counts = days.value_counts().sort_index()
    enough = counts[counts >= rows_min]
    picked: pd.DataFrame = mine[days == (enough.index[-1] if len(enough) else counts.idxmax())]
    return picked.reset_index(drop=True)


def sent(request_id: str) -> str:
    """The id by which a logged request is sent again: no caller's looks like it, whatever words it has."""
    return f"rehearsal-{hashlib.sha256(request_id.encode()).hexdigest()}"


def sample(log: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, evenly over the day."""
    if len(log) <= most:
        return log
    return log.iloc[np.linspace(0, len(log) - 1, most).astype(int)].reset_index(drop=True)


def replay(log: pd.DataFrame, champion: Asked, challenger: Asked, *, most: float) -> Replay:
    """Every request to both, the one who is asked first in turns; ends early where more than `most` are lost.

    Raises LoopError where the champion gives no answer to many in a row: then nothing is compared.
    """
    found, silent = Replay(), 0
    sides = (champion, challenger)
    for row in log.itertuples():
        body, name = _body(row), sent(str(row.id))
        order = (0, 1) if found.asked % 2 == 0 else (1, 0)
        got: list[Answer] = [Answer(0), Answer(0)]
        for place in order:
            got[place] = sides[place].predict(body, name)
        found.asked += 1
        silent = 0 if got[0].good or got[0].refused else silent + 1
        if silent >= SILENT:
            raise LoopError(
                f"the champion at {champion.url} left {silent} requests in a row unanswered",
                "a server that answers within timeout_ms of deploy/policy.yaml",
                "look at that server, then rehearse again; nothing was written",
            )
        _count(found, got, row)
        lost = found.asked - sum(found.refused.values()) - found.answered[1]
        if lost > max(SILENT, 2 * most * len(log)):
            break  # it cannot come within the limit any more, and each may cost its whole time
    return found


def _count(found: Replay, got: list[Answer], row: Any) -> None:
    if got[0].refused:  # what the champion took in production, and its own code does not take from the log
        found.refused[_cause(got[0].fault)] += 1
        return
    for place in (0, 1):
        found.answered[place] += got[place].good
    if got[0].good and got[1].good:
        found.at.append(row.at)
        found.logged.append(row.score)
        for place in (0, 1):
            found.scores[place].append(got[place].scores)
            found.ms[place].append(got[place].ms)


def _cause(fault: str) -> str:
    return PERSONAL.format(fault) if fault in personal.marks() else fault


def _body(row: Any) -> bytes:
    """The request as the log has it; one that did not say when it was decided was decided as it came."""
    request = json.loads(row.request)
    if DECIDED_AT in schema.REQUEST.columns:
        request = {DECIDED_AT: getattr(row, DECIDED_AT).isoformat()} | request
    return json.dumps(request).encode()


def _serve(sides: Sequence[Asked], champion: Version, version: Version) -> None:
    """Raise LoopError unless each server serves what it is to."""
    for side, one in zip(sides, (champion, version), strict=True):
        side.serves(one.version, one.model, one.commit)


def _servers(
    name: str, models: tuple[Version, Version], where: Addresses, timeout: float
) -> tuple[Asked, Asked]:
    """Champion and version, at the addresses given or as they run here. Raises LoopError if one does not."""
    token = serve_settings.place().token
    running = {(one.version, one.role): one.url for one in Servers(deploy.FOLDER).running()}
    urls = []
    for model, role, url in zip(
        models, ("champion", "shadow"), (where.champion, where.challenger), strict=True
    ):
        urls.append(url or running.get((model.version, role)))
        if urls[-1] is None:
            raise LoopError(
                f"no server of version {model.version} as {role} runs in this checkout",
                f"both models of {name}",
                f"`loop deploy --environment {name}` starts them; elsewhere name them by --champion and "
                "--challenger",
            )
    champion, version = (Asked(str(url), token, timeout) for url in urls)
    return champion, version


def _figures(
    found: Replay,
    champion: Version,
    version: Version,
    name: str,
    rows: int,
    picked: pd.DataFrame,
    now: pd.Timestamp,
) -> Rehearsal:
    sides = []
    for place, one in enumerate((champion, version)):
        times = np.array(found.ms[place])
        sides.append(
            Side(
                version=one.version,
                commit=one.commit,
                model=one.model,
                answered=found.answered[place],
                median_ms=round(float(np.quantile(times, 0.5)), 3) if len(times) else None,
                p99_ms=round(float(np.quantile(times, 0.99)), 3) if len(times) else None,
            )
        )
    both = len(found.at)
    mean = np.mean([max(one) for one in found.scores[0]]) - np.mean(found.logged) if both else None
    return rehearsal.made(
        environment=name,
        at=now,
        day=f"{picked['at'].iloc[0]:%Y-%m-%d}",
        image=version.image,
        rows=rows,
        asked=found.asked,
        both=both,
        refused=dict(found.refused.most_common(10)) if len(found.refused) <= 10 else _few(found.refused),
        champion=sides[0],
        challenger=sides[1],
        as_logged=None if mean is None else round(float(mean), 6),
        shifts=_shifts(found, announced.shift(champion, version)),
    )


def _few(refused: Counter[str]) -> dict[str, int]:
    named = dict(refused.most_common(9))
    return named | {"others": sum(refused.values()) - sum(named.values())}


def _shifts(found: Replay, said: Sequence[float] | None) -> list[Shift]:
    """The shift of the score, or of each class; intervals by hour, whose rows resemble each other."""
    if not found.at:
        return []
    theirs, ours = (np.array(found.scores[place], np.float64) for place in (1, 0))
    hours, names = pd.factorize(pd.Series(found.at).dt.floor("h"))
    weight = bootstrap.weights(len(names), REPLICATES, SEED)
    shifts = []
    for at, part in enumerate((theirs - ours).T):
        one = bootstrap.estimate(bootstrap.means(part, hours, len(names)), hours, weight, CONFIDENCE)
        low, high = (round(end, 6) if np.isfinite(end) else None for end in (one.low, one.high))
        shifts.append(
            Shift(
                of=score_columns.CLASSES[at] if score_columns.CLASSES else None,
                value=round(one.value, 6),
                low=low,
                high=high,
                announced=round(said[at], 6) if said is not None and at < len(said) else None,
            )
        )
    return shifts


def _keep(name: str, shown: Rehearsal, text: str) -> None:
    """One commit on the environment's branch: the evidence beside the state, which stays as it is."""

    def transition(there: Production) -> tuple[State, str, None]:
        if (one := there.state.challenger) is None or one.commit != shown.challenger.commit:
            raise LoopError(
                f"{name} has another version by now", "the one that was rehearsed", "rehearse again"
            )
        subject = f"Rehearse version {shown.challenger.version} in {name}"
        trailers = {"Version": shown.challenger.version, "Rehearsal": shown.seal, "By": remote.who()}
        return there.state, remote.message(subject, text, **trailers), None

    evidence = {rehearsal.path(shown.challenger.version): branch.dump(shown)}
    files: Callable[[State], dict[str, str]] = lambda state: staging.rendered(name)(state) | evidence  # noqa: E731
    after = branch.change(transition, files, name)
    print(f"{name}: {counted(shown.asked, 'request')}, kept in commit {str(after.commit)[:12]}")
