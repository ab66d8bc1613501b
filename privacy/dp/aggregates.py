"""Exact integer aggregates over bounded contributions. Secret: only `mechanism.release` reads them."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field

import numpy as np
import numpy.typing as npt

from privacy.dp.accounting import sensitivities
from privacy.dp.keys import PublicKeys
from privacy.dp.truncation import BoundedContributions
from privacy.dp.types import ContributionBounds, Measure

Vector = npt.NDArray[np.int64]

_SEAL = object()


@dataclass(frozen=True, slots=True, eq=False)
class ExactAggregates:
    """For each measure its exact vectors, one number a group. Only `aggregate` can build it.

    Guarantee: adding or removing one person moves vector j of measure i by at most
    `sensitivities(measures[i], bounds)[j]` in L2.
    """

    measures: tuple[Measure, ...]
    bounds: ContributionBounds
    keys: PublicKeys
    vectors: tuple[tuple[Vector, ...], ...] = field(repr=False)
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("Only privacy.dp.aggregates.aggregate builds ExactAggregates.")


def aggregate(contributions: BoundedContributions, measures: Sequence[Measure]) -> ExactAggregates:
    """Count, and sum clipped values, in every group of the public keys; 0 where nobody is.

    Rows whose value is null take part in neither sum nor mean. Sums are of 64-bit integers and exact.
    """
    vectors = tuple(_vectors(contributions, measure) for measure in measures)
    for measure, found in zip(measures, vectors, strict=True):
        if len(found) != len(sensitivities(measure, contributions.bounds)):
            raise TypeError("A vector without a sensitivity.")
    return ExactAggregates(tuple(measures), contributions.bounds, contributions.keys, vectors, seal=_SEAL)


def _vectors(contributions: BoundedContributions, measure: Measure) -> tuple[Vector, ...]:
    size = contributions.keys.size
    if measure.kind == "count":
        return (_count(contributions.cells, size),)
    if measure.kind == "persons":
        return (_count(contributions.cells[contributions.ranks == 1], size),)
    column = contributions.columns[measure.column]
    known = column.is_valid().to_numpy()
    cells = contributions.cells[known]
    values = np.clip(column.drop_null().to_numpy(), measure.bounds.low, measure.bounds.high)
    if measure.kind == "sum":
        return (_sum(cells, values, size),)
    return _sum(cells, values - measure.bounds.middle, size), _count(cells, size)


def _count(cells: Vector, size: int) -> Vector:
    return np.bincount(cells, minlength=size).astype(np.int64)


def _sum(cells: Vector, values: Vector, size: int) -> Vector:
    totals = np.zeros(size, dtype=np.int64)
    np.add.at(totals, cells, values)
    return totals
