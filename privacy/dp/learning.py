"""Counts that a model is made of: bounded by person, exact, then noisy. The unit is a person with all their rows.

Rows come in as small integers: for each feature the number of the bin that the row falls into, and a label of 0 or 1.
Each person keeps at most K rows. All features are counted at once, by bin and label, into one long vector.

Sensitivity: a row adds 1 to one count of every feature. A person with K rows therefore moves the counts of one
feature by at most K in L1 and so in L2, and the long vector of F features by at most K·sqrt(F) in L2. That is reached
by K equal rows. It is what one answer costs that touches F groups with K rows each, so `sensitivities` gives it.

Guarantee: `release_counts` is rho-zCDP when one person with all rows is added or removed (Bun and Steinke 2016).
Which rows a person keeps follows from that person's rows and a key that has nothing to do with any data: everybody
else's rows stay the same ones. No floating-point number comes near the counts, nor near their noise.
"""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field

import numpy as np
import numpy.typing as npt

from privacy.dp.accounting import Share, sensitivities
from privacy.dp.keys import PublicKeys
from privacy.dp.lots import draw
from privacy.dp.mechanism import MapExceedsReservation, calibrate
from privacy.dp.rows import Numbers
from privacy.dp.truncation import Contributions, truncate
from privacy.dp.types import ContributionBounds, Measure, NanoRho

Whole = npt.NDArray[np.int64]

_SEAL = object()
_ONE_GROUP = PublicKeys((), ())


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Rows to learn from. Secret.

    Attributes:
        people: Whose each row is.
        bins: One row an example, one column a feature: the number of its bin, from 0.
        labels: 0 or 1 for each row.
    """

    people: Sequence[str] = field(repr=False)
    bins: Whole = field(repr=False)
    labels: Whole = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class ExactCounts:
    """Rows by bin and label, of every feature. Secret; only `count_examples` can build it.

    Attributes:
        vector: The counts: feature after feature, bin after bin, label 0 before 1.
        widths: How many bins each feature has; declared, not from data.
        rows_per_person: K.
    """

    vector: Whole = field(repr=False)
    widths: tuple[int, ...]
    rows_per_person: int
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("Only privacy.dp.learning.count_examples builds ExactCounts.")

    @property
    def sensitivity(self) -> float:
        """How far one person can move the vector in L2: K·sqrt(F), rounded up."""
        (found,) = sensitivities(Measure("count"), ContributionBounds(len(self.widths), self.rows_per_person))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class NoisyCounts:
    """For each feature a table of noisy counts, a row a bin and a column a label; `scale` is the noise of each."""

    tables: tuple[Whole, ...]
    scale: float


def count_examples(examples: Examples, widths: Sequence[int], rows_per_person: int, key: bytes) -> ExactCounts:
    """Let each person keep at most so many rows, and count those by bin and label.

    The order in which rows come has no part in it. Equal rows of a person draw different lots, so none is favoured.

    Args:
        examples: The rows.
        widths: The number of bins of each feature.
        rows_per_person: K, 1 or more.
        key: What lots are drawn under: at most 64 random bytes that nobody learns.

    Raises:
        ValueError: if a bin or label is not among the declared ones.
    """
    inside = (examples.bins >= 0).all() and (examples.bins < np.array(widths, np.int64)).all()
    if not inside or not np.isin(examples.labels, (0, 1)).all():
        raise ValueError("A bin or a label that was not declared.")
    kept = _kept(examples, rows_per_person, key)
    offsets = np.cumsum([0, *widths[:-1]])
    cells = 2 * (examples.bins[kept] + offsets) + examples.labels[kept, None]
    vector = np.bincount(cells.ravel(), minlength=2 * sum(widths)).astype(np.int64, copy=False)
    return ExactCounts(vector, tuple(widths), rows_per_person, seal=_SEAL)


def release_counts(exact: ExactCounts, rho: NanoRho) -> NoisyCounts:
    """Add discrete Gaussian noise to every count, worth `rho` or less for all of them together.

    Raises:
        MapExceedsReservation: if OpenDP's privacy map says more than `rho`; nothing was drawn.
    """
    noise = calibrate(Share(exact.sensitivity, rho))
    if noise.cost > rho:
        raise MapExceedsReservation
    noisy = noise.on(exact.vector).reshape(-1, 2)
    return NoisyCounts(tuple(np.split(noisy, np.cumsum(exact.widths[:-1]))), noise.scale)


def _kept(examples: Examples, most: int, key: bytes) -> Whole:
    """Give the places of the rows that stay."""
    if len(examples.labels) == 0:
        return np.zeros(0, np.int64)
    ids, people = np.unique(np.asarray(examples.people, dtype=str), return_inverse=True)
    content = np.column_stack([people, examples.bins, examples.labels]).astype(np.int64)
    order = np.lexsort(content.T[::-1])
    content = content[order]
    same = np.append(False, (content[1:] == content[:-1]).all(axis=1))
    firsts = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    content[:, 0] = np.arange(len(order)) - firsts
    people = people[order]
    names = (ids[person].encode() + row.tobytes() for person, row in zip(people, content, strict=True))
    drawn = np.lexsort((draw(names, key, b"row"), people))
    contributions = Contributions(
        people[drawn],
        np.zeros(len(ids), np.uint32),
        np.zeros(len(order), np.int64),
        {"place": Numbers(order[drawn], None)},
        {},
    )
    rows = truncate(contributions, _ONE_GROUP, ContributionBounds(1, most), key, with_rows=True).rows
    if rows is None:
        raise TypeError("Truncation without rows.")
    return rows.columns["place"].values.astype(np.int64)
