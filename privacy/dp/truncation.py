"""Truncation: no person brings more than K groups and L rows a group into an aggregate.

Guarantee: let M and M' be marts that differ by one person with all their rows. `truncate` treats each person
by themselves (which of a person's rows stay depends on that person's rows and on a secret key alone), so both
results are the same for everybody else, and differ by at most K groups with at most L rows each.

Groups stay by their lots for the question (see `privacy.dp.lots`), rows by theirs for the version, so neither by
value nor by time. A person over K keeps the groups whose lots are strictly below the (K+1)-th: K of them, or fewer
where lots are equal. So the bound holds without any assumption on the hash.
"""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field

import numpy as np
import numpy.typing as npt

from privacy.dp.keys import Cells, Keys
from privacy.dp.lots import Lots, mixed
from privacy.dp.rows import Ints, Numbers, Truths
from privacy.dp.types import ContributionBounds

_SEAL = object()

DENSE = 2**23
"""Up to so many pairs of a person and a group, each pair that there could be is looked at."""

_BLOCK = 2**18
_NARROWEST = 2**11
_NO_LOT = np.uint32(2**32 - 1)
_MOST_PASSES = 24


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """The rows a question is about, not yet bounded. Secret.

    Attributes:
        people: The number of each row's person, never falling; a person's rows are in the order of their lots.
        lots: One lot a person.
        cells: The number of each row's group, -1 for none.
        columns: The measured columns, by name.
        marks: For each ratio, by name, whether a row fits its condition.
    """

    people: Ints = field(repr=False)
    lots: Lots = field(repr=False)
    cells: Cells = field(repr=False)
    columns: Mapping[str, Numbers] = field(repr=False)
    marks: Mapping[str, Truths] = field(repr=False)

    def take(self, places: Ints) -> "Contributions":
        """Give some of the rows."""
        return Contributions(
            self.people[places],
            self.lots,
            self.cells[places],
            {name: column.take(places) for name, column in self.columns.items()},
            {name: mark[places] for name, mark in self.marks.items()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class BoundedContributions:
    """Rows of which no person has more than `bounds` allow. Only `truncate` can build it.

    Attributes:
        rows_by_cell: How many rows each group kept.
        persons_by_cell: How many people each group kept.
        rows: The kept rows themselves, None when they were not asked for.
        held: How many rows each person had in all groups together.
        kept: How many of them each person kept.
        bounds: What bounds them.
        keys: The groups.
    """

    rows_by_cell: Cells = field(repr=False)
    persons_by_cell: Cells = field(repr=False)
    rows: Contributions | None = field(repr=False)
    held: Cells = field(repr=False)
    kept: Cells = field(repr=False)
    bounds: ContributionBounds
    keys: Keys
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("Only privacy.dp.truncation.truncate builds BoundedContributions.")


def truncate(
    contributions: Contributions, keys: Keys, bounds: ContributionBounds, key: bytes, *, with_rows: bool
) -> BoundedContributions:
    """Keep at most `bounds.groups` groups a person and `bounds.rows` rows a person and group.

    Rows without a group are left out first: a test of each row alone, which uses up nobody's share.

    Args:
        contributions: The rows.
        keys: The groups of the answer.
        bounds: The most one person can bring in.
        key: From `order_key`.
        with_rows: Whether the kept rows are wanted, and not only their numbers.
    """
    inside = contributions.cells >= 0
    own = contributions if inside.all() else contributions.take(np.flatnonzero(inside))
    salts = keys.salts(key)
    bound = _dense if len(own.lots) * keys.size <= DENSE else _sparse
    rows_by_cell, persons_by_cell, held, kept, places = bound(own, salts, bounds, with_rows=with_rows)
    rows = own.take(places) if with_rows else None
    return BoundedContributions(rows_by_cell, persons_by_cell, rows, held, kept, bounds, keys, seal=_SEAL)


_Bound = tuple[Cells, Cells, Cells, Cells, Ints]
"""Rows and people that each group kept; rows that each person had, and kept; the places of the kept rows."""


def _dense(own: Contributions, salts: Lots, bounds: ContributionBounds, *, with_rows: bool) -> _Bound:
    """Bound people in matrices with one row a group and one column a person, so many people that caches hold one."""
    people, groups = len(own.lots), len(salts)
    rows_by_cell, persons_by_cell = np.zeros(groups, np.int64), np.zeros(groups, np.int64)
    held, kept_by_person = np.empty(people, np.int64), np.empty(people, np.int64)
    places = [np.zeros(0, np.int64)]
    width = max(_NARROWEST, _BLOCK // max(groups, 1))
    starts = np.arange(0, people + width, width)
    ends = np.searchsorted(own.people, starts)
    for start, first, end in zip(starts[:-1].tolist(), ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        block = slice(start, min(start + width, people))
        size = block.stop - start
        pairs = own.cells[first:end] * size
        pairs += own.people[first:end]
        pairs -= start
        counts = np.bincount(pairs, minlength=groups * size)
        held[block] = counts.reshape(groups, size).sum(axis=0)
        kept = np.minimum(counts, bounds.rows).astype(np.uint16).reshape(groups, size)
        present = kept > 0
        _cut_groups(present, salts, own.lots[block], bounds.groups)
        kept *= present
        rows_by_cell += kept.sum(axis=1, dtype=np.int64)
        persons_by_cell += np.count_nonzero(present, axis=1)
        kept_by_person[block] = kept.sum(axis=0, dtype=np.int64)
        if with_rows:
            places.append(first + _kept_places(pairs, counts, present.ravel(), bounds.rows))
    return rows_by_cell, persons_by_cell, held, kept_by_person, np.concatenate(places)


def _cut_groups(present: Truths, salts: Lots, lots: Lots, most: int) -> None:
    """Take away the groups that people, a column each, have beyond `most`."""
    over = present.sum(axis=0, dtype=np.int32) > most
    if not over.any():
        return
    drawn = mixed(salts[:, None], lots[None, :])
    drawn |= present.astype(np.uint32) - np.uint32(1)  # where there is nothing, the greatest lot
    present &= (drawn < _least(drawn, most + 1)) | ~over


def _least(lots: Lots, rank: int) -> Lots:
    """Give the lot of a rank, from 1, in each column; the greatest there can be where a column has fewer."""
    if rank > len(lots):
        return np.full(lots.shape[1], _NO_LOT)
    if rank > _MOST_PASSES:
        return np.partition(lots, rank - 1, axis=0)[rank - 1]  # type: ignore[no-any-return]
    least = np.full((rank, lots.shape[1]), _NO_LOT)
    rest, greater = np.empty_like(least[0]), np.empty_like(least[0])
    for turn, row in enumerate(lots):
        rest[:] = row
        for so_far in least[: turn + 1]:
            np.maximum(so_far, rest, out=greater)
            np.minimum(so_far, rest, out=so_far)
            rest, greater = greater, rest
    return least[-1]  # type: ignore[no-any-return]


def _kept_places(pairs: Cells, counts: Cells, is_kept: Truths, most: int) -> Ints:
    stays = is_kept[pairs]
    crowded = np.flatnonzero(counts[pairs] > most)
    stays[crowded] &= _ranks(pairs[crowded]) < most
    return np.flatnonzero(stays)


def _ranks(pairs: Cells) -> Cells:
    """Give each row's place, from 0, among the rows of its pair."""
    order = np.argsort(pairs, kind="stable")
    ordered = pairs[order]
    ranks = np.empty(len(pairs), np.int64)
    ranks[order] = np.arange(len(pairs)) - np.searchsorted(ordered, ordered)
    return ranks


def _sparse(own: Contributions, salts: Lots, bounds: ContributionBounds, *, with_rows: bool) -> _Bound:
    """Bound people in a list of the pairs of a person and a group that there are."""
    people, groups = len(own.lots), len(salts)
    pairs = own.people.astype(np.int64) * groups + own.cells
    there, number, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    person, cell = there // max(groups, 1), there % max(groups, 1)
    lots = mixed(own.lots[person], salts[cell])
    within = _within(person, lots, bounds.groups, people)
    kept = np.minimum(counts, bounds.rows) * within
    places = _kept_places(number, counts, within, bounds.rows) if with_rows else pairs[:0]
    held = np.bincount(own.people, minlength=people)
    return _sums(cell, kept, groups), _sums(cell, within, groups), held, _sums(person, kept, people), places


def _within(person: Cells, lots: Lots, most: int, people: int) -> Truths:
    """Say which pairs are among their person's `most` least lots; pairs come in the order of their people."""
    starts = np.searchsorted(person, np.arange(people + 1))
    over = np.flatnonzero(np.diff(starts) > most)
    ranked = np.sort((person.astype(np.uint64) << np.uint64(32)) | lots)
    cut = np.full(people, np.uint64(2**32))
    cut[over] = ranked[starts[over] + most] & np.uint64(_NO_LOT)
    return lots < cut[person]


def _sums(places: Cells, amounts: npt.NDArray[np.int64] | Truths, size: int) -> Cells:
    totals = np.zeros(size, np.int64)
    np.add.at(totals, places, amounts)
    return totals
