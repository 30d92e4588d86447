"""Peer: BentoML as its documentation shows it, with a pydantic request and the Pipeline on a frame."""

import bentoml
import joblib
import pandas as pd

from benchmarks.servers.example import Example


@bentoml.service(workers=1)
class Plain:
    """The Pipeline behind one endpoint."""

    def __init__(self) -> None:
        self.model = joblib.load("models/model.joblib")

    @bentoml.api
    def predict(self, rows: list[Example]) -> list[float]:
        """The score of each row."""
        frame = pd.DataFrame([row.model_dump() for row in rows])
        return self.model.predict_proba(frame)[:, 1].tolist()
