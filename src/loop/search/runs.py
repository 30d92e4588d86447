"""A search in MLflow: one run for all of it, and one below it for each trial.

A tracker that fails is one warning, and is not asked again in this search: the journal has everything.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from loop.base.warning import warn
from loop.model import run_entries, tracking
from loop.model.run_entries import Entries
from loop.search.study import Trial
from loop.settings.search_settings import Settings
from problem import metrics

SEARCH, TRIAL = "search", "trial"  # tags
PARENT, NAME = "mlflow.parentRunId", "mlflow.runName"


class Runs:
    """Where trials are logged; a search that is taken up again goes on in the run that it began."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._client: Any = None
        with self._or_warned():
            self._client, self._experiment = tracking.connect()
            self._parent = self._begun() or self._begin(settings)
            self._there = self._logged()

    def log(self, trial: Trial) -> None:
        """One trial, unless it is there."""
        with self._or_warned():
            if self._client is None or trial.number in self._there:
                return
            tags = {TRIAL: str(trial.number), PARENT: self._parent, NAME: f"trial {trial.number}"}
            run = self._client.create_run(self._experiment, tags=tags | {"state": trial.state}).info.run_id
            self._there.add(trial.number)
            found = {"train_and_judge_seconds": trial.seconds}
            if trial.state == "complete":
                found[metrics.PRIMARY] = _unturned(trial.loss)
            run_entries.add(self._client, run, Entries(params=trial.values, metrics=found))
            if trial.state == "failed":
                self._client.set_terminated(run, "FAILED")

    def end(self, gain: float | None, page: str) -> None:
        """The search as it stands: the best gain, and the page."""
        with self._or_warned():
            if self._client is not None:
                best = {} if gain is None else {"best_gain": gain}
                run_entries.add(
                    self._client, self._parent, Entries(metrics=best, texts={"search.html": page})
                )

    def _begun(self) -> str | None:
        found = self._client.search_runs([self._experiment], f"tags.{SEARCH} = '{self._name}'", max_results=1)
        return str(found[0].info.run_id) if found else None

    def _begin(self, settings: Settings) -> str:
        tags = {SEARCH: self._name, NAME: f"search {self._name}", **tracking.git_state()}
        run = str(self._client.create_run(self._experiment, tags=tags).info.run_id)
        asked = tracking.flat(settings.model_dump(exclude_none=True))
        run_entries.add(self._client, run, Entries(params=asked))
        self._client.update_run(run, "RUNNING")
        return run

    def _logged(self) -> set[int]:
        found: set[int] = set()
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment], f"tags.`{PARENT}` = '{self._parent}'", max_results=1000, page_token=token
            )
            found |= {int(run.data.tags[TRIAL]) for run in page if TRIAL in run.data.tags}
            token = page.token
            if not token:
                return found

    @contextmanager
    def _or_warned(self) -> Iterator[None]:
        try:
            yield
        except tracking.troubles() as error:
            self._client = None
            warn(f"MLflow takes no more of this search, which goes on: {tracking.reason(error)}")


def _unturned(loss: float) -> float:
    """The metric as it is shown: a loss is turned where higher is better."""
    return -loss if metrics.METRICS[metrics.PRIMARY].better == "higher" else loss
