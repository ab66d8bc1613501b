"""Which pairs of records are worth a comparison: those that share a token, or two, that few records share."""

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.fuzzy.layout import Layout, Rows

Rule = tuple[int, ...]
"""The places of one or two tokens of a layout; records that have them in common are compared."""

Keys = NDArray[np.uint64]

_PAIRS_PER_RECORD = 100
LOOKED_AT = 20_000
"""From so many records the rules are chosen."""

LARGEST_BLOCK = 1_000
"""A larger block is left out."""

_SAMPLED_PAIRS = 600_000
_PAIRS_AT_ONCE = 500_000
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def choose_rules(layout: Layout, rows: Rows, records: int) -> list[Rule]:
    """Choose rules from a sample of rows: the most selective ones, as long as they make 100 pairs a record.

    Args:
        layout: Of the rows.
        rows: A sample without order, of all records.
        records: How many records there are in all.
    """
    scale = (records / max(len(rows), 1)) ** 2
    sized = sorted((_pairs(keys_of(rows, rule)) * scale, rule) for rule in _possible_rules(layout))
    chosen: dict[Rule, float] = {}
    for pairs, rule in sized:
        # What a coarser rule brings, the finer ones need not bring again.
        kept = {other: cost for other, cost in chosen.items() if not _implies(layout, other, rule)} | {rule: pairs}
        if sum(kept.values()) > _PAIRS_PER_RECORD * records:
            break
        chosen = kept
    return list(chosen)


def build_pairs(rows: DataFrame, layout: Layout) -> DataFrame:
    """The pairs to look at: low and high (numbers, low < high), and whether they are blocked or only sampled.

    Blocked pairs share the tokens of a rule; a block of more than 1,000 records is left out, for what so many
    share says little. Sampled pairs are about 600,000 drawn from all pairs alike (all of them, where there are fewer):
    what strangers look like is learned from these.
    """
    records = rows.count()
    sample = rows.orderBy(order_of_sample(), "record_id").limit(LOOKED_AT).select("packed").toArrow()
    rules = choose_rules(layout, layout.rows(sample["packed"]), records)

    def keys(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            packed = layout.rows(batch["packed"])
            numbers = batch["number"].to_numpy()
            for place, rule in enumerate(rules):
                of_rule = keys_of(packed, rule)
                there = of_rule != 0
                kinds = np.full(int(there.sum()), place, np.int32)
                yield pa.RecordBatch.from_pydict(
                    {"rule": kinds, "key": of_rule[there].view(np.int64), "number": numbers[there]}
                )

    blocks = (
        rows.select("number", "packed")
        .mapInArrow(keys, "rule INT, key BIGINT, number BIGINT")
        .groupBy("rule", "key")
        .agg(F.sort_array(F.collect_list("number")).alias("numbers"))
        .where(F.size("numbers").between(2, LARGEST_BLOCK))
        .select("numbers", F.lit(True).alias("blocked"))
    )
    drawn = (
        rows.select(bucket_of_sample(records).alias("bucket"), "number")
        .groupBy("bucket")
        .agg(F.sort_array(F.collect_list("number")).alias("numbers"))
        .select("numbers", F.lit(False).alias("blocked"))
    )
    return (
        blocks.unionByName(drawn)
        .mapInArrow(pairs_of_blocks, "low BIGINT, high BIGINT, blocked BOOLEAN")
        .groupBy("low", "high")
        .agg(F.bool_or("blocked").alias("blocked"))
    )


def order_of_sample() -> Column:
    """An order of the records that has nothing to do with what they hold."""
    return F.xxhash64("record_id")


def bucket_of_sample(records: int) -> Column:
    """The bucket of a record: the sampled pairs are those inside buckets."""
    in_common = min(records, 1 + 2 * _SAMPLED_PAIRS / max(records, 1))
    return F.pmod(F.xxhash64("record_id", F.lit("sample")), F.lit(max(1, round(records / in_common))))


def pairs_of_blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The pairs (low, high, blocked) inside blocks (numbers, sorted; blocked)."""
    for batch in batches:
        sizes = batch["numbers"].value_lengths().to_numpy()
        starts, members = np.cumsum(sizes) - sizes, batch["numbers"].flatten().to_numpy()
        blocked = batch["blocked"].to_numpy(zero_copy_only=False)
        for size in np.unique(sizes):
            of_size = sizes == size
            low, high = np.triu_indices(size, 1)
            # Blocks of one size go together, and not so many that their pairs would fill the memory.
            for part in np.array_split(np.flatnonzero(of_size), 1 + of_size.sum() * len(low) // _PAIRS_AT_ONCE):
                table = members[starts[part][:, None] + np.arange(size)]
                marks = np.repeat(blocked[part], len(low))
                yield pa.RecordBatch.from_pydict(
                    {"low": table[:, low].ravel(), "high": table[:, high].ravel(), "blocked": marks}
                )


def _possible_rules(layout: Layout) -> list[Rule]:
    """Each token alone, and each two of different traits."""
    places = range(len(layout.tokens))
    traits = [name.split(".")[0] for name in layout.tokens]
    return [*((place,) for place in places), *((a, b) for a, b in combinations(places, 2) if traits[a] != traits[b])]


def _implies(layout: Layout, rule: Rule, other: Rule) -> bool:
    """Whether records that meet `rule` also meet `other`: a whole in common has all its parts in common."""
    names = [layout.tokens[place] for place in rule]
    return all(any(layout.tokens[o] == n or layout.tokens[o].startswith(f"{n}.") for n in names) for o in other)


def keys_of(rows: Rows, rule: Rule) -> Keys:
    """One key a row, equal where the rule's tokens are; 0 where one is missing."""
    tokens: Any = rows["tokens"]
    key: Keys = tokens[:, rule[0]].copy()
    for place in rule[1:]:
        more = tokens[:, place]
        key = np.where((key != 0) & (more != 0), (key * _SPREAD) ^ (more >> np.uint64(1)), np.uint64(0))
    return key


def _pairs(keys: Keys) -> int:
    _, sizes = np.unique(keys[keys != 0], return_counts=True)
    return int((sizes * (sizes - 1) // 2).sum())
