"""Rows of a mart, decoded once for a version: numbers in place of names, in an order no one can steer.

What a value means: null is no value. In a column of floating-point numbers NaN is no value, an infinity lies
beyond all bounds, the rest is rounded to the nearest whole number, half to even. Integers are taken as they are and
clipped before anything is computed from them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from privacy.dp.lots import Lots, draw

PERSON = "person_id"
ROW_TOKEN = "row_token"  # noqa: S105 - the name of a column

Ints = npt.NDArray[np.signedinteger]
Truths = npt.NDArray[np.bool_]

_NARROW = ((np.int8, 2**7), (np.int16, 2**15), (np.int32, 2**31))


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """A column of labels, ascending: row i holds `labels[numbers[i]]`, or nothing where the number is -1."""

    labels: tuple[str, ...] = field(repr=False)
    numbers: Ints = field(repr=False)

    def places(self, wanted: Mapping[str, int]) -> npt.NDArray[np.int64]:
        """Give for each number of a label its place in `wanted`, -1 for none; the last entry is that of no label."""
        return np.array([*(wanted.get(label, -1) for label in self.labels), -1], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """A column of whole numbers; `known` is None where every row has a value."""

    values: Ints = field(repr=False)
    known: Truths | None = field(repr=False)

    def take(self, places: Ints) -> "Numbers":
        """Give some of the rows."""
        return Numbers(self.values.take(places), None if self.known is None else self.known.take(places))


@dataclass(frozen=True, slots=True, eq=False)
class PersonRows:
    """All rows of a mart that have a person and a token; a person's rows lie together, in the order of their lots.

    `people` are numbers from 0 that never fall from one row to the next; `lots` has one lot a person.
    """

    people: npt.NDArray[np.int32] = field(repr=False)
    lots: Lots = field(repr=False)
    codes: Mapping[str, Codes] = field(repr=False)
    numbers: Mapping[str, Numbers] = field(repr=False)

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self.people)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held, without the labels."""
        held = self.people.nbytes + self.lots.nbytes + sum(codes.numbers.nbytes for codes in self.codes.values())
        for column in self.numbers.values():
            held += column.values.nbytes + (0 if column.known is None else column.known.nbytes)
        return held


def decode(table: pa.Table, secret: bytes, *, labels: Sequence[str], numbers: Sequence[str]) -> PersonRows:
    """Decode rows and put them into their order, which the order in the table has no part in.

    Args:
        table: person_id, row_token (unique) and the columns named.
        secret: What lots are drawn under, 32 bytes.
        labels: The columns of strings, truth values or days; truth values become false and true, days ISO 8601.
        numbers: The columns of numbers.
    """
    there = table.filter(pc.and_(pc.is_valid(table[PERSON]), pc.is_valid(table[ROW_TOKEN])))
    ids, people = _encoded(there[PERSON])
    lots = draw((name.encode() for name in ids), secret, b"person").astype(np.uint32)
    order = np.lexsort((draw(_bytes(there[ROW_TOKEN]), secret, b"row"), people))
    return PersonRows(
        people[order].astype(np.int32),
        lots,
        {name: _codes(there[name], order) for name in labels},
        {name: _numbers(there[name], order) for name in numbers},
    )


def _bytes(column: pa.ChunkedArray) -> list[bytes]:
    found: list[bytes] = column.cast(pa.large_binary()).to_pylist()
    return found


def _encoded(column: pa.ChunkedArray) -> tuple[list[str], Ints]:
    whole = column.combine_chunks()
    encoded = whole.dictionary_encode() if not pa.types.is_dictionary(whole.type) else whole
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    numbers = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return encoded.dictionary.to_pylist(), numbers


def _codes(column: pa.ChunkedArray, order: Ints) -> Codes:
    labels, numbers = _encoded(column.cast(pa.string()))
    narrow = next(kind for kind, most in _NARROW if len(labels) < most)
    ascending = sorted(range(len(labels)), key=labels.__getitem__)
    ranks: Ints = np.full(len(labels) + 1, -1, narrow)
    ranks[ascending] = np.arange(len(labels))
    return Codes(tuple(labels[place] for place in ascending), ranks[numbers[order]])


def _numbers(column: pa.ChunkedArray, order: Ints) -> Numbers:
    if pa.types.is_floating(column.type):
        column = _whole(column)
    known = None if column.null_count == 0 else column.is_valid().to_numpy()[order]
    values = column.cast(pa.int64()).fill_null(0).to_numpy()
    return Numbers(values[order], known)


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    values = column.to_numpy()
    inside = np.clip(np.nan_to_num(values), -(2**62), 2**62)
    return pa.chunked_array([pa.array(np.rint(inside).astype(np.int64), mask=np.isnan(values))])
