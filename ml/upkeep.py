"""Keeping models true: the champion on today's rows, drift, moving the alias, and training again when it is time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from ml.drift import DRIFTED, SCORE, WATCH, Profile, drift
from ml.gate import Verdict, judge
from ml.registry import NoChampion, Registry
from ml.task import Task
from ml.train import (
    PROFILE,
    PrivacyCheck,
    Training,
    fingerprint_of,
    said_by_baselines,
    said_by_champion,
    train,
)
from privacy.errors import MangroveError

GROWN = 1.2
"""With so many times the rows that the champion learned from, a new training is worth its time."""


class NotPromoted(MangroveError):
    """A version that the gate did not let pass."""

    reason = "NOT_PROMOTED"


@dataclass(frozen=True, slots=True)
class Look:
    """How the champion does on the newest held-out rows, beside baselines fitted on today's."""

    version: int
    sizes: Mapping[str, int]
    metrics: Mapping[str, float]
    rivals: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Drift:
    """Stability indices of all inputs and the score, the worst first.

    `rows` are those that a training would learn from today, `learned_from` those that the champion did.
    """

    version: int
    indices: Mapping[str, float]
    rows: int
    learned_from: int

    @property
    def score(self) -> float:
        """The index of the score."""
        return self.indices.get(SCORE, 0.0)

    @property
    def drifted(self) -> bool:
        """Whether the score, or any input, is of another world."""
        return max(self.indices.values(), default=0.0) > DRIFTED

    @property
    def watched(self) -> tuple[str, ...]:
        """What is worth a look."""
        return tuple(name for name, index in self.indices.items() if index > WATCH)


def look(task: Task, lake_root: str, mlflow_folder: Path) -> Look:
    """Measure the champion on the newest held-out rows.

    Raises:
        NoChampion: if there is none.
        NotEnoughToLearn: if there are too few rows.
    """
    champion = Registry(mlflow_folder, task.name).champion()
    split = task.split(task.rows(lake_root).frame)
    metrics = task.metrics(split.test, task.predict(champion.model, split.test))
    rivals = {name: task.metrics(split.test, of) for name, of in said_by_baselines(task, split).items()}
    return Look(champion.version, split.sizes, metrics, rivals)


def promote(task: Task, version: int, lake_root: str, mlflow_folder: Path) -> Verdict:
    """Make a version champion if the gate lets it pass on the newest held-out rows.

    Raises:
        VersionUnknown: if there is no such version.
        NotPromoted: if the gate did not let it pass; the champion stays.
    """
    registry = Registry(mlflow_folder, task.name)
    registry.run_of(version)
    split = task.split(task.rows(lake_root).frame)
    champion = None if registry.champion_version() == version else said_by_champion(task, registry, split)
    said = task.predict(registry.load(version), split.test)
    verdict = judge(task, split.test, said, said_by_baselines(task, split), champion)
    if not verdict.passed:
        raise NotPromoted(verdict.sentence)
    registry.promote(version)
    return verdict


def watch(task: Task, lake_root: str, mlflow_folder: Path) -> Drift:
    """Compare today's held-out rows with the training slice of the champion, and log it as a run of the experiment.

    Raises:
        NoChampion: if there is none.
        NotEnoughToLearn: if there are too few rows.
    """
    registry = Registry(mlflow_folder, task.name)
    champion = registry.champion()
    profile = Profile.from_dict(orjson.loads(registry.text_of(champion.run_id, PROFILE)))
    rows = task.rows(lake_root)
    split = task.split(rows.frame)
    indices = drift(profile, task, champion.model, split.test)
    ordered = dict(sorted(indices.items(), key=lambda item: -item[1]))
    numbers = {f"psi_{name}": value for name, value in ordered.items()}
    fingerprint = fingerprint_of(task, lake_root, rows.versions)
    registry.log_numbers("drift", numbers, {**fingerprint, "champion": str(champion.version)})
    return Drift(champion.version, ordered, len(split.train), profile.rows)


def retrain(task: Task, lake_root: str, mlflow_folder: Path, check: PrivacyCheck | None = None) -> Training | str:
    """Train again if it is time: there is no champion that can answer, rows have drifted, or there are a fifth more.

    Returns:
        The training, or the sentence that says why there was nothing to do.
    """
    registry = Registry(mlflow_folder, task.name)
    if registry.find(fingerprint_of(task, lake_root, task.versions(lake_root))) is not None:
        return f"{task.name}: nothing to do, the inputs have not changed since the last training."
    try:
        if not task.accepts(registry.champion().model):
            return train(task, lake_root, mlflow_folder, check)
        seen = watch(task, lake_root, mlflow_folder)
    except NoChampion:
        return train(task, lake_root, mlflow_folder, check)
    if seen.drifted or seen.rows > GROWN * seen.learned_from:
        return train(task, lake_root, mlflow_folder, check)
    return (
        f"{task.name}: nothing to do, the score's stability index is {seen.score:.3f} and there are no more than "
        f"{GROWN:g} times the rows."
    )
