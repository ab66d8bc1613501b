"""What one person can change in the counts that private models are made of."""

import ast
import inspect
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.dp import learning
from privacy.dp.learning import Examples, count_examples, release_counts
from privacy.dp.types import NanoRho
from tests.statistical import attacks

KEY = b"k" * 32
WIDTHS = (2, 3, 4)

ROW = st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 3), st.integers(0, 1))
ROWS = st.lists(st.tuples(st.sampled_from(["greedy", "b", "c", "d"]), ROW), max_size=40)


def exact(rows, most=2, key=KEY):
    people = [person for person, _ in rows]
    numbers = np.array([row for _, row in rows], np.int64).reshape(-1, len(WIDTHS) + 1)
    return count_examples(Examples(people, numbers[:, :-1], numbers[:, -1]), WIDTHS, most, key)


def squared_distance(left, right):
    return sum(int(step) ** 2 for step in left.vector - right.vector)


@given(rows=ROWS, most=st.integers(1, 5), key=st.binary(min_size=32, max_size=32))
def test_a_person_moves_all_counts_together_by_at_most_the_sensitivity(rows, most, key):
    whole = exact(rows, most, key)
    without = exact([row for row in rows if row[0] != "greedy"], most, key)
    assert squared_distance(whole, without) <= most**2 * len(WIDTHS)
    assert Fraction(whole.sensitivity) ** 2 >= most**2 * len(WIDTHS)
    assert whole.sensitivity == pytest.approx(most * len(WIDTHS) ** 0.5)


def test_a_person_with_equal_rows_reaches_the_sensitivity():
    whole, nobody = exact([("greedy", (1, 2, 3, 1))] * 9, 3), exact([], 3)
    assert squared_distance(whole, nobody) == 3**2 * len(WIDTHS)


@given(rows=ROWS, chance=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, chance):
    shuffled = chance.sample(rows, len(rows))
    assert np.array_equal(exact(rows).vector, exact(shuffled).vector)


@given(rows=ROWS, most=st.integers(1, 3))
def test_every_person_keeps_as_many_rows_as_are_allowed_and_no_more(rows, most):
    people = [person for person, _ in rows]
    kept = sum(min(most, people.count(person)) for person in set(people))
    counted = exact(rows, most).vector
    ends = np.cumsum([0, *(2 * width for width in WIDTHS)])
    assert [counted[a:b].sum() for a, b in pairwise(ends)] == [kept] * len(WIDTHS)


def test_which_rows_stay_has_nothing_to_do_with_what_they_say():
    rows = [(f"p{n}", (n_row % 2, n_row % 3, 0, n_row % 2)) for n in range(4000) for n_row in range(6)]
    zeros, ones = exact(rows, 2).vector[[0, 3]]
    assert abs(int(zeros) - int(ones)) < 5.4 * 8000**0.5


@given(rows=ROWS)
def test_what_is_not_kept_does_not_count(rows):
    """The kept rows alone give the same counts: more of a person's rows than K change nothing but the choice."""
    counted = exact(rows, 1)
    assert counted.vector.sum() == len({person for person, _ in rows}) * len(WIDTHS)
    assert np.array_equal(exact(rows * 3, 50).vector, exact(rows, 50).vector * 3)


def test_a_bin_that_was_not_declared_is_refused():
    for row in ((2, 0, 0, 0), (-1, 0, 0, 0), (0, 0, 0, 2)):
        with pytest.raises(ValueError, match="not declared"):
            exact([("a", row)])


def test_nobody_else_builds_exact_counts():
    with pytest.raises(TypeError, match="Only"):
        learning.ExactCounts(np.zeros(2, np.int64), (1,), 1)


def test_no_float_comes_near_the_counts():
    parts = [
        (function.__name__, inspect.getsource(function))
        for function in (learning.count_examples, learning._kept, learning.release_counts)
    ]
    attacks.floats_before_the_noise(parts)
    assert not any(isinstance(node, ast.Constant) and isinstance(node.value, float) for node in _nodes())
    attacks.seeds([("learning", inspect.getsource(learning))])


def _nodes():
    return ast.walk(ast.parse(inspect.getsource(learning)))


def test_the_noise_has_the_scale_that_rho_pays_for():
    rho = NanoRho(20_000_000)
    counts = exact([], 3)
    drawn = np.concatenate(
        [np.concatenate([t.ravel() for t in release_counts(counts, rho).tables]) for _ in range(400)]
    )
    scale = release_counts(counts, rho).scale
    assert scale == pytest.approx(counts.sensitivity / (2 * 0.02) ** 0.5, rel=1e-5)
    assert attacks.fits_discrete_gaussian(drawn, scale)


def test_a_price_that_the_privacy_map_exceeds_is_refused(monkeypatch):
    honest = learning.calibrate
    monkeypatch.setattr(
        learning, "calibrate", lambda share: honest(learning.Share(share.sensitivity, NanoRho(share.rho * 2)))
    )
    with pytest.raises(learning.MapExceedsReservation):
        release_counts(exact([]), NanoRho(1_000_000))
