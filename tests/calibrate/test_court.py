"""A court measures latency as a server predicts."""

import pandas as pd
from sklearn.linear_model import LinearRegression
from threadpoolctl import threadpool_info

from loop.calibrate import court


def test_latency_is_of_one_thread_whose_models_take_turns(monkeypatch):
    asked = []

    def seconds(model, examples, rows):
        asked.append((model, {one["num_threads"] for one in threadpool_info()}))
        return [1.0 if model == "slow" else 0.5]

    LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])  # so that libraries with threads are there
    monkeypatch.setattr("loop.scorer.seconds", seconds)
    assert court.seconds(["slow", "quick"], pd.DataFrame(), 2) == ([1.0, 1.0], [0.5, 0.5])
    assert asked == [("slow", {1}), ("quick", {1})] * 2
