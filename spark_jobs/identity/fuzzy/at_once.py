"""All records in one go on one machine: the same steps as Spark's, without handing records and pairs around."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from spark_jobs.identity.fuzzy.blocking import (
    LARGEST_BLOCK,
    LOOKED_AT,
    bucket_of_sample,
    choose_rules,
    keys_of,
    order_of_sample,
    pairs_of_blocks,
)
from spark_jobs.identity.fuzzy.clusters import clustered, linked_numbers
from spark_jobs.identity.fuzzy.comparison import compared
from spark_jobs.identity.fuzzy.layout import Layout
from spark_jobs.identity.fuzzy.links import learn_from, likely_of

Places = NDArray[np.int64]


def build_groups_at_once(rows: DataFrame, layout: Layout, count: int) -> DataFrame:
    """As `clusters.build_groups`, from the rows alone; `count` says how many there are. It acts."""
    wanted = rows.select("number", "packed", order_of_sample().alias("order"), bucket_of_sample(count).alias("bucket"))
    return rows.sparkSession.createDataFrame(groups_at_once(wanted.toArrow(), layout))


def groups_at_once(rows: pa.Table, layout: Layout) -> pa.Table:
    """Resolve records.

    Args:
        rows: number, packed, order (the first of it are the sample that rules are chosen from) and bucket (records that
            share one are the sampled pairs).
        layout: Of the rows.

    Returns:
        Of each record with a likely pair: number, first (the smallest number of its group), weight.
    """
    rows = rows.sort_by("number").combine_chunks()
    pairs = compared(layout, pairs_at_once(rows, layout), rows)
    weights = learn_from(_counted(pairs), layout, len(rows))
    blocked = pairs.filter(pairs["blocked"]).combine_chunks()
    links = pa.Table.from_batches([likely_of(batch, layout, weights) for batch in blocked.to_batches()], _LINKS)
    members = rows.filter(pc.is_in(rows["number"], linked_numbers(links)["number"].combine_chunks()))
    return clustered(layout, weights, members, links)


_LINKS = pa.schema([("low", pa.int64()), ("high", pa.int64()), ("score", pa.float64())])


def pairs_at_once(rows: pa.Table, layout: Layout) -> pa.Table:
    """The pairs to look at, each once: low, high and blocked, see `blocking.build_pairs`; `rows` sorted by number."""
    packed, count = layout.rows(rows["packed"]), len(rows)
    sample = np.lexsort((np.arange(count), rows["order"].to_numpy()))[:LOOKED_AT]
    rules = choose_rules(layout, packed[sample], count)
    blocked = _distinct(_codes(keys_of(packed, rule), count, LARGEST_BLOCK) for rule in rules)
    drawn = _distinct([_codes(1 + rows["bucket"].to_numpy().astype(np.uint64), count, count)])
    codes = np.union1d(blocked, drawn)
    numbers = rows["number"].to_numpy()
    return pa.table(
        {
            "low": numbers[codes // count],
            "high": numbers[codes % count],
            "blocked": np.isin(codes, blocked, assume_unique=True),
        }
    )


def _codes(keys: NDArray[np.uint64], count: int, largest: int) -> Iterator[Places]:
    """The pairs of places that share a key other than 0, as low * count + high; keys of more places are left out."""
    there = np.flatnonzero(keys)
    # A stable sort: within a key the places stay in their order.
    there = there[np.argsort(keys[there], kind="stable")]
    starts = np.flatnonzero(np.r_[True, np.diff(keys[there]) != 0])[: len(there)]
    sizes = np.diff(np.r_[starts, len(there)])
    fits = (sizes >= 2) & (sizes <= largest)
    members = there[np.repeat(fits, sizes)]
    offsets = np.r_[0, np.cumsum(sizes[fits])].astype(np.int32)
    blocks = pa.ListArray.from_arrays(pa.array(offsets), pa.array(members))
    batch = pa.RecordBatch.from_pydict({"numbers": blocks, "blocked": np.ones(len(blocks), np.bool_)})
    for pairs in pairs_of_blocks([batch]):
        yield pairs["low"].to_numpy() * count + pairs["high"].to_numpy()


def _distinct(codes: Iterable[Iterable[Places]]) -> Places:
    """Each code once, sorted; what one rule found is made distinct before the next one, so that less is held."""
    found: Places = np.empty(0, np.int64)
    for of_rule in codes:
        found = np.union1d(found, np.concatenate([found[:0], *of_rule]))
    return found


def _counted(pairs: pa.Table) -> pa.Table:
    """The patterns of pairs in their order, and how many blocked and sampled pairs have each."""
    patterns, place = np.unique(pairs["pattern"].to_numpy(), return_inverse=True)
    blocked = pairs["blocked"].to_numpy()
    return pa.table(
        {
            "pattern": patterns,
            "blocked": np.bincount(place[blocked], minlength=len(patterns)),
            "drawn": np.bincount(place[~blocked], minlength=len(patterns)),
        }
    )
