"""The port that every model meets: what it learns from, how it is made, and how it is judged."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import TableMissing, is_there, version_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a task learns from: rows whose consent covers learning, in an order that depends on their content only.

    `versions` has the Delta version of each table that was read, by the table's name.
    """

    frame: pd.DataFrame
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Split:
    """Three slices in order of time that share no unit: to learn, to calibrate, to test."""

    train: pd.DataFrame
    calibrate: pd.DataFrame
    test: pd.DataFrame

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of each slice."""
        return {"train": len(self.train), "calibrate": len(self.calibrate), "test": len(self.test)}


class Task(ABC):
    """One thing to predict. It holds no state; `train` runs the same practice over every one.

    Attributes:
        name: Names the experiment and the registered model.
        title: What the model card is headed with.
        purpose: What it is for, and what not, in sentences.
        limits: What it cannot do, in sentences.
        tables: What `rows` reads.
        unit: The column that is never split over slices; the gate resamples its values.
        declared: The values of categories that artefacts may name, by column; others are told as `other`.
        slice_by: Columns of `declared` whose values are measured apart.
        headline: The metric that tables show first.
        calibration_limit: The most miscalibration that the gate lets pass, beyond what chance alone gives.
        calibration_told: What `miscalibration` measures, as the beginning of a sentence.
        output: The table that `scored` fills, None if the task's predictions are written otherwise.
    """

    name: str
    title: str
    purpose: str
    limits: str
    tables: tuple[Table, ...]
    unit: str = "person_id"
    declared: Mapping[str, tuple[str, ...]] = {}
    slice_by: tuple[str, ...] = ()
    headline: str
    calibration_limit: float = 0.03
    calibration_told: str = "its miscalibration beyond chance is"
    output: Table | None = None

    def accepts(self, champion: Any) -> bool:
        """Say whether a champion is a rival: not if it can no longer answer, or lacks a guarantee that is asked for."""
        return True

    def scored(self, lake_root: str, model: Any, version: int) -> pa.Table:
        """Return what a champion says today, as rows of `output`; only tasks with an `output` are asked."""
        raise NotImplementedError

    def versions(self, lake_root: str) -> dict[str, int]:
        """Return the Delta versions of what `rows` would read now, without reading it.

        Raises:
            TableMissing: if a table was not made yet.
        """
        for table in self.tables:
            if not is_there(lake_root, table):
                raise TableMissing(table)
        return {table.name: version_of(lake_root, table) for table in self.tables}

    @abstractmethod
    def rows(self, lake_root: str) -> Rows:
        """Read what may be learned from.

        Raises:
            TableMissing: if a table was not made yet.
        """

    @abstractmethod
    def settings(self) -> Mapping[str, object]:
        """Return how the model is made; JSON can hold it."""

    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """Return the names of the features."""

    @abstractmethod
    def split(self, frame: pd.DataFrame) -> Split:
        """Cut rows into slices.

        Raises:
            NotEnoughToLearn: if there are too few.
        """

    @abstractmethod
    def fit(self, split: Split) -> Any:
        """Fit on the training slice and calibrate on the later one; the test slice is not looked at."""

    @abstractmethod
    def baselines(self, split: Split) -> dict[str, Any]:
        """Fit what the model must beat: at least `majority`, `rule` and `linear`, which `predict` takes, too."""

    @abstractmethod
    def predict(self, model: Any, frame: pd.DataFrame) -> Floats:
        """Return what a model or baseline says of each row."""

    @abstractmethod
    def losses(self, frame: pd.DataFrame, said: Floats) -> Floats:
        """Return how wrong each row's prediction is; lower is better."""

    @abstractmethod
    def metrics(self, frame: pd.DataFrame, said: Floats) -> dict[str, float]:
        """Return the measures of the card by name, `headline` first."""

    def extras(self, model: Any, split: Split) -> dict[str, float]:
        """Measure on held-out rows what a model tells beside its predictions; nothing unless a task says otherwise."""
        return {}

    @abstractmethod
    def miscalibration(self, frame: pd.DataFrame, said: Floats) -> float:
        """Return how far what is said lies from what is seen, beyond chance; 0 is perfect."""

    @abstractmethod
    def plots(self, model: Any, frame: pd.DataFrame, said: Floats) -> dict[str, Figure]:
        """Draw the model on held-out rows, by file name."""

    @abstractmethod
    def example(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return one typical input made of medians and modes, nobody's row and no text."""
