import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.next_action.features import COLUMNS
from ml.next_action.task import HandOver
from ml.private.additive import calibrated, weigh
from ml.private.bins import Bins
from ml.private.edges import NEXT_ACTION
from ml.private.learner import GuaranteeUnfit, fit_private, rho_within
from ml.private.price import train_privately
from privacy.dp.conversion import epsilon_at
from privacy.dp.learning import NoisyCounts
from privacy.dp.types import NanoRho
from tests.unit.ml.moments import moments

TERMS = {"epsilon": 1.0, "delta": 1e-6}
BINS = Bins({"channel": ("chat", "app"), "wait": (1.0, 10.0)}, (("channel", "wait"),))
FRAME = pd.DataFrame({"channel": ["chat", "app", "fax", None], "wait": [0.5, 10.0, np.nan, np.inf]})


def test_bins_follow_their_edges_and_what_is_not_declared_has_one_of_its_own():
    assert BINS.widths == (3, 4, 12)
    assert BINS.numbers(FRAME).tolist() == [[0, 0, 0], [1, 2, 6], [2, 3, 11], [2, 2, 10]]
    array = np.array([[0, 0.5], [1, 10.0], [np.nan, np.nan], [7, np.inf]])
    assert np.array_equal(BINS.numbers(array), BINS.numbers(FRAME))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["chat", "fax", None]), st.floats(width=32)), min_size=1, max_size=9))
def test_a_row_falls_into_the_same_bins_whoever_else_is_there(rows):
    frame = pd.DataFrame(rows, columns=["channel", "wait"])
    whole = BINS.numbers(frame)
    assert ((whole >= 0) & (whole < BINS.widths)).all()
    assert np.array_equal(whole, np.concatenate([BINS.numbers(frame.iloc[[n]]) for n in range(len(frame))]))


@pytest.mark.parametrize("edges", [{}, {"a": ()}, {"a": (2, 1)}, {"a": (1, float("nan"))}, {"a": ("x", "x")}])
def test_edges_that_make_no_bins_are_refused(edges):
    with pytest.raises(ValueError, match="Edges"):
        Bins(edges)


def test_the_declared_bins_of_the_next_actions_are_of_all_their_inputs():
    assert NEXT_ACTION.names == COLUMNS.names
    rows = moments(300)
    assert np.array_equal(NEXT_ACTION.numbers(rows), NEXT_ACTION.numbers(COLUMNS.matrix(rows)))


@settings(max_examples=10, deadline=None)
@given(epsilon=st.floats(0.05, 20), delta=st.sampled_from([1e-8, 1e-6, 1e-4]))
def test_rho_is_the_most_whose_epsilon_is_within_what_was_asked(epsilon, delta):
    rho = rho_within(epsilon, delta)
    assert epsilon_at(rho, delta) <= epsilon < epsilon_at(NanoRho(rho + max(2, rho // 10**6)), delta)


def test_the_model_states_its_guarantee_and_who_it_holds_for():
    rows = moments(400)
    model = fit_private(
        rows, rows["handed_over_later"], rows["person_id"].tolist(), edges=NEXT_ACTION, **TERMS, rows_per_person=2
    )
    guarantee = model.guarantee
    assert (guarantee.unit, guarantee.rows_per_person, guarantee.delta) == ("person", 2, 1e-6)
    assert guarantee.epsilon == epsilon_at(guarantee.rho, 1e-6) <= 1.0
    assert "each person" in guarantee.sentence and "epsilon 1 at delta 1e-06" in guarantee.sentence


def test_a_private_model_predicts_like_any_other_after_it_was_packed_and_holds_no_row():
    task = HandOver()
    rows = task.learnable(moments(3000, people=2500))
    split = task.split(rows)
    model = train_privately(task, split, NEXT_ACTION, **TERMS)
    packed = pickle.dumps(model)
    said = task.predict(pickle.loads(packed), split.test)
    assert np.array_equal(said, task.predict(model, split.test))
    assert ((said > 0) & (said < 1)).all()
    assert np.allclose(model.predict_proba(split.test).sum(axis=1), 1)
    assert b"person." not in packed and b"conversation." not in packed


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_nothing_that_the_data_says_stops_a_training(rows):
    """An error for too few people or for one kind of label would tell about them."""
    frame = moments(300).iloc[:rows]
    for label in (0, 1):
        model = fit_private(frame, [label] * rows, frame["person_id"].tolist(), edges=NEXT_ACTION, **TERMS)
        assert np.isfinite(model.predict_proba(moments(50))).all()


BAD = (
    {"epsilon": 0.0},
    {"epsilon": float("nan")},
    {"epsilon": 101.0},
    {"delta": 0.0},
    {"delta": 0.01},
    {"epsilon": 1e-9},
)


@pytest.mark.parametrize("bad", [*BAD, {"rows_per_person": 0}], ids=str)
def test_terms_that_promise_nothing_are_refused_before_any_row_is_read(bad):
    with pytest.raises(GuaranteeUnfit):
        fit_private(None, None, None, edges=NEXT_ACTION, **{**TERMS, **bad})


def test_weights_of_many_people_are_the_log_odds_and_those_of_mere_noise_are_silent():
    bins = Bins({"tells": (1,), "says_nothing": (1,)})
    tells = np.array([[60_000, 20_000], [20_000, 60_000], [0, 0]])
    nothing = np.array([[40_030, 39_980], [39_960, 40_030], [20, -35]])
    weights = weigh(bins, NoisyCounts((tells, nothing), 30.0))
    assert weights.at_large == pytest.approx(0, abs=0.01)
    assert weights.of_bins[0][:2] == pytest.approx([-np.log(3), np.log(3)], abs=0.01)
    assert np.abs(weights.of_bins[1]).max() < 0.01


def test_a_pair_counts_only_for_what_its_two_features_do_not_say_alone():
    bins = Bins({"a": ("x",), "b": ("x",)}, (("a", "b"),))
    alone = np.array([[50_000, 50_000], [50_000, 50_000]])
    either = np.array([[40_000, 10_000], [10_000, 40_000], [10_000, 40_000], [40_000, 10_000]])
    weights = weigh(bins, NoisyCounts((alone, alone, either), 10.0))
    assert np.sign(weights.of_bins[2]).tolist() == [-1, 1, 1, -1]
    product = np.array([[40_000, 10_000], [25_000, 25_000], [25_000, 25_000], [10_000, 40_000]])
    sides = np.array([[65_000, 35_000], [35_000, 65_000]])
    of_both = weigh(bins, NoisyCounts((sides, sides, product), 10.0)).of_bins
    assert np.abs(of_both[2]).max() < 0.2 < np.abs(of_both[0]).min()


def test_calibration_finds_the_slope_of_scores_that_are_twice_too_sure():
    places = np.arange(34) / 2 - 8.25
    rows = np.full(34, 10_000)
    having = rows / (1 + np.exp(-(0.5 * places - 1)))
    table = np.vstack([np.column_stack([rows - having, having]), [0, 0]]).astype(np.int64)
    assert calibrated(NoisyCounts((table,), 20.0), -1.0) == pytest.approx((0.5, -1), abs=0.02)
