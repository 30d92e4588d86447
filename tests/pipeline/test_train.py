"""The fit: of no more rows than params.yaml allows, and a word before the work where memory may not do."""

import pandas as pd
import pytest

from loop.data import training_sample
from loop.pipeline import train
from problem import source


def test_no_more_rows_are_fitted_than_the_settings_allow(monkeypatch):
    fitted = []

    class Model:
        def fit(self, rows: pd.DataFrame, labels: pd.Series) -> None:
            fitted.append((rows, labels))

    monkeypatch.setattr(train.problem_model, "build", lambda *_: Model())
    rows = pd.DataFrame({name: range(100) for name in source.KEY}).assign(label=1.0)
    train.train(rows, train.Params.model_construct(seed=1, rows_max=30, model=None))
    chosen = training_sample.of(rows, source.KEY, 30)
    assert fitted[0][0].equals(chosen)
    assert len(fitted[0][1]) == 30


@pytest.mark.parametrize(
    ("frame", "said"), [(10**9, ""), (10**9 + 1, "may need 8.0 GB, and 8.0 GB are free")]
)
def test_a_fit_that_memory_may_not_do_for_is_said_before_it_begins(capsys, frame, said):
    train.warn_of_memory(frame, 8 * 10**9)
    out = capsys.readouterr().out
    assert said in out
    assert bool(out) == bool(said)
    assert not said or "set train.rows_max" in out
