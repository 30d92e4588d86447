"""The look at the holdout that a review took, by what the branch itself says of its model and windows."""

import re
from pathlib import Path

from loop.base import exit_codes
from loop.base.deadline import within
from loop.base.errors import LoopError
from loop.production import state
from loop.production.results_commit import LOCK
from loop.publish import head
from loop.publish.artifact import Artifact
from loop.publish.case import Case
from loop.publish.head import Head
from loop.repo import dvc_lock
from loop.repo.git import has
from loop.review.holdout_looks import Look
from loop.review.verdict import Metric, Verdict
from loop.settings import params, yaml_file
from loop.settings.params import Windows
from loop.settings.paths import MODEL, PARAMS, PREDICTIONS
from loop.stats import paired, spending
from loop.stats.paired import Gain

SECONDS = 60


def at(case: Case, found: Artifact) -> Look | None:
    """The model that the artifact's lock names, else the head's, on the holdout of the head's params.yaml.

    A verdict that compares models took a look, whether it says so or not: where it names none, what it
    compared is another model than the champion's, else this very commit. None where nothing new was seen.
    Raises LoopError where the verdict speaks of another model, and for files that cannot be read.
    """
    said = found.verdict.look
    try:
        with within(SECONDS, _wrong("reading them takes too long")):
            model, scores = _of_artifact(found) or _made(case.head.read(LOCK))
            if said is None:
                champions = _champions(case, found)
                if None in champions or not _compares(found.verdict):
                    return None
                if model in champions:
                    if not any(one.gain for one in found.verdict.metrics):
                        return None
                    model = case.run.sha
            values = _yaml(case.head.read(str(PARAMS)))
            windows = params.of_commit("windows", values, Windows, Path(f"{PARAMS} of the pull request"))
            if said and said.model != model:
                raise _wrong("the verdict is of another model")
            number, fork = case.pull.number or None, not case.pull.own
            usual = params.section("windows", Windows).holdout  # of main, where this runs
            look = Look(model, windows.holdout, number, fork=fork, scores=scores, usual=usual)
            return look.told(said.champion, said.shift, said.rows) if said else look
    except LoopError:
        raise
    except Exception as error:  # foreign text of whatever shape: it is only refused
        raise _wrong(f"they cannot be read: {type(error).__name__}") from None


def _compares(verdict: Verdict) -> bool:
    """Whether a verdict passes, or shows anything that only labels of the holdout tell."""
    shown = (verdict.metrics, verdict.slices, verdict.slices_compared, verdict.calibration, verdict.errors)
    return exit_codes.REVIEW[verdict.verdict] == 0 or any(shown)


def _champions(case: Case, found: Artifact) -> set[str | None]:
    """The models that are none of the change's: of main where it left it and as judged, and what serves."""
    serving = state.read(state.ref()).state.champion
    commits = {head.merge_base(case.run.sha), found.verdict.base.commit, serving and serving.commit}
    return {_made(Head(one).read(LOCK))[0] or None for one in commits if one and has(one)}


def _of_artifact(found: Artifact) -> tuple[str, str] | None:
    """What the artifact's lock names as made; None for a lock that names no model: nobody commits it."""
    try:
        made = _made(found.files[LOCK])
    except LoopError:  # the time is over
        raise
    except Exception:  # none, or foreign text of whatever shape
        return None
    return made if made[0] else None


def _made(lock: bytes | None) -> tuple[str, str]:
    """Hashes of the model and its scores; nothing for another text, that would end the entry of its look."""
    outs = dvc_lock.outs(_yaml(lock))
    named = (str(outs.get(str(path), "")) for path in (MODEL, PREDICTIONS))
    model, scores = (one if re.fullmatch("[0-9a-f]{32}", one) else "" for one in named)
    return model, scores


def outcome(verdict: Verdict, number: int) -> str:
    """The outcome of the deciding metric as look `number`; the verdict's own where that is none later."""
    look, primary = verdict.look, next((one for one in verdict.metrics if one.role == "primary"), None)
    if look is None or primary is None or number <= look.number:
        return verdict.verdict
    confidence, clusters = verdict.confidence or 0.95, verdict.holdout.clusters if verdict.holdout else 2
    then, now = (spending.times(one, clusters, confidence) for one in (look.number, number))
    return paired.verdict(spending.widened(_gain(primary), now / then), primary.margin or 0.0)


def _gain(metric: Metric) -> Gain:
    nan = float("nan")
    champion, candidate, gain, low, high = (
        nan if value is None else value
        for value in (metric.champion, metric.candidate, metric.gain, metric.low, metric.high)
    )
    return Gain(champion, candidate, gain, low, high, p=nan, rows=0)


def _yaml(text: bytes | None) -> dict[str, object]:
    found = yaml_file.parse((text or b"").decode(errors="replace"))
    return found if isinstance(found, dict) else {}


def _wrong(why: str) -> LoopError:
    return LoopError(
        f"the look at the holdout cannot be counted by {LOCK} and {PARAMS}: {why}",
        "the files that the review made its verdict of",
        "run the review again",
    )
