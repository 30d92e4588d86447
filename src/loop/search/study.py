"""A search as a journal on disk: what was tried, with what came out; a kill leaves it whole."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.base import files, json_text
from loop.base.errors import LoopError
from loop.model import lineage
from loop.search import space
from loop.search.space import Values
from loop.settings.paths import PARAMS
from loop.settings.search_settings import Settings
from loop.settings.yaml_file import load

if TYPE_CHECKING:
    import optuna

FOLDER = Path("search")  # which git does not keep
VALUES, WHY, SECONDS = "values", "why", "seconds"
STARTUP = 10  # trials drawn at random before the sampler learns from them


@dataclass(frozen=True)
class Trial:
    """One try: its values by key of `train.model`, and how it ended; `usual`: they are those of params.yaml.

    `loss` is the primary metric over all folds, turned so that less is better; NaN unless it is "complete".
    """

    number: int
    values: Values
    state: str  # complete, pruned or failed
    loss: float
    seconds: float
    why: str
    usual: bool = False


class Study:
    """The trials of one space on one set of rows."""

    def __init__(self, name: str, folder: Path, study: "optuna.Study", settings: Settings) -> None:
        self.name, self.folder, self._study, self._settings = name, folder, study, settings
        self._usual = _usual(settings)
        self._open: dict[int, optuna.Trial] = {}

    def ask(self) -> tuple[int, Values]:
        """The next trial: the values of params.yaml first, then what the sampler draws."""
        trial = self._study.ask(space.distributions(self._settings.space))
        drawn = trial.params != self._usual
        values = space.as_written(trial.params, self._settings.space) if drawn else self._usual
        trial.set_user_attr(VALUES, values)
        self._open[trial.number] = trial
        return trial.number, values

    def hopeless(self, number: int, fold: int, loss: float) -> bool:
        """Whether most trials did better after as many folds."""
        trial = self._open[number]
        trial.report(loss, fold)
        prune = self._settings.prune and trial.user_attrs[VALUES] != self._usual
        return bool(prune and trial.should_prune())

    def tell(self, number: int, loss: float | None, *, seconds: float = 0.0, why: str = "") -> None:
        """How a trial ended: with its loss, or without one, pruned or failed (`why`)."""
        from optuna.trial import TrialState

        trial = self._open.pop(number)
        trial.set_user_attr(SECONDS, round(seconds, 2))
        if loss is not None:
            self._study.tell(trial, loss)
            return
        trial.set_user_attr(WHY, why)
        self._study.tell(trial, state=TrialState.FAIL if why else TrialState.PRUNED)

    def trials(self) -> list[Trial]:
        """All that ended, in their order."""
        found = self._study.get_trials(deepcopy=False)
        return [_trial(one, self._usual) for one in found if one.state.is_finished()]

    def importance(self) -> dict[str, float]:
        """How much of what moved the loss each key of the space explains, the most first; nothing of too few.

        fANOVA (Hutter, Hoos and Leyton-Brown 2014, ICML).
        """
        import optuna

        try:
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=self._settings.seed)
            return dict(optuna.importance.get_param_importances(self._study, evaluator=evaluator))
        except (ValueError, RuntimeError, ZeroDivisionError):  # fewer than two, or all alike
            return {}

    def waiting(self) -> int:
        """How many trials are due, whatever the budget: the params as they are, until they are judged."""
        from optuna.trial import TrialState

        return len(self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def take_up(self) -> int:
        """Close what an earlier process left open; how many trials it had ended."""
        from optuna.trial import TrialState

        for one in self._study.get_trials(deepcopy=False):
            if not one.state.is_finished() and one.state != TrialState.WAITING:
                self._study.tell(one.number, state=TrialState.FAIL)
        return len(self.trials())


@contextmanager
def opened(settings: Settings) -> Iterator[Study]:
    """The study of params.yaml's space on the rows as they are, begun or taken up again; alone on it.

    Raises LoopError while another search runs here.
    """
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise LoopError(
                f"another search runs here (process {lock.read().strip() or 'unknown'})",
                "one at a time",
                "wait until it has ended, or end it: nothing that it has tried is lost",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield _study(settings)


def _study(settings: Settings) -> Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    name = _name(settings)
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    journal = str(folder / "journal.log")
    Path(f"{journal}.lock").unlink(missing_ok=True)  # of one that was killed: we are alone here
    _whole(Path(journal))
    storage = JournalStorage(JournalFileBackend(journal, lock_obj=JournalFileOpenLock(journal)))
    study = optuna.create_study(study_name=name, storage=storage, direction="minimize", load_if_exists=True)
    before = study.get_trials(deepcopy=False)
    study.sampler = optuna.samplers.TPESampler(
        seed=settings.seed + len(before), multivariate=True, constant_liar=True, n_startup_trials=STARTUP
    )
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=5)
    usual = _usual(settings)
    judged = (one.user_attrs.get(VALUES) == usual for one in before if one.state.name == "COMPLETE")
    if not any(judged) and not any(one.state.name == "WAITING" for one in before):
        study.enqueue_trial(usual)  # again, where a kill or a fault met it: all others are compared with it
    return Study(name, folder, study, settings)


def _whole(journal: Path) -> None:
    """Cut what a kill left of a line, to which the next would be joined. Raises LoopError for no journal."""
    text = journal.read_bytes() if journal.is_file() else b""
    if cut := len(text) - (text.rfind(b"\n") + 1):
        os.truncate(journal, len(text) - cut)
    for number, line in enumerate(text[: len(text) - cut].splitlines(), 1):
        try:
            json_text.parse(line)
        except ValueError:
            raise LoopError(
                f"{journal}, line {number}, is no entry of a search",
                "the journal as `loop search` wrote it",
                f"`rm -r {journal.parent}`: the search then begins anew",
            ) from None


def _name(settings: Settings) -> str:
    """What losses rest on: rows, code, params and packages of a training, folds, and the space itself."""
    values = load(PARAMS)
    asked: dict[str, Any] = {
        "made": lineage.links("train", values),
        "judged": files.md5(Path("src/problem/metrics.py")),
        "search": settings.model_dump(include={"seed", "folds", "space"}),
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _usual(settings: Settings) -> dict[str, Any]:
    return dict(space.usual(space.with_values({}), settings.space))


def _trial(one: "optuna.trial.FrozenTrial", usual: dict[str, Any]) -> Trial:
    state = {"COMPLETE": "complete", "PRUNED": "pruned"}.get(one.state.name, "failed")
    told = one.user_attrs
    return Trial(
        number=one.number,
        values=told.get(VALUES, {}),
        state=state,
        loss=float(one.value) if state == "complete" and one.value is not None else float("nan"),
        seconds=float(told.get(SECONDS, 0.0)),
        why=str(told.get(WHY, "it was interrupted" if state == "failed" else "")),
        usual=told.get(VALUES) == usual,
    )
