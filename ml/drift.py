"""Whether today's data and scores still look like those a model was trained on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml.task import Floats, Split, Task

SCORE = "score"
BINS = 10
_LEAST = 1e-4
WATCH, DRIFTED = 0.1, 0.25
"""From when on a population stability index is worth a look, and from when on it asks for a new training."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a column is spread: inner edges of its bins and the share in each; or its values and their shares.

    `missing` is the share without a value.
    """

    edges: tuple[float, ...]
    values: tuple[str, ...]
    shares: tuple[float, ...]
    missing: float

    def of(self, column: "pd.Series[Any]") -> "Shape":
        """Measure another column in the same bins."""
        if self.values:
            return _of_values(column, self.values)
        return _of_numbers(column, self.edges)


@dataclass(frozen=True, slots=True)
class Profile:
    """How the inputs were spread over the training slice, and the score after it: shares only, nobody's row."""

    rows: int
    shapes: Mapping[str, Shape]

    def as_dict(self) -> dict[str, Any]:
        """The profile as JSON can hold it."""
        return {"rows": self.rows, "shapes": {name: asdict(shape) for name, shape in self.shapes.items()}}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Profile":
        """The profile that `as_dict` told."""
        shapes = {
            name: Shape(tuple(of["edges"]), tuple(of["values"]), tuple(of["shares"]), of["missing"])
            for name, of in told["shapes"].items()
        }
        return cls(int(told["rows"]), shapes)


def profile_of(task: Task, model: Any, split: Split) -> Profile:
    """Profile the inputs a model was trained on, and its scores of the slice after, which it had not seen."""
    frame = split.train
    columns = {name: frame[name] for name in task.inputs() if name in frame}
    shapes = {name: _shape(column) for name, column in columns.items() if _can_be_told(column)}
    said = pd.Series(_one_number(task.predict(model, split.calibrate)))
    return Profile(len(frame), {**shapes, SCORE: _shape(said)})


def drift(profile: Profile, task: Task, model: Any, frame: pd.DataFrame) -> dict[str, float]:
    """Return the population stability index of every input and of the score against a profile.

    0 is the same spread, above 0.1 worth a look, above 0.25 another world (Siddiqi, Credit Risk Scorecards, 2006).
    """
    now = {name: frame[name] for name in task.inputs() if name in frame}
    now[SCORE] = pd.Series(_one_number(task.predict(model, frame)))
    return {name: _stability(shape, shape.of(now[name])) for name, shape in profile.shapes.items() if name in now}


def _one_number(said: Floats) -> Floats:
    """What is said of a row as one number: of probabilities over levels, the mean level."""
    return said if said.ndim == 1 else np.asarray(said @ np.arange(said.shape[1]))


def _can_be_told(column: "pd.Series[Any]") -> bool:
    """Numbers, and categories of few values; texts are not profiled."""
    return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column) or column.nunique() <= 30


def _shape(column: "pd.Series[Any]") -> Shape:
    if pd.api.types.is_numeric_dtype(column):
        known = column.astype("float64").dropna()
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.array([])
        return _of_numbers(column, tuple(float(edge) for edge in edges))
    return _of_values(column, tuple(sorted(str(value) for value in column.dropna().unique())))


def _of_numbers(column: "pd.Series[Any]", edges: tuple[float, ...]) -> Shape:
    known = column.astype("float64").dropna().to_numpy()
    counts = np.bincount(np.searchsorted(np.array(edges), known, side="left"), minlength=len(edges) + 1)
    return Shape(edges, (), _shares(counts, len(column)), _missing(column))


def _of_values(column: "pd.Series[Any]", values: tuple[str, ...]) -> Shape:
    told = column.dropna().astype(str).value_counts()
    counts = np.array([told.get(value, 0) for value in values] + [told.drop(list(values), errors="ignore").sum()])
    return Shape((), values, _shares(counts, len(column)), _missing(column))


def _shares(counts: "np.ndarray[Any, Any]", rows: int) -> tuple[float, ...]:
    return tuple(float(count) / max(1, rows) for count in counts)


def _missing(column: "pd.Series[Any]") -> float:
    return float(column.isna().mean()) if len(column) else 0.0


def _stability(before: Shape, after: Shape) -> float:
    old = np.maximum(_LEAST, np.array([*before.shares, before.missing]))
    new = np.maximum(_LEAST, np.array([*after.shares, after.missing]))
    return float(((new - old) * np.log(new / old)).sum())
