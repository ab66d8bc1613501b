"""The model registry: MLflow with SQLite below one folder, and nothing outside it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from privacy.errors import MangroveError

MODEL_NAME = "handover"
CHAMPION = "champion"
EXPERIMENT = "handover"


class NoChampion(MangroveError):
    """No model has passed the gate yet."""

    reason = "NO_CHAMPION"

    def __init__(self) -> None:
        super().__init__("There is no champion model yet. Run `mangrove ml train`; it says whether the model passed.")


@dataclass(frozen=True, slots=True)
class Champion:
    """The model that scores: a fitted scikit-learn classifier, its version and its run."""

    model: Any
    version: int
    run_id: str


class Registry:
    """Runs, models and the champion.

    Args:
        folder: Where the database and the artefacts lie; it is made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for noisy in ("alembic", "mlflow"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        database = f"sqlite:///{folder / 'mlflow.db'}"
        mlflow.set_tracking_uri(database)
        mlflow.set_registry_uri(database)
        self._client = MlflowClient(database, database)
        if self._client.get_experiment_by_name(EXPERIMENT) is None:
            self._client.create_experiment(EXPERIMENT, artifact_location=(folder / "artifacts").as_uri())
        mlflow.set_experiment(EXPERIMENT)

    def find(self, fingerprint: Mapping[str, str]) -> int | None:
        """The version that was trained with this fingerprint, None if there is none."""
        for version in self._client.search_model_versions(f"name = '{MODEL_NAME}'"):
            if fingerprint.items() <= version.tags.items():
                return int(version.version)
        return None

    def register(self, model_uri: str, run_id: str, fingerprint: Mapping[str, str]) -> int:
        """Make a logged model a new version, marked with its fingerprint; returns the version."""
        try:
            self._client.get_registered_model(MODEL_NAME)
        except MlflowException:
            self._client.create_registered_model(MODEL_NAME)
        made = self._client.create_model_version(MODEL_NAME, model_uri, run_id=run_id, tags=dict(fingerprint))
        return int(made.version)

    def promote(self, version: int) -> None:
        """Move the alias `champion` to a version; the one before keeps its number and can be restored."""
        self._client.set_registered_model_alias(MODEL_NAME, CHAMPION, str(version))

    def run_of(self, version: int) -> Run:
        """The run in which a version was trained: its metrics, parameters and tags."""
        return self._client.get_run(self._client.get_model_version(MODEL_NAME, str(version)).run_id)

    def champion_version(self) -> int | None:
        """The champion's version, None if no model has passed the gate."""
        try:
            return int(self._client.get_model_version_by_alias(MODEL_NAME, CHAMPION).version)
        except MlflowException:
            return None

    def champion(self) -> Champion:
        """Load the champion.

        Raises:
            NoChampion: if no model has passed the gate yet.
        """
        version = self.champion_version()
        if version is None:
            raise NoChampion
        model = mlflow.sklearn.load_model(f"models:/{MODEL_NAME}/{version}")
        return Champion(model, version, self.run_of(version).info.run_id)
