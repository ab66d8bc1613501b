import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from privacy.dp.accounting import sensitivities
from privacy.dp.aggregates import ExactAggregates, aggregate
from privacy.dp.keys import PublicKeys
from privacy.dp.truncation import BoundedContributions, order_key, truncate
from privacy.dp.types import ContributionBounds, IntBounds, Measure

KEY = order_key(b"s" * 32, b"q" * 32)
KEYS = PublicKeys(("channel", "language"), (("web", "app", "chat"), ("zh", "en")))
MEASURES = (
    Measure("count"),
    Measure("persons"),
    Measure("sum", "wait_s", IntBounds(-50, 200)),
    Measure("mean", "wait_s", IntBounds(-50, 200)),
)

Row = tuple[str, str | None, str | None, int | None]
rows_of_one = st.tuples(
    st.sampled_from(["p0", "p1", "p2", "p3"]),
    st.sampled_from(["web", "app", "chat", "fax", None]),
    st.sampled_from(["zh", "en", "fr", None]),
    st.one_of(st.none(), st.integers(-1000, 1000)),
)
marts = st.lists(rows_of_one, max_size=40)
bounds_st = st.builds(ContributionBounds, st.integers(1, 6), st.integers(1, 4))


def table(rows: Sequence[Row]) -> pa.Table:
    """A mart whose row tokens follow from the rows' places, so that they stay when others leave."""
    return with_tokens([(*row, f"t{n}") for n, row in enumerate(rows)])


def with_tokens(rows: Sequence[tuple[str, str | None, str | None, int | None, str]]) -> pa.Table:
    people, channels, languages, waits, tokens = zip(*rows, strict=True) if rows else ((),) * 5
    return pa.table(
        {
            "person_id": pa.array(people, pa.string()),
            "row_token": pa.array(tokens, pa.string()),
            "channel": pa.array(channels, pa.string()),
            "language": pa.array(languages, pa.string()),
            "wait_s": pa.array(waits, pa.int64()),
        }
    )


def exact(rows: pa.Table, bounds: ContributionBounds, key: str = KEY) -> ExactAggregates:
    return aggregate(truncate(rows, KEYS, bounds, key), MEASURES)


@settings(max_examples=300, deadline=None)
@given(marts, bounds_st)
def test_no_person_brings_more_than_k_groups_and_l_rows(rows: list[Row], bounds: ContributionBounds) -> None:
    for person in {row[0] for row in rows}:
        alone = table([row for row in rows if row[0] == person])
        kept = truncate(alone, KEYS, bounds, KEY)
        per_group = Counter(kept.cells.tolist())
        assert len(per_group) <= bounds.groups
        assert all(n <= bounds.rows for n in per_group.values())


@settings(max_examples=200, deadline=None)
@given(marts, bounds_st)
def test_every_person_keeps_as_much_as_the_bounds_allow(rows: list[Row], bounds: ContributionBounds) -> None:
    public = [r for r in rows if r[1] in KEYS.values[0] and r[2] in KEYS.values[1]]
    expected = 0
    for person in {row[0] for row in public}:
        groups = Counter((r[1], r[2]) for r in public if r[0] == person)
        assume(len(groups) <= bounds.groups)
        expected += sum(min(n, bounds.rows) for n in groups.values())
    assert len(truncate(table(rows), KEYS, bounds, KEY).cells) == expected


@settings(max_examples=200, deadline=None)
@given(marts, bounds_st, st.randoms(use_true_random=False))
def test_result_is_the_same_in_any_order_of_rows(
    rows: list[Row], bounds: ContributionBounds, rng: random.Random
) -> None:
    there = [(*row, f"t{n}") for n, row in enumerate(rows)]
    shuffled = rng.sample(there, len(there))
    one, other = exact(with_tokens(there), bounds), exact(with_tokens(shuffled), bounds)
    for left, right in zip(one.vectors, other.vectors, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


@settings(max_examples=500, deadline=None)
@given(marts, bounds_st, st.sampled_from(["p0", "p1", "p2", "p3"]))
def test_neighbouring_marts_differ_by_at_most_the_sensitivity(
    rows: list[Row], bounds: ContributionBounds, person: str
) -> None:
    there = [(*row, f"t{n}") for n, row in enumerate(rows)]
    with_person = exact(with_tokens(there), bounds)
    without = exact(with_tokens([row for row in there if row[0] != person]), bounds)
    for measure, left, right in zip(MEASURES, with_person.vectors, without.vectors, strict=True):
        allowed = sensitivities(measure, bounds)
        for vector, other, most in zip(left, right, allowed, strict=True):
            assert float(np.sum((vector - other) ** 2)) <= most**2


def test_sensitivity_is_reached_so_the_bound_is_not_loose() -> None:
    bounds = ContributionBounds(groups=2, rows=3)
    greedy = [("p", c, lang, 10**6) for c in KEYS.values[0] for lang in KEYS.values[1] for _ in range(5)]
    full = exact(table(greedy), bounds)
    for measure, vectors in zip(MEASURES, full.vectors, strict=True):
        for vector, most in zip(vectors, sensitivities(measure, bounds), strict=True):
            assert float(np.sqrt(np.sum(vector**2))) == pytest.approx(most)


def test_which_rows_stay_depends_on_the_secret_and_on_the_question() -> None:
    rows = [("p", "web", "zh", n) for n in range(60)]
    bounds = ContributionBounds(1, 5)

    def kept(key: str) -> list[int]:
        waits: list[int] = truncate(table(rows), KEYS, bounds, key).columns["wait_s"].to_pylist()
        return sorted(waits)

    keys = [order_key(b"s" * 32, b"q"), order_key(b"t" * 32, b"q"), order_key(b"s" * 32, b"r")]
    chosen = [kept(key) for key in keys]
    assert chosen[0] == kept(keys[0])
    assert len({tuple(c) for c in chosen}) == 3


def test_which_groups_stay_differs_from_person_to_person() -> None:
    rows = [(f"p{n}", c, "zh", 1) for n in range(200) for c in KEYS.values[0]]
    kept: Counter[int] = Counter(truncate(table(rows), KEYS, ContributionBounds(1, 1), KEY).cells.tolist())
    assert set(kept.values()) and min(kept[n] for n in (0, 2, 4)) > 30


def test_rows_outside_the_public_keys_or_without_a_person_are_left_out() -> None:
    rows = [("p0", "fax", "zh", 1), ("p1", None, "zh", 1), ("p2", "web", "fr", 1), ("p3", "web", "zh", 1)]
    nobody = table(rows).set_column(0, "person_id", pa.array([None, "p1", "p2", "p3"], pa.string()))
    counts = exact(nobody, ContributionBounds(4, 4)).vectors[0][0]
    assert counts.tolist() == [1, 0, 0, 0, 0, 0]


def test_rows_outside_the_public_keys_do_not_use_up_a_persons_groups() -> None:
    rows = [("p", "fax", "zh", 1), ("p", None, "zh", 1), ("p", "web", "fr", 1), ("p", "chat", "en", 1)]
    assert exact(table(rows), ContributionBounds(1, 1)).vectors[0][0].tolist() == [0, 0, 0, 0, 0, 1]


def test_missing_values_take_part_in_neither_sum_nor_mean_and_values_are_clipped() -> None:
    rows = [("p0", "web", "zh", None), ("p1", "web", "zh", 900), ("p2", "web", "zh", -900)]
    count, persons, total, mean = exact(table(rows), ContributionBounds(1, 1)).vectors
    assert (count[0][0], persons[0][0], total[0][0]) == (3, 3, 150)
    assert (mean[0][0], mean[1][0]) == (150 - 2 * 75, 2)


def test_every_combination_of_public_keys_is_there_when_nobody_is() -> None:
    assert [v.tolist() for vs in exact(table([]), ContributionBounds(2, 2)).vectors for v in vs] == [[0] * 6] * 5
    assert list(KEYS.combinations())[:2] == [("web", "zh"), ("web", "en")]


def test_questions_at_the_same_time_never_see_each_others_rows() -> None:
    marts_at_once = [table([(f"p{n}", "web", "zh", 1) for n in range(size)]) for size in range(1, 65)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda mart: exact(mart, ContributionBounds(1, 1)).vectors[0][0][0], marts_at_once))
    assert found == list(range(1, 65))


def test_only_truncation_and_aggregation_build_what_they_guarantee() -> None:
    none = np.zeros(0, np.int64)
    with pytest.raises(TypeError):
        BoundedContributions(none, none, pa.table({}), ContributionBounds(1, 1), KEYS)
    with pytest.raises(TypeError):
        ExactAggregates(MEASURES, ContributionBounds(1, 1), KEYS, ())


def test_secret_numbers_are_not_in_representations() -> None:
    found = exact(table([("p0", "web", "zh", 7)] * 3), ContributionBounds(2, 2))
    assert "array" not in repr(found)
