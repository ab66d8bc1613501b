"""The groups of an answer. They follow from declarations and the asked window, never from the data."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


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

    def combinations(self) -> Iterator[tuple[str, ...]]:
        """Give the groups in the order of their numbers."""
        return itertools.product(*self.values)

    def number(self, rows: pa.Table) -> pa.Array:
        """Give each row's group, int64; null where a key is null or not public.

        Each number depends on its row alone, so leaving out the rows with null keeps all bounds.
        """
        numbers = pa.repeat(pa.scalar(0, pa.int64()), rows.num_rows)
        for name, values in zip(self.names, self.values, strict=True):
            places = pc.index_in(rows[name], value_set=pa.array(values, pa.string()), skip_nulls=True)
            numbers = pc.add(pc.multiply(numbers, len(values)), places.cast(pa.int64()))
        return numbers.combine_chunks() if isinstance(numbers, pa.ChunkedArray) else numbers
