"""Peer: FastAPI, joblib, a pydantic model, and the Pipeline on a frame of the rows."""

import joblib
import pandas as pd
from fastapi import FastAPI

from benchmarks.servers.example import Example

app = FastAPI()
model = joblib.load("models/model.joblib")


@app.post("/predict")
async def predict(rows: list[Example]) -> list[float]:
    """The score of each row."""
    frame = pd.DataFrame([row.model_dump() for row in rows])
    return model.predict_proba(frame)[:, 1].tolist()
