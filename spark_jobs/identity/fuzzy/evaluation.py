"""How well groups of records fit the truth. It knows nothing of how the groups were made."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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


def score(found: Sequence[str], truth: Sequence[str]) -> Score:
    """Compare the group of each record with the true one.

    Without a pair to find or found, precision and recall are 1.

    >>> score(["a", "a", "b"], ["x", "x", "x"])
    Score(precision=1.0, recall=0.3333, f1=0.5, bcubed=0.7143, largest_cluster=2, true_largest=3)
    """
    groups, true_groups = _numbered(found), _numbered(truth)
    both = _numbered([f"{a} {b}" for a, b in zip(groups, true_groups, strict=True)])
    sizes, true_sizes, both_sizes = (np.bincount(labels) for labels in (groups, true_groups, both))
    right, claimed, there = _pairs(both_sizes), _pairs(sizes), _pairs(true_sizes)
    precision, recall = right / claimed if claimed else 1.0, right / there if there else 1.0
    of_record = both_sizes[both]
    bcubed_precision = float(np.mean(of_record / sizes[groups]))
    bcubed_recall = float(np.mean(of_record / true_sizes[true_groups]))
    return Score(
        round(precision, 4),
        round(recall, 4),
        round(_harmonic(precision, recall), 4),
        round(_harmonic(bcubed_precision, bcubed_recall), 4),
        int(sizes.max()),
        int(true_sizes.max()),
    )


def _numbered(labels: Sequence[str]) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = np.unique(np.asarray(labels), return_inverse=True)[1]
    return numbers


def _pairs(sizes: NDArray[np.int64]) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b) if a + b else 0.0
