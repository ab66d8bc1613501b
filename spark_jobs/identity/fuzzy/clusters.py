"""Groups of records that are one person: average linkage inside the components of likely pairs.

Connected components alone over-merge: one false link joins two people, and each record joined brings more. Here two
groups join only while the log odds, averaged over *all* pairs between them (those never linked too), are above zero;
so a chain does not hold, and a group of clear members outvotes a false link (Sokal, Michener: A Statistical Method
for Evaluating Systematic Relationships, 1958; the greedy form of correlation clustering, Bansal, Blum, Chawla 2004).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.fuzzy.comparison import chunks, compare, log_share
from spark_jobs.identity.fuzzy.layout import Layout, Rows
from spark_jobs.identity.fuzzy.weights import Floats, Weights

Places = NDArray[np.int64]

_LOUDEST = 6.0
"""Log odds are cut here in either direction: no single pair outweighs a group."""

_ROUNDING = 1e-9
_LARGEST_COMPONENT = 200
_WEAKEST_PART = 0.2
_RECORDS_PER_TASK = 5_000


def build_groups(links: DataFrame, rows: DataFrame, layout: Layout, weights: Weights) -> DataFrame:
    """One row a linked record: number, first (the smallest number of its group) and weight.

    The weight is the mean of the scores of the pairs of the record with the others of its group, null if it is alone.

    Args:
        links: Likely pairs: low, high, score.
        rows: The records: number, record_id, packed.
        layout: Of the rows.
        weights: What pairs inside a component are scored with.
    """
    linked = linked_numbers(links.select("low", "high").toArrow())
    components = rows.sparkSession.createDataFrame(linked)
    task = F.pmod(F.xxhash64("component"), F.lit(max(1, len(linked) // _RECORDS_PER_TASK))).alias("task")
    members = rows.join(components, on="number", how="inner").select(task, "number", "packed")
    of_components = links.join(components.withColumnRenamed("number", "low"), on="low", how="inner").select(
        task, "low", "high", "score"
    )

    def cluster_task(of_members: pa.Table, of_links: pa.Table) -> pa.Table:
        return clustered(layout, weights, of_members, of_links)

    return (
        members.groupBy("task")
        .cogroup(of_components.groupBy("task"))
        .applyInArrow(cluster_task, "number BIGINT, first BIGINT, weight DOUBLE")
    )


def named_groups(rows: DataFrame, groups: DataFrame) -> DataFrame:
    """One row a record: record_id, cluster (the smallest of its group) and weight; who is in no group is alone."""
    named = rows.selectExpr("number AS first", "record_id AS cluster")
    return (
        rows.select("number", "record_id")
        .join(groups, on="number", how="left")
        .withColumn("first", F.coalesce("first", "number"))
        .join(named, on="first", how="inner")
        .select("record_id", "cluster", "weight")
    )


def linked_numbers(links: pa.Table) -> pa.Table:
    """The ends of links (low, high), each once: number, and component, the same for all that hang together."""
    ends = np.concatenate([links["low"].to_numpy(), links["high"].to_numpy()])
    numbers, places = np.unique(ends, return_inverse=True)
    return pa.table({"number": numbers, "component": _components(len(numbers), *np.split(places, 2))})


def grouped(scores: Floats) -> Places:
    """Group records so that no two groups are more likely one, and no record belongs rather to another group.

    Two steps take turns, and each raises the sum of the scores inside groups, so they come to an end: groups join
    while the mean of the scores between them is above zero, the highest mean first; then single records move to where
    they add most, or out. The moves make good what a false link that was joined first has spoiled.

    Args:
        scores: Log odds of each pair of n records, symmetric; the diagonal is zero.

    Returns:
        The place of the first record of each record's group. Ties go to the smaller places.

    >>> grouped(np.array([[0, 5, -9], [5, 0, 4], [-9, 4, 0]])).tolist()  # a chain of three does not hold
    [0, 0, 2]
    """
    group = np.arange(len(scores))
    moved = True
    while moved:
        group = _joined(scores, group)
        group, moved = _settled(scores, group)
    return group


def _joined(scores: Floats, group: Places) -> Places:
    names, place = np.unique(group, return_inverse=True)
    inside = np.eye(len(names))[place]
    sizes = inside.sum(axis=0)
    means = inside.T @ scores @ inside / np.outer(sizes, sizes)
    np.fill_diagonal(means, -np.inf)
    target = np.arange(len(names))
    while len(names) > 1:
        kept, gone = np.unravel_index(int(np.argmax(means)), means.shape)
        if means[kept, gone] <= _ROUNDING:
            break
        merged = (sizes[kept] * means[kept] + sizes[gone] * means[gone]) / (sizes[kept] + sizes[gone])
        means[kept], means[:, kept] = merged, merged
        means[kept, kept] = means[gone] = means[:, gone] = -np.inf
        sizes[kept] += sizes[gone]
        target[target == gone] = kept
    joined: Places = names[target][place]
    return joined


def _settled(scores: Floats, group: Places) -> tuple[Places, bool]:
    """Move one record at a time, the one that gains most, and say whether any moved."""
    everyone = np.arange(len(scores))
    # One more group than there are records, so that there is always an empty one to move out to.
    names, place = np.unique(group, return_inverse=True)
    drawn = np.zeros((len(scores), len(names) + len(scores)))
    np.add.at(drawn.T, place, scores)
    moved = False
    while True:
        gains = drawn - drawn[everyone, place][:, None]
        record, to = np.unravel_index(int(np.argmax(gains)), gains.shape)
        if gains[record, to] <= _ROUNDING:
            break
        drawn[:, to] += scores[:, record]
        drawn[:, place[record]] -= scores[:, record]
        place[record], moved = to, True
    _, first, back = np.unique(place, return_index=True, return_inverse=True)
    return first[back], moved


def split_components(size: int, low: Places, high: Places, scores: Floats) -> Places:
    """Label each of `size` records with its component (its smallest place), none of more than 200 records.

    In a component that is larger the weakest fifth of its links is given up, and again, until none is: what is compared
    pair by pair inside a component grows with the square of it.
    """
    while True:
        component = _components(size, low, high)
        large = np.bincount(component, minlength=size)[component[low]] > _LARGEST_COMPONENT
        if not large.any():
            return component
        kept = ~large
        # Each component has its own weakest fifth, so that no component depends on the others.
        for label in np.unique(component[low[large]]):
            inside = component[low] == label
            kept |= inside & (scores > np.quantile(scores[inside], _WEAKEST_PART))
        low, high, scores = low[kept], high[kept], scores[kept]


def _components(size: int, low: Places, high: Places) -> Places:
    label = np.arange(size)
    while True:
        smaller = label.copy()
        np.minimum.at(smaller, low, label[high])
        np.minimum.at(smaller, high, label[low])
        smaller = np.minimum(smaller, smaller[smaller])
        if np.array_equal(smaller, label):
            return label
        label = smaller


def clustered(layout: Layout, weights: Weights, of_members: pa.Table, of_links: pa.Table) -> pa.Table:
    """The group of each member of some components, as the number of its first member, and its weight in there."""
    numbers = of_members["number"].to_numpy()
    order = np.argsort(numbers)
    numbers, rows = numbers[order], layout.rows(of_members["packed"])[order]
    low, high = (np.searchsorted(numbers, of_links[side].to_numpy()) for side in ("low", "high"))
    by_ends = np.lexsort((high, low))
    component = split_components(len(numbers), low[by_ends], high[by_ends], of_links["score"].to_numpy()[by_ends])
    first, mean = np.arange(len(numbers)), np.full(len(numbers), np.nan)
    for members, scores in _scored(layout, weights, rows, component):
        group = grouped(scores)
        together = group[:, None] == group
        others = together.sum(axis=1) - 1
        first[members] = members[group]
        mean[members] = np.where(others > 0, (scores * together).sum(axis=1) / np.maximum(others, 1), np.nan)
    return pa.table({"number": numbers, "first": numbers[first], "weight": pa.array(mean, from_pandas=True)})


def _scored(layout: Layout, weights: Weights, rows: Rows, component: Places) -> Iterator[tuple[Places, Any]]:
    """The members of each component of two or more, with the scores of all pairs between them."""
    order = np.argsort(component, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(component[order]) != 0])
    groups = [members for members in np.split(order, starts[1:]) if len(members) > 1]
    if not groups:
        return
    corners = [np.triu_indices(len(members), 1) for members in groups]
    low = np.concatenate([members[i] for members, (i, _) in zip(groups, corners, strict=True)])
    high = np.concatenate([members[j] for members, (_, j) in zip(groups, corners, strict=True)])
    scores = np.empty(len(low))
    for chunk in chunks(len(low)):
        levels = compare(layout, rows[low[chunk]], rows[high[chunk]])
        scores[chunk] = weights.scores(layout, levels, log_share(layout, levels, rows[low[chunk]]))
    scores = np.clip(scores, -_LOUDEST, _LOUDEST)
    start = 0
    for members, (i, j) in zip(groups, corners, strict=True):
        square = np.zeros((len(members), len(members)))
        square[i, j] = square[j, i] = scores[start : start + len(i)]
        start += len(i)
        yield members, square
