"""How well groups of records or events fit the truth. It knows nothing of how the groups were made."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairwiseScores:
    """Agreement about pairs of items, such as records or events, that are given to the same person.

    `both` counts pairs that belong together as found and in truth, `found` as found, `true` in truth; they are
    exact. `items` is how many items were compared.
    """

    items: int
    both: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """Share of the pairs found that are true, 0 to 1; 1 if none was found."""
        return self.both / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the true pairs that were found, 0 to 1; 1 if there are none."""
        return self.both / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1; 0 if nothing agrees but something should."""
        total = self.found + self.true
        return 2 * self.both / total if total else 1.0


@dataclass(frozen=True, slots=True)
class Score:
    """Pairwise precision, recall and F1, B-cubed F1, each from 0 to 1, and the largest group found and there is.

    B-cubed (Bagga, Baldwin: Entity-Based Cross-Document Coreferencing, 1998) weighs each record alike, where pairs
    weigh large groups more.
    """

    precision: float
    recall: float
    f1: float
    bcubed: float
    largest_cluster: int
    true_largest: int


def pairwise(found: Sequence[str], truth: Sequence[str]) -> PairwiseScores:
    """Compare the group of each item with the true one, over all pairs.

    Counts come from the contingency table of groups: no pair is enumerated (Hubert and Arabie 1985, "Comparing
    Partitions").
    """
    sizes, true_sizes, both_sizes = map(np.bincount, _contingency(found, truth))
    return PairwiseScores(len(found), _pairs(both_sizes), _pairs(sizes), _pairs(true_sizes))


def score(found: Sequence[str], truth: Sequence[str]) -> Score:
    """Compare the group of each record with the true one.

    Without a pair to find or found, precision and recall are 1.

    >>> score(["a", "a", "b"], ["x", "x", "x"])
    Score(precision=1.0, recall=0.3333, f1=0.5, bcubed=0.7143, largest_cluster=2, true_largest=3)
    """
    groups, true_groups, both = _contingency(found, truth)
    sizes, true_sizes, both_sizes = map(np.bincount, (groups, true_groups, both))
    pairs = pairwise(found, truth)
    of_record = both_sizes[both]
    bcubed_precision = float(np.mean(of_record / sizes[groups]))
    bcubed_recall = float(np.mean(of_record / true_sizes[true_groups]))
    return Score(
        round(pairs.precision, 4),
        round(pairs.recall, 4),
        round(pairs.f1, 4),
        round(_harmonic(bcubed_precision, bcubed_recall), 4),
        int(sizes.max()),
        int(true_sizes.max()),
    )


def _contingency(found: Sequence[str], truth: Sequence[str]) -> tuple[Labels, Labels, Labels]:
    """Number the group of each item as found, in truth, and as both say."""
    groups, true_groups = _numbered(found), _numbered(truth)
    return groups, true_groups, _numbered([f"{a} {b}" for a, b in zip(groups, true_groups, strict=True)])


def _numbered(labels: Sequence[str]) -> Labels:
    numbers: Labels = np.unique(np.asarray(labels), return_inverse=True)[1]
    return numbers


def _pairs(sizes: NDArray[np.int64]) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b) if a + b else 0.0
