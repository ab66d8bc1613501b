import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.identity.evaluation import score
from spark_jobs.identity.fuzzy.clusters import grouped, linked_numbers, split_components


def square(size: int, seed: int) -> np.ndarray:
    """Symmetric scores, no two of them the same."""
    scores = np.random.default_rng(seed).normal(size=(size, size))
    return (scores + scores.T) / 2 * (1 - np.eye(size))


def groups(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in labels}


def test_a_chain_does_not_hold():
    # Each record is like the next one only: connected components would make one person of all ten.
    scores = np.full((10, 10), -4.0) * (1 - np.eye(10))
    for record in range(9):
        scores[record, record + 1] = scores[record + 1, record] = 5.0
    assert max(np.bincount(grouped(scores))) == 2


def test_a_false_link_between_two_clear_groups_does_not_join_them():
    scores = np.full((6, 6), -3.0)
    scores[:3, :3] = scores[3:, 3:] = 4.0
    scores[2, 3] = scores[3, 2] = 6.0
    np.fill_diagonal(scores, 0)
    assert groups(grouped(scores)) == {frozenset({0, 1, 2}), frozenset({3, 4, 5})}


def test_a_record_that_one_member_alone_speaks_against_still_joins():
    scores = np.full((4, 4), 4.0)
    scores[0, 3] = scores[3, 0] = -3.0
    np.fill_diagonal(scores, 0)
    assert groups(grouped(scores)) == {frozenset({0, 1, 2, 3})}


@given(st.integers(2, 12), st.integers(0, 1000))
def test_groups_do_not_depend_on_the_order_of_records(size, seed):
    scores = square(size, seed)
    order = np.random.default_rng(seed + 1).permutation(size)
    shuffled = grouped(scores[np.ix_(order, order)])
    assert {frozenset(order[list(group)].tolist()) for group in groups(shuffled)} == groups(grouped(scores))


@given(st.integers(2, 12), st.integers(0, 1000))
def test_no_two_groups_are_left_that_are_more_likely_one(size, seed):
    scores = square(size, seed)
    found = [sorted(group) for group in groups(grouped(scores))]
    for a in found:
        for b in found:
            assert a == b or scores[np.ix_(a, b)].mean() <= 1e-8


@given(st.integers(2, 12), st.integers(0, 1000))
def test_no_record_belongs_rather_to_another_group_or_to_none(size, seed):
    scores = square(size, seed)
    labels = grouped(scores)
    for record in range(size):
        drawn = {label: scores[record, labels == label].sum() for label in labels}
        assert drawn[labels[record]] >= max(0, *drawn.values()) - 1e-8


def test_a_giant_component_is_taken_apart_at_its_weakest_links():
    size = 400
    low = np.arange(size - 1)
    scores = np.full(size - 1, 5.0)
    scores[[99, 199, 299]] = 0.1
    label = split_components(size, low, low + 1, scores)
    assert max(np.bincount(label)) <= 200
    assert label[99] != label[100]


def test_components_are_left_whole_where_they_are_small():
    label = split_components(6, np.array([0, 1, 4]), np.array([1, 2, 5]), np.ones(3))
    assert label.tolist() == [0, 0, 0, 3, 4, 4]


def test_scores_of_a_perfect_and_of_an_empty_answer():
    truth = ["a", "a", "b", "b", "c"]
    perfect = score(["1", "1", "2", "2", "3"], truth)
    assert (perfect.precision, perfect.recall, perfect.f1, perfect.bcubed) == (1, 1, 1, 1)
    alone = score(["1", "2", "3", "4", "5"], truth)
    assert (alone.precision, alone.recall, alone.f1, alone.largest_cluster) == (1, 0, 0, 1)
    lumped = score(["1"] * 5, truth)
    assert (lumped.recall, lumped.precision, lumped.largest_cluster, lumped.true_largest) == (1, 0.2, 5, 2)


def test_what_hangs_together_by_links_is_one_component_in_any_order():
    pairs = [(70, 3), (9, 5), (3, 900), (8, 7), (900, 12)]
    for links in (pairs, pairs[::-1]):
        low, high = ([min(p) for p in links], [max(p) for p in links])
        found = linked_numbers(pa.table({"low": low, "high": high})).to_pylist()
        groups: dict[int, set[int]] = {}
        for row in found:
            groups.setdefault(row["component"], set()).add(row["number"])
        assert sorted(map(sorted, groups.values())) == [[3, 12, 70, 900], [5, 9], [7, 8]]
        assert len(found) == 8


def test_no_links_make_no_component():
    none = pa.table({"low": pa.array([], pa.int64()), "high": pa.array([], pa.int64())})
    assert len(linked_numbers(none)) == 0
