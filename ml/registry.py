"""The model registry: MLflow with SQLite below one folder, and nothing outside it. One experiment a task."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import orjson
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from privacy.errors import MangroveError

CHAMPION = "champion"
_PAST = "champions"
_NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class NoChampion(MangroveError):
    """No model of a task has passed the gate yet."""

    reason = "NO_CHAMPION"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no champion model for {name} yet. Run `mangrove ml train {name}`; it says whether one passed."
        )


class VersionUnknown(MangroveError):
    """A version of a model that is not there, or none to go back to."""

    reason = "VERSION_UNKNOWN"


class ModelElsewhere(MangroveError):
    """A model whose files lie outside the registry's folder."""

    reason = "MODEL_ELSEWHERE"

    def __init__(self) -> None:
        super().__init__(
            "The model's files lie outside the registry's folder, so it was not loaded. Train it again with `mangrove "
            "ml train`, or roll back with `mangrove ml promote TASK --roll-back`."
        )


@dataclass(frozen=True, slots=True)
class Champion:
    """The model that scores: the fitted model, its version and its run."""

    model: Any
    version: int
    run_id: str


def database_of(folder: Path) -> str:
    """Return the URI of a folder's tracking database."""
    return f"sqlite:///{folder.resolve() / 'mlflow.db'}"


class Registry:
    """Runs, models and the champion of one task.

    Args:
        folder: Where the database and the artefacts lie; it is made if it is not there.
        name: The task's name: that of its experiment and of its registered model.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for noisy in ("alembic", "mlflow"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        self._folder = folder
        database = database_of(folder)
        mlflow.set_tracking_uri(database)
        mlflow.set_registry_uri(database)
        self.name = name
        self._client = MlflowClient(database, database)
        if self._client.get_experiment_by_name(name) is None:
            self._client.create_experiment(name, artifact_location=(folder / "artifacts" / name).as_uri())
        mlflow.set_experiment(name)

    def find(self, fingerprint: Mapping[str, str]) -> int | None:
        """The version that was trained with this fingerprint, None if there is none."""
        for version in self._client.search_model_versions(f"name = '{self.name}'"):
            if fingerprint.items() <= version.tags.items():
                return int(version.version)
        return None

    def versions(self) -> list[int]:
        """All versions, the newest first."""
        found = self._client.search_model_versions(f"name = '{self.name}'")
        return sorted((int(version.version) for version in found), reverse=True)

    def register(self, model_uri: str, run_id: str, fingerprint: Mapping[str, str]) -> int:
        """Make a logged model a new version, marked with its fingerprint; returns the version."""
        try:
            self._client.get_registered_model(self.name)
        except MlflowException:
            self._client.create_registered_model(self.name)
        made = self._client.create_model_version(self.name, model_uri, run_id=run_id, tags=dict(fingerprint))
        return int(made.version)

    def promote(self, version: int) -> None:
        """Move the alias `champion` to a version; the one before is remembered for `roll_back`."""
        past = self._past()
        now = self.champion_version()
        if now is not None and now != version:
            self._remember([*past, now])
        self._client.set_registered_model_alias(self.name, CHAMPION, str(version))

    def roll_back(self) -> int:
        """Make the champion before this one champion again; returns its version.

        Raises:
            VersionUnknown: if there was none.
        """
        past = self._past()
        if not past:
            raise VersionUnknown(
                f"There was no champion of {self.name} before this one, so there is none to go back to."
            )
        self._client.set_registered_model_alias(self.name, CHAMPION, str(past[-1]))
        self._remember(past[:-1])
        return past[-1]

    def run_of(self, version: int) -> Run:
        """The run in which a version was trained: its metrics, parameters and tags.

        Raises:
            VersionUnknown: if there is no such version.
        """
        try:
            return self._client.get_run(self._client.get_model_version(self.name, str(version)).run_id)
        except MlflowException:
            raise VersionUnknown(
                f"There is no version {version} of {self.name}. `mangrove ml report {self.name}` lists them."
            ) from None

    def text_of(self, run_id: str, path: str) -> str:
        """Read a text that was logged with a run."""
        uri = self._client.get_run(run_id).info.artifact_uri
        return str(mlflow.artifacts.load_text(f"{uri}/{path}"))

    def log_numbers(self, kind: str, numbers: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Log a run that trained nothing, such as a look at drift."""
        with mlflow.start_run(run_name=kind, tags={"kind": kind, **tags}):
            mlflow.log_metrics(dict(numbers))

    def champion_version(self) -> int | None:
        """The champion's version, None if no model has passed the gate."""
        try:
            return int(self._client.get_model_version_by_alias(self.name, CHAMPION).version)
        except MlflowException as error:
            # A database that is locked must not look like a champion that is gone.
            if error.error_code not in _NOT_THERE:
                raise
            return None

    def champion(self) -> Champion:
        """Load the champion.

        Raises:
            NoChampion: if no model has passed the gate yet.
        """
        version = self.champion_version()
        if version is None:
            raise NoChampion(self.name)
        return Champion(self.load(version), version, self.run_of(version).info.run_id)

    def load(self, version: int) -> Any:
        """Load a version's fitted model.

        Raises:
            ModelElsewhere: if its files do not lie in this registry's folder: a model is code, and runs when loaded.
        """
        source = str(self._client.get_model_version(self.name, str(version)).source)
        files = str(self._client.get_run(self.run_of(version).info.run_id).info.artifact_uri)
        if not (source.startswith("models:/m-") and files.startswith(self._folder.as_uri())):
            raise ModelElsewhere
        return mlflow.sklearn.load_model(f"models:/{self.name}/{version}")

    def _past(self) -> list[int]:
        try:
            told = self._client.get_registered_model(self.name).tags.get(_PAST, "[]")
        except MlflowException:
            return []
        return [int(version) for version in orjson.loads(told)]

    def _remember(self, past: list[int]) -> None:
        self._client.set_registered_model_tag(self.name, _PAST, orjson.dumps(past).decode())
