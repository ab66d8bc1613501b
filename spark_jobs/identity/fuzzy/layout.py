"""How an encoded record lies in memory while it is compared: one row of numpy, whatever traits it has."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from privacy.linkage import FILTER_BYTES, TRAITS

Rows = NDArray[np.void]

_HEAD_BYTES = 8

_CHAINS = (
    ("country", "state", "birth_place", "city", "postcode", "street", "street_more", "house_number"),
    ("given_name", "gender"),
    ("surname", "email"),
)
"""Traits that go together among strangers too: who shares a postcode shares a city. Each is judged given the one
before it that is there, else two people of one town would look like one person."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The traits and tokens that a set of records has, in a fixed order.

    `parents[i]` is the place of the trait that trait i is judged given, or -1.
    """

    traits: tuple[str, ...]
    tokens: tuple[str, ...]
    parents: tuple[int, ...]

    @staticmethod
    def of(traits: Iterable[str], tokens: Iterable[str]) -> "Layout":
        """Make the layout of records with filters of these traits and these tokens; those unknown are left out."""
        names = set(tokens)
        both = names.intersection(traits)
        known = tuple(trait for trait in TRAITS if trait in both)
        before = {}
        for chain in _CHAINS:
            there = [trait for trait in chain if trait in known]
            before.update(dict(zip(there[1:], there, strict=False)))
        parents = tuple(known.index(before[trait]) if trait in before else -1 for trait in known)
        return Layout(known, tuple(sorted(name for name in names if name.split(".")[0] in known)), parents)

    @property
    def dtype(self) -> np.dtype[np.void]:
        """A record: filters, the first eight bytes of each token (0: none), log share of each trait's value."""
        words = FILTER_BYTES // 8
        return np.dtype(
            [
                ("filters", np.uint64, (len(self.traits), words)),
                ("tokens", np.uint64, (len(self.tokens),)),
                ("log_shares", np.float32, (len(self.traits),)),
            ]
        )

    def rows(self, packed: "pa.ChunkedArray | pa.Array") -> Rows:
        """Return the rows that a binary column holds."""
        joined = b"".join(packed.to_pylist())
        return np.frombuffer(joined, dtype=self.dtype)


def build_layout(records: DataFrame) -> Layout:
    """Find out which traits and tokens `records` (record_id, tokens, filters) have. It acts."""
    names = records.select(F.explode(F.map_keys("filters")).alias("name"), F.lit(True).alias("trait")).unionAll(
        records.select(F.explode(F.map_keys("tokens")), F.lit(False))
    )
    found = names.distinct().collect()
    return Layout.of((r["name"] for r in found if r["trait"]), (r["name"] for r in found if not r["trait"]))


def build_rows(records: DataFrame, layout: Layout) -> DataFrame:
    """One row a record: number (in the order of record_id), record_id, packed (one row of `layout`).

    The share of a value is the part of the records with that trait that have the same token.
    """
    entries = records.select("record_id", F.explode("tokens").alias("name", "token"))
    wholes = entries.where(F.col("name").isin(*layout.traits))
    counts = wholes.groupBy("name", "token").count()
    totals = counts.groupBy("name").agg(F.sum("count").alias("total"))
    shares = counts.join(F.broadcast(totals), on="name", how="inner").selectExpr(
        "name", "token", "cast(ln(count / total) AS float) AS log_share"
    )
    shares_of_records = (
        wholes.join(shares, on=["name", "token"], how="inner")
        .groupBy("record_id")
        .agg(F.map_from_entries(F.collect_list(F.struct("name", "log_share"))).alias("shares"))
    )

    def pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = packed_rows(layout, batch["tokens"], batch["filters"], batch["shares"])
            packed = pa.array([row.tobytes() for row in rows], pa.binary())
            yield pa.RecordBatch.from_arrays([batch["number"], batch["record_id"], packed], names=_NAMES)

    return (
        records.join(shares_of_records, on="record_id", how="left")
        .orderBy("record_id")
        .withColumn("number", F.monotonically_increasing_id())
        .select("number", "record_id", "tokens", "filters", "shares")
        .mapInArrow(pack, "number BIGINT, record_id STRING, packed BINARY")
    )


_NAMES = ["number", "record_id", "packed"]


def packed_rows(layout: Layout, tokens: pa.MapArray, filters: pa.MapArray, shares: pa.MapArray) -> Rows:
    """Pack records: maps of tokens and filters (see `EncodedRecord`) and of log shares by name; a map may be null."""
    rows = np.zeros(len(tokens), dtype=layout.dtype)
    row, place, values = _entries(tokens, layout.tokens)
    heads = _words(pc.binary_slice(values, 0, _HEAD_BYTES), _HEAD_BYTES)[:, 0]
    rows["tokens"][row, place] = np.maximum(heads, 1)
    row, place, values = _entries(filters, layout.traits)
    rows["filters"][row, place] = _words(values, FILTER_BYTES)
    row, place, values = _entries(shares, layout.traits)
    rows["log_shares"][row, place] = values.to_numpy()
    return rows


def _entries(maps: pa.MapArray, names: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64], pa.Array]:
    """The entries of maps whose name is one of `names`: row, place of the name, value."""
    offsets = maps.offsets.to_numpy()
    inside = slice(offsets[0], offsets[-1])
    row = np.repeat(np.arange(len(maps)), np.diff(offsets))
    place = pc.index_in(maps.keys[inside], pa.array(names, pa.string())).fill_null(-1).to_numpy()
    known = place >= 0
    return row[known], place[known].astype(np.int64), maps.items[inside].filter(pa.array(known))


def _words(values: pa.Array, size: int) -> NDArray[np.uint64]:
    """Binary values of `size` bytes each as rows of 64-bit words."""
    return np.frombuffer(b"".join(values.to_pylist()), np.uint64).reshape(-1, size // 8)
