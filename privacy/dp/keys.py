"""The groups of an answer: public ones, which follow from declarations, and candidates, which come from the data.

Public keys and the asked window alone make public groups, so they are shown where nobody is. Candidates are secret:
the threshold mechanism decides which of them may be shown.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from privacy.dp.lots import Lots, draw, mixed
from privacy.dp.rows import Ints

Cells = npt.NDArray[np.int64]
Combination = tuple[str, ...]

_MOST = 2**62


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """Every combination of public values: `values[i]` are those of the key `names[i]`.

    A group's number is its place in `combinations()`, from 0. Without keys there is one group.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    @property
    def size(self) -> int:
        """How many groups there are, 1 or more."""
        return math.prod(len(v) for v in self.values)

    def combinations(self) -> Iterator[Combination]:
        """Give the groups in the order of their numbers."""
        return itertools.product(*self.values)

    def number(self, places: Sequence[Ints], rows: int) -> Cells:
        """Give each row's group; -1 where a key has no value or none that is public.

        Each number depends on its row alone, so leaving out the rows with -1 keeps all bounds.

        Args:
            places: For each key the place of each row's value among the key's values, -1 for none.
            rows: How many rows there are.
        """
        if not places:
            return np.zeros(rows, np.int64)
        cells = places[0].astype(np.int64, copy=len(places) > 1)
        for place, values in zip(places[1:], self.values[1:], strict=True):
            cells *= len(values)
            cells += place
        for place in places if len(places) > 1 else ():
            if len(place) and place.min() < 0:
                cells[place < 0] = -1
        return cells

    def salts(self, key: bytes) -> Lots:
        """Draw a lot for every group under a question's key."""
        salts = np.zeros(1, np.uint32)
        for lots in _label_lots(self.names, self.values, key):
            salts = mixed(salts[:, None], lots[None, :]).ravel()
        return salts


@dataclass(frozen=True, slots=True, eq=False)
class CandidateKeys:
    """The combinations that some row holds, in the order of their labels. Secret.

    Combination i has the labels `labels[k][codes[i, k]]`.
    """

    names: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...] = field(repr=False)
    codes: npt.NDArray[np.int64] = field(repr=False)

    @property
    def size(self) -> int:
        """How many there are, 0 or more."""
        return len(self.codes)

    def combination(self, number: int) -> Combination:
        """Give the labels of one combination."""
        return tuple(labels[code] for labels, code in zip(self.labels, self.codes[number].tolist(), strict=True))

    def salts(self, key: bytes) -> Lots:
        """Draw a lot for every combination under a question's key: that which `PublicKeys` draws for it."""
        salts = np.zeros(self.size, np.uint32)
        for lots, codes in zip(_label_lots(self.names, self.labels, key), self.codes.T, strict=True):
            salts = mixed(salts, lots[codes])
        return salts


@dataclass(frozen=True, slots=True)
class ReleasedKeys:
    """The candidates that the threshold mechanism let through. Their order tells nothing: it is that of the labels."""

    names: tuple[str, ...]
    groups: tuple[Combination, ...]

    @property
    def size(self) -> int:
        """How many there are, 0 or more."""
        return len(self.groups)

    def combinations(self) -> Iterator[Combination]:
        """Give them in the order of their numbers."""
        return iter(self.groups)


Keys = PublicKeys | CandidateKeys


def candidates(
    names: tuple[str, ...], labels: tuple[tuple[str, ...], ...], places: Sequence[Ints]
) -> tuple[CandidateKeys, Cells]:
    """Find the combinations that rows hold, and number each row's; -1 where a key has no value.

    Args:
        names: The keys, 1 or more.
        labels: For each key its values, in an order that is declared or ascending: nothing of the data shows in it.
        places: For each key the place of each row's value among its labels, -1 for none.
    """
    known = np.logical_and.reduce([place >= 0 for place in places])
    held = np.stack([place[known].astype(np.int64) for place in places], axis=1)
    combined, spread = np.zeros(len(held), np.int64), 1
    for column, own in zip(held.T, labels, strict=True):
        if spread * len(own) >= _MOST:
            combined, spread = np.unique(combined, return_inverse=True)[1], len(held)
        combined, spread = combined * len(own) + column, spread * len(own)
    _, first, numbers = np.unique(combined, return_index=True, return_inverse=True)
    cells = np.full(len(known), -1, np.int64)
    cells[known] = numbers
    return CandidateKeys(names, labels, held[first]), cells


def _label_lots(names: tuple[str, ...], labels: Sequence[tuple[str, ...]], key: bytes) -> Iterator[Lots]:
    for name, own in zip(names, labels, strict=True):
        yield draw((f"{name}\x1f{label}".encode() for label in own), key, b"key").astype(np.uint32)
