"""Stores the model as peers want it: by joblib for two of them, in MLflow for `mlflow models serve`."""

import joblib
import mlflow

from loop.model import lineage, model_file
from loop.settings.paths import MODEL
from problem.model import TRUSTED


def main() -> None:
    """Store both below the working directory."""
    pipeline = model_file.read(MODEL, lineage.load()["model"]["sha256"], TRUSTED)
    joblib.dump(pipeline, "models/model.joblib")
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(
            pipeline, name="model", pyfunc_predict_fn="predict_proba", skops_trusted_types=TRUSTED
        )
    print(info.model_uri)


if __name__ == "__main__":
    main()
