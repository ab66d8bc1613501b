import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from privacy.dp import truncation
from privacy.dp.accounting import sensitivities
from privacy.dp.aggregates import Asked, ExactAggregates
from privacy.dp.lots import order_key
from privacy.dp.truncation import BoundedContributions, truncate
from privacy.dp.types import ContributionBounds, Measure
from tests.unit.dp.marts import (
    ALL_MEASURES,
    KEY,
    KEYS,
    MEASURES,
    SECRET,
    WAIT,
    Row,
    bounded,
    contributions,
    decoded,
    exact,
    exact_candidates,
    found_in,
    table,
    with_tokens,
)

rows_of_one = st.tuples(
    st.sampled_from(["p0", "p1", "p2", "p3"]),
    st.sampled_from(["web", "app", "chat", "fax", None]),
    st.sampled_from(["zh", "en", "fr", None]),
    st.one_of(st.none(), st.integers(-1000, 1000)),
)
marts = st.lists(rows_of_one, max_size=40)
bounds_st = st.builds(ContributionBounds, st.integers(1, 6), st.integers(1, 4))


@settings(max_examples=300, deadline=None)
@given(marts, bounds_st)
def test_no_person_brings_more_than_k_groups_and_l_rows(rows: list[Row], bounds: ContributionBounds) -> None:
    for person in {row[0] for row in rows}:
        alone = table([row for row in rows if row[0] == person])
        kept = bounded(alone, bounds).rows
        assert kept is not None
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
    assert bounded(table(rows), bounds).rows_by_cell.sum() == expected


@settings(max_examples=200, deadline=None)
@given(marts, bounds_st, st.randoms(use_true_random=False))
def test_result_is_the_same_in_any_order_of_rows(
    rows: list[Row], bounds: ContributionBounds, rng: random.Random
) -> None:
    there = [(*row, f"t{n}") for n, row in enumerate(rows)]
    shuffled = rng.sample(there, len(there))
    one, other = (exact(with_tokens(mart), bounds, ALL_MEASURES) for mart in (there, shuffled))
    for left, right in zip(one.vectors, other.vectors, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


@settings(max_examples=500, deadline=None)
@given(marts, bounds_st, st.sampled_from(["p0", "p1", "p2", "p3"]))
def test_neighbouring_marts_differ_by_at_most_the_sensitivity(
    rows: list[Row], bounds: ContributionBounds, person: str
) -> None:
    there = [(*row, f"t{n}") for n, row in enumerate(rows)]
    with_person = exact(with_tokens(there), bounds, ALL_MEASURES)
    without = exact(with_tokens([row for row in there if row[0] != person]), bounds, ALL_MEASURES)
    for measure, left, right in zip(ALL_MEASURES, with_person.vectors, without.vectors, strict=True):
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

    def kept(secret: bytes) -> list[int]:
        own = truncate(contributions(table(rows), secret=secret), KEYS, bounds, KEY, with_rows=True).rows
        assert own is not None
        return sorted(own.columns["wait_s"].values.tolist())

    assert kept(SECRET) == kept(SECRET)
    assert kept(SECRET) != kept(b"t" * 32)
    groups = [("p", channel, language, 1) for channel in KEYS.values[0] for language in KEYS.values[1]]
    chosen = [
        bounded(table(groups), bounds, order_key(SECRET, question)).rows_by_cell for question in (b"q", b"r", b"v")
    ]
    assert len({tuple(cells.tolist()) for cells in chosen}) > 1


def test_which_groups_stay_differs_from_person_to_person() -> None:
    rows = [(f"p{n}", c, "zh", 1) for n in range(200) for c in KEYS.values[0]]
    kept = bounded(table(rows), ContributionBounds(1, 1)).rows_by_cell
    assert kept[[0, 2, 4]].min() > 30 and kept.sum() == 200


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
        BoundedContributions(none, none, None, none, none, ContributionBounds(1, 1), KEYS)
    with pytest.raises(TypeError):
        ExactAggregates(Asked(MEASURES, ContributionBounds(1, 1)), KEYS, (), None, None)


def test_secret_numbers_are_not_in_representations() -> None:
    found = exact(table([("p0", "web", "zh", 7)] * 3), ContributionBounds(2, 2))
    assert "array" not in repr(found)


@settings(max_examples=200, deadline=None)
@given(marts, bounds_st)
def test_matrix_and_list_of_pairs_keep_the_same_rows(rows: list[Row], bounds: ContributionBounds) -> None:
    there = contributions(table(rows))
    inside = there.take(np.flatnonzero(there.cells >= 0))
    salts = KEYS.salts(KEY)
    dense, sparse = (bound(inside, salts, bounds, with_rows=True) for bound in (truncation._dense, truncation._sparse))
    assert all(np.array_equal(left, right) for left, right in zip(dense, sparse, strict=True))


def test_people_with_equal_lots_in_all_groups_stay_within_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound must hold even where the hash is as bad as can be."""
    monkeypatch.setattr(truncation, "mixed", lambda left, right: np.zeros_like(left ^ right))
    rows = [("p", channel, language, 1) for channel in KEYS.values[0] for language in KEYS.values[1]]
    there, bounds = contributions(table(rows)), ContributionBounds(2, 1)
    for bound in (truncation._dense, truncation._sparse):
        assert bound(there, KEYS.salts(KEY), bounds, with_rows=False)[0].sum() <= 2


def test_lot_of_a_group_does_not_depend_on_where_its_keys_come_from() -> None:
    """Public and found groups draw the same lots, so engines that find groups in parts agree."""
    mart = table([(f"p{n}", c, lang, n) for n in range(9) for c in KEYS.values[0] for lang in KEYS.values[1]])
    rows, keys = found_in(mart)
    found = truncate(rows, keys, ContributionBounds(2, 1), KEY, with_rows=False)
    public = bounded(mart, ContributionBounds(2, 1))
    by_label = dict(zip(KEYS.combinations(), public.rows_by_cell.tolist(), strict=True))
    assert {keys.combination(n): found.rows_by_cell[n] for n in range(keys.size)} == by_label


def test_which_rows_stay_has_nothing_to_do_with_their_value_or_time() -> None:
    """1,000 people with 10 rows each of values 0 to 9, 3 stay: the mean of what stays is that of all."""
    rows = [(f"p{person}", "web", "zh", value) for person in range(1000) for value in range(10)]
    kept = bounded(table(rows), ContributionBounds(1, 3)).rows
    assert kept is not None and len(kept.cells) == 3000
    spread = 5 * 2.87 / np.sqrt(3000)
    assert abs(float(kept.columns["wait_s"].values.mean()) - 4.5) < spread


def test_found_groups_are_those_that_rows_hold_in_the_order_of_their_labels() -> None:
    rows = [("p0", "web", "zh", 1), ("p1", "fax", "en", 1), ("p2", "app", None, 1), ("p3", "web", "zh", 1)]
    found = exact_candidates(table(rows), ContributionBounds(2, 2))
    assert [found.keys.combination(n) for n in range(found.keys.size)] == [("fax", "en"), ("web", "zh")]
    assert found.persons is not None and found.persons.tolist() == [1, 2]


def test_dropped_rows_are_counted_up_to_the_most_of_a_person() -> None:
    rows = [("p0", "web", "zh", 1)] * 10 + [("p1", "web", "zh", 1)]
    dropped = exact(table(rows), ContributionBounds(1, 3), most_rows=8).dropped
    assert dropped is not None and dropped.tolist() == [4, 5]


@settings(max_examples=200, deadline=None)
@given(marts, bounds_st, st.integers(1, 12))
def test_one_person_moves_kept_and_dropped_rows_by_at_most_their_most(
    rows: list[Row], bounds: ContributionBounds, most: int
) -> None:
    there = [(*row, f"t{n}") for n, row in enumerate(rows)]
    marts_of_two = (there, [row for row in there if row[0] != "p0"])
    left, right = (exact(with_tokens(mart), bounds, most_rows=most).dropped for mart in marts_of_two)
    assert left is not None and right is not None
    assert float(np.sum((left - right) ** 2)) <= most**2


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.array([1, None, 3, -(2**63), 2**63 - 1], pa.int64()), [1, None, 3, -(2**63), 2**63 - 1]),
        (pa.array([1.5, None, float("nan"), float("-inf"), float("inf")]), [2, None, None, -(2**62), 2**62]),
        (pa.array([2.5, -1e300, 0.0, -0.4, 1e300]), [2, -(2**62), 0, 0, 2**62]),
    ],
)
def test_every_value_has_a_declared_meaning(column: pa.Array, values: list[int | None]) -> None:
    mart = table([(f"p{n}", "web", "zh", 0) for n in range(5)]).set_column(4, "wait_s", column)
    rows = decoded(mart)
    found = rows.numbers["wait_s"]
    known = [True] * 5 if found.known is None else found.known.tolist()
    by_person = {n: value if there else None for n, value, there in zip(rows.people, found.values, known, strict=True)}
    assert [by_person[n] for n in range(5)] == values


def test_extreme_values_are_clipped_before_anything_is_computed() -> None:
    rows = [(f"p{n}", "web", "zh", value) for n, value in enumerate([2**63 - 1, -(2**63), None])]
    found = exact(table(rows), ContributionBounds(1, 1), ALL_MEASURES)
    names = [measure.kind for measure in ALL_MEASURES]
    by_kind = dict(zip(names, found.vectors, strict=True))
    assert by_kind["sum"][0][0] == 150
    assert [vector[0] for vector in by_kind["variance"]] == [125 - 125, 2 * 125**2, 2]
    assert by_kind["histogram"][0][:4].tolist() == [1, 0, 0, 1]
    assert by_kind["ratio"][0][:2].tolist() == [1, 2]


def test_vectors_of_bins_lie_group_by_group() -> None:
    rows = [("p0", "web", "en", 30), ("p1", "web", "en", -50), ("p2", "app", "zh", 200)]
    measure = Measure("histogram", "wait_s", WAIT, (-50, 0, 20, 100))
    ((vector,),) = exact(table(rows), ContributionBounds(1, 1), (measure,)).vectors
    assert vector.reshape(-1, 4)[:3].tolist() == [[0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
