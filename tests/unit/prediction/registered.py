"""Puts models into an installation's registry without the training that finds them."""

from pathlib import Path
from typing import Any

import mlflow

from ml.registry import Registry


def registered(folder: Path, name: str, model: Any) -> int:
    """Register a model as a new version of a task and promote it; returns the version."""
    registry = Registry(folder, name)
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            pip_requirements=["scikit-learn"],
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
        )
    version = registry.register(logged.model_uri, run.info.run_id, {})
    registry.promote(version)
    return version
