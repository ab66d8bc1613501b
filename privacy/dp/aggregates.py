"""Exact integer aggregates over bounded contributions. Secret: only `mechanism.release` reads them.

Every measure is one or more vectors of integers, with one or more coordinates a group (`widths`): their exact
values add up over people, which is what their sensitivities rest on and what lets an engine add up parts.
"""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field

import numpy as np
import numpy.typing as npt

from privacy.dp.accounting import sensitivities
from privacy.dp.keys import Keys
from privacy.dp.rows import Numbers
from privacy.dp.truncation import BoundedContributions, Contributions
from privacy.dp.types import ContributionBounds, Measure

Vector = npt.NDArray[np.int64]
Vectors = tuple[tuple[Vector, ...], ...]

_SEAL = object()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be aggregated: the measures, and whether the share of dropped rows is wanted.

    `most_rows` is the most rows of one person that count towards that share; 0 when it is not wanted.
    """

    measures: tuple[Measure, ...]
    bounds: ContributionBounds
    most_rows: int = 0

    @property
    def needs_rows(self) -> bool:
        """Whether the numbers of kept rows and people are not enough."""
        return any(measure.kind not in {"count", "persons"} for measure in self.measures)


@dataclass(frozen=True, slots=True, eq=False)
class ExactAggregates:
    """For each measure its exact vectors. Only this module can build it.

    Guarantee: adding or removing one person moves vector j of measure i by at most
    `sensitivities(measures[i], bounds)[j]` in L2, `persons` by at most 1 in each of K groups, and `dropped` by at
    most `asked.most_rows` in L2.

    Attributes:
        asked: What was aggregated.
        keys: The groups.
        vectors: For each measure its vectors; a group's coordinates lie together, in the order of the groups.
        persons: The people in each group, for the threshold mechanism; None where the groups are public.
        dropped: Rows kept and rows dropped; None where they were not asked for.
    """

    asked: Asked
    keys: Keys
    vectors: Vectors = field(repr=False)
    persons: Vector | None = field(repr=False)
    dropped: Vector | None = field(repr=False)
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("Only privacy.dp.aggregates builds ExactAggregates.")
        for measure, found in zip(self.asked.measures, self.vectors, strict=True):
            if len(found) != len(sensitivities(measure, self.asked.bounds)):
                raise TypeError("A vector without a sensitivity.")
            if any(vector.dtype != np.int64 for vector in found):
                raise TypeError("A vector that does not hold integers.")


def widths(measure: Measure) -> tuple[int, ...]:
    """Say how many coordinates a group has in each vector of a measure."""
    return {
        "mean": (1, 1),
        "variance": (1, 1, 1),
        "ratio": (2,),
        "histogram": (len(measure.bins),),
        "quantiles": (len(measure.bins),),
    }.get(measure.kind, (1,))


def aggregate(contributions: BoundedContributions, asked: Asked, *, candidates: bool = False) -> ExactAggregates:
    """Aggregate in every group; 0 where nobody is. Sums are of 64-bit integers and exact.

    Rows whose value is null take part in no measure of that column; for a ratio they do not fit its condition.

    Args:
        contributions: Bounded by `asked.bounds`.
        asked: What is wanted.
        candidates: Whether the groups come from the data.
    """
    if contributions.bounds != asked.bounds:
        raise TypeError("Contributions that were bounded otherwise.")
    vectors = tuple(_vectors(contributions, measure) for measure in asked.measures)
    dropped = _dropped(contributions, asked.most_rows) if asked.most_rows else None
    persons = contributions.persons_by_cell if candidates else None
    return ExactAggregates(asked, contributions.keys, vectors, persons, dropped, seal=_SEAL)


def add_up(
    asked: Asked, keys: Keys, sums: Mapping[tuple[int, int], Vector], persons: Vector | None, dropped: Vector | None
) -> ExactAggregates:
    """Put together what an engine added up over parts of a mart.

    The guarantee then rests on the engine: each person is in one part, and each part went through `aggregate`.

    Args:
        asked: What was aggregated in every part.
        keys: The groups.
        sums: The sum of vector j of measure i over all parts, by (i, j).
        persons: As in `ExactAggregates`.
        dropped: As in `ExactAggregates`.
    """
    vectors = tuple(tuple(sums[i, j] for j in range(len(widths(measure)))) for i, measure in enumerate(asked.measures))
    return ExactAggregates(asked, keys, vectors, persons, dropped, seal=_SEAL)


def _vectors(contributions: BoundedContributions, measure: Measure) -> tuple[Vector, ...]:
    if measure.kind == "count":
        return (contributions.rows_by_cell,)
    if measure.kind == "persons":
        return (contributions.persons_by_cell,)
    if contributions.rows is None:
        raise TypeError("A measure of values without the kept rows.")
    return _of_rows(contributions.rows, measure, contributions.keys.size)


def _of_rows(rows: Contributions, measure: Measure, size: int) -> tuple[Vector, ...]:
    if measure.kind == "ratio":
        return (_count(2 * rows.cells + ~rows.marks[measure.mark], 2 * size),)
    cells, values = _known(rows, rows.columns[measure.column])
    values = np.clip(values, measure.bounds.low, measure.bounds.high).astype(np.int64)
    if measure.kind == "sum":
        return (_sum(cells, values, size),)
    if measure.kind in {"histogram", "quantiles"}:
        bins = np.searchsorted(np.array(measure.bins), values, side="right") - 1
        return (_count(len(measure.bins) * cells + bins, len(measure.bins) * size),)
    values -= measure.bounds.middle
    if measure.kind == "mean":
        return _sum(cells, values, size), _count(cells, size)
    return _sum(cells, values, size), _sum(cells, values * values, size), _count(cells, size)


def _known(rows: Contributions, column: Numbers) -> tuple[Vector, Vector]:
    if column.known is None:
        return rows.cells, column.values
    return rows.cells[column.known], column.values[column.known]


def _dropped(contributions: BoundedContributions, most: int) -> Vector:
    held = np.minimum(contributions.held, most)
    kept = np.minimum(contributions.kept, held)
    return np.array([kept.sum(), (held - kept).sum()], np.int64)


def _count(cells: Vector, size: int) -> Vector:
    return np.bincount(cells, minlength=size).astype(np.int64, copy=False)


def _sum(cells: Vector, values: Vector, size: int) -> Vector:
    totals = np.zeros(size, np.int64)
    np.add.at(totals, cells, values)
    return totals
