"""`loop search` on the example, beside the same trials by Optuna and scikit-learn alone.

Thirty trials of three folds, none ended early, by two processes; the peer fits the same params on the same
rows.
"""

import json
import shutil
from pathlib import Path

from benchmarks import scratch
from benchmarks.timing import Row, used

TRIALS = 30
PEER = """
import json
import numpy as np, optuna, pandas as pd
from multiprocessing import get_context
from threadpoolctl import threadpool_limits

JOURNAL = "peer.log"

def study():
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(JournalFileBackend(JOURNAL))
    return optuna.create_study(study_name="peer", storage=storage, direction="minimize", load_if_exists=True)

def work(count):
    from sklearn.metrics import log_loss
    from loop.search import folds
    from loop.settings.search_settings import read
    from loop.search import space
    from problem import model
    examples = pd.read_parquet("data/examples/train.parquet")
    parts, settings = folds.of(examples, 3), space.with_values({})
    dimensions = space.distributions(read().space)

    found = study()
    for _ in range(count):
        trial = found.ask(dimensions)
        params = settings.model.model_copy(update=trial.params)
        scores, labels = [], []
        for part in parts:
            fit, judge = examples.iloc[part.fit], examples.iloc[part.judge]
            with threadpool_limits(1):
                fitted = model.build(params, settings.seed).fit(fit, fit["label"])
            scores.append(fitted.predict_proba(judge)[:, 1])
            labels.append(judge["label"])
        found.tell(trial, log_loss(np.concatenate(labels), np.concatenate(scores)))

if __name__ == "__main__":
    for params in json.load(open("params.json")):
        study().enqueue_trial(params)
    processes = [get_context("spawn").Process(target=work, args=(%d,)) for _ in range(2)]
    for one in processes:
        one.start()
    for one in processes:
        one.join()
        assert one.exitcode == 0
"""


def measure(runs: int) -> list[Row]:
    """Wall time of both, in turns, and the memory of the search's largest process."""
    ours, theirs, memory, shares, of_processor = [], [], [], [], []
    with scratch.place() as folder:
        from conftest import copy_sources

        repo = copy_sources(folder / "repo")
        repo.run("loop", "run")
        repo.edit("params.yaml", "  prune: true", "  prune: false")
        for limit in ("  minutes: 8 ", "  trial_minutes: 10 "):  # a busy machine ends no trial
            repo.edit("params.yaml", limit, f"{limit.partition(':')[0]}: 600 ")
        env = repo.environment()
        (repo.path / "peer.py").write_text(PEER % (TRIALS // 2))
        for _ in range(runs):
            shutil.rmtree(repo.path / "search", ignore_errors=True)
            for name in ("peer.log", "mlflow.db"):
                (repo.path / name).unlink(missing_ok=True)
            command = ["loop", "search", "--trials", str(TRIALS), "--processes", "2"]
            seconds, largest, processor = used(command, repo.path, env)
            _same_params(repo.path)
            peer, _, processor_of_peer = used(["python", "peer.py"], repo.path, env)
            ours.append(seconds)
            theirs.append(peer)
            memory.append(largest)
            shares.append(100 * (seconds / peer - 1))
            of_processor.append(100 * (processor / processor_of_peer - 1))
    return [
        Row("`loop search`: 30 trials of three folds, two processes", ours, goal=480),
        Row("peer: the same by Optuna and scikit-learn alone", theirs),
        Row("slower than the peer by", shares, goal=10, unit="%"),
        Row("more seconds of the processor than the peer by", of_processor, goal=10, unit="%"),
        Row("memory of its largest process, of three", memory, goal=1.3, unit="GiB"),
    ]


def _same_params(repo: Path) -> None:
    """The params that the search tried, for the peer."""
    (journal,) = repo.glob("search/*/journal.log")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    tried = [line["user_attr"]["values"] for line in lines if "values" in (line.get("user_attr") or {})]
    assert len(tried) == TRIALS
    (repo / "params.json").write_text(json.dumps(tried))
