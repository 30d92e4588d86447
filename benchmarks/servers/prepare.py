"""Stores the model as peers want it: by joblib for two of them, in MLflow for `mlflow models serve`."""

from pathlib import Path

import joblib
import mlflow
import pandas as pd
from mlflow.models import infer_signature

from loop.model import lineage, model_file
from loop.settings.paths import HOLDOUT, MODEL
from problem.model import TRUSTED

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Store both below the working directory; MLflow's knows by its signature which columns are times."""
    rows = pd.read_parquet(ROOT / HOLDOUT)
    pipeline = model_file.read(MODEL, lineage.load()["model"]["sha256"], TRUSTED)
    joblib.dump(pipeline, "models/model.joblib")
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(
            pipeline,
            name="model",
            pyfunc_predict_fn="predict_proba",
            skops_trusted_types=TRUSTED,
            signature=infer_signature(rows.drop(columns=[name for name in rows if name.startswith("label")])),
        )
    print(info.model_uri)


if __name__ == "__main__":
    main()
