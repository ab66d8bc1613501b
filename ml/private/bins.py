"""Bins that are declared, never learned: what a private model may see of a feature."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Edges = tuple[float, ...] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bins:
    """How each feature is cut, and which features are looked at in pairs.

    Numbers: ascending edges e make the bins (-inf, e₁), [e₁, e₂), … [eₙ, inf) and one for "not known" (NaN).
    Categories: one bin for each value, and one for all others with "not known". Edges must be chosen by what is
    publicly known about a feature; looking at the data for them would break the guarantee.

    Attributes:
        edges: Feature → its edges or its values.
        pairs: Features whose joint bins are counted as well, for effects that two have only together.
    """

    edges: Mapping[str, Edges]
    pairs: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not self.edges or not all(_fit(edges) for edges in self.edges.values()):
            raise ValueError("Edges must be finite ascending numbers, or different values, at least one a feature.")
        if any(len(set(pair)) < 2 or not self.edges.keys() >= set(pair) for pair in self.pairs):
            raise ValueError("A pair is of two different features with edges.")

    @property
    def names(self) -> tuple[str, ...]:
        """The features in the order of the columns of `numbers`."""
        return tuple(self.edges)

    @property
    def widths(self) -> tuple[int, ...]:
        """How many bins each feature and then each pair has."""
        own = {name: _width(edges) for name, edges in self.edges.items()}
        return (*own.values(), *(own[left] * own[right] for left, right in self.pairs))

    def numbers(self, frame: "pd.DataFrame | Floats") -> npt.NDArray[np.int64]:
        """Give the bin of each row: a column for every feature, then one for every pair.

        Each number follows from its own row alone, so bounds on people hold for the bins as well.

        Args:
            frame: Rows with a column for each feature by name, or an array with one for each in their order, where a
                category is its place among the declared values.
        """
        if isinstance(frame, np.ndarray):
            columns = dict(zip(self.names, frame.T, strict=True))
            own = {name: _of_array(columns[name], edges) for name, edges in self.edges.items()}
        else:
            own = {name: _places(frame[name], edges) for name, edges in self.edges.items()}
        joint = [own[left] * _width(self.edges[right]) + own[right] for left, right in self.pairs]
        return np.column_stack([*own.values(), *joint]).astype(np.int64, copy=False)


def _fit(edges: Edges) -> bool:
    if all(isinstance(edge, str) for edge in edges):
        return 0 < len(edges) == len(set(edges))
    numbers = [float(edge) for edge in edges]
    return all(map(math.isfinite, numbers)) and all(low < high for low, high in pairwise(numbers))


def _width(edges: Edges) -> int:
    return len(edges) + 1 if isinstance(edges[0], str) else len(edges) + 2


def _places(column: Any, edges: Edges) -> npt.NDArray[np.int64]:
    if isinstance(edges[0], str):
        places = {value: place for place, value in enumerate(edges)}
        return np.array([places.get(value, len(edges)) for value in column.tolist()], np.int64)
    return _cut(pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan), edges)


def _of_array(values: Floats, edges: Edges) -> npt.NDArray[np.int64]:
    if not isinstance(edges[0], str):
        return _cut(values, edges)
    declared = (values >= 0) & (values < len(edges))
    return np.where(declared, values, len(edges)).astype(np.int64)


def _cut(values: Floats, edges: Edges) -> npt.NDArray[np.int64]:
    places = np.searchsorted(np.array(edges, np.float64), values, side="right").astype(np.int64)
    places[np.isnan(values)] = len(edges) + 1
    return places
