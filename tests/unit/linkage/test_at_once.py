"""What is promised of matching on one machine: the planted people, in any order of the records."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from privacy.linkage import EncodedRecord, Encoder
from spark_jobs.identity.evaluation import score
from spark_jobs.identity.fuzzy.at_once import groups_at_once, pairs_at_once
from spark_jobs.identity.fuzzy.layout import Layout, packed_rows
from tests.unit.linkage.keys import Keys
from tests.unit.linkage.made_up import people

ENCODINGS = pa.map_(pa.string(), pa.binary())


def rows_of(encoded: list[EncodedRecord]) -> tuple[pa.Table, Layout]:
    """The rows of records as Spark makes them; all are in one bucket of the sample."""
    layout = Layout.of({f for e in encoded for f in e.filters}, {t for e in encoded for t in e.tokens})
    counts = {trait: Counter(e.tokens.get(trait) for e in encoded) for trait in layout.traits}
    there = {trait: len(encoded) - counts[trait][None] for trait in layout.traits}
    shares = [
        [(t, float(np.log(counts[t][e.tokens[t]] / there[t]))) for t in layout.traits if t in e.tokens] for e in encoded
    ]
    packed = packed_rows(
        layout,
        pa.array([list(e.tokens.items()) for e in encoded], ENCODINGS),
        pa.array([list(e.filters.items()) for e in encoded], ENCODINGS),
        pa.array(shares, pa.map_(pa.string(), pa.float32())),
    )
    numbers = np.arange(len(encoded), dtype=np.int64) * 3 + 7
    rows = {"number": numbers, "packed": pa.array([row.tobytes() for row in packed], pa.binary())}
    return pa.table({**rows, "order": numbers[::-1], "bucket": np.zeros(len(encoded), np.int64)}), layout


@pytest.fixture(scope="module")
def made() -> tuple[pa.Table, Layout, list[str]]:
    records, owners = people(250, seed=4)
    encoder = Encoder(Keys("one"))
    rows, layout = rows_of([encoder.encode(record) for record in records])
    return rows, layout, owners


def labels(groups: pa.Table, numbers: list[int]) -> list[str]:
    first = dict(zip(groups["number"].to_pylist(), groups["first"].to_pylist(), strict=True))
    return [str(first.get(number, number)) for number in numbers]


def test_planted_people_are_found(made):
    rows, layout, owners = made
    found = score(labels(groups_at_once(rows, layout), rows["number"].to_pylist()), owners)
    assert found.precision > 0.97
    assert found.recall > 0.9
    assert found.largest_cluster <= 2 * found.true_largest


def test_the_order_of_the_rows_changes_nothing(made):
    rows, layout, _ = made
    shuffled = rows.take(pa.array(np.random.default_rng(1).permutation(len(rows))))
    assert groups_at_once(shuffled, layout).sort_by("number") == groups_at_once(rows, layout).sort_by("number")


def test_each_pair_is_looked_at_once(made):
    rows, layout, _ = made
    pairs = pairs_at_once(rows, layout)
    ends = list(zip(pairs["low"].to_pylist(), pairs["high"].to_pylist(), strict=True))
    assert len(set(ends)) == len(ends) == len(rows) * (len(rows) - 1) // 2
    assert all(low < high for low, high in ends)
    assert 0 < sum(pairs["blocked"].to_pylist()) < len(ends)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_records_are_alone_or_together_and_no_error(made, count):
    rows, layout, _ = made
    assert len(groups_at_once(rows.slice(0, count), layout)) in (0, count)
