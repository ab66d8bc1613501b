import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.satisfaction.ahead import cross_validate_ahead, evaluate_ahead, moments_ahead
from ml.satisfaction.dialogues import Dialogue, NothingLabelled, Turn
from ml.satisfaction.evaluation import cross_validate, evaluate, quality, split_by
from ml.satisfaction.levels import CUTS, NAMES, level_of, scores_of, slope_of
from ml.satisfaction.model import _by_trees, fit_model, fit_weights, pooled
from ml.satisfaction.moments import CONVERSATION, DIALOGUE, LEVEL, learning_moments, moments_of
from ml.satisfaction.signals import SIGNALS, signals_of
from tests.unit.ml.satisfaction.made_up import dialogues

TEXTS = st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def model():
    return fit_model(learning_moments(dialogues()), 3)


@settings(max_examples=40, deadline=None)
@given(TEXTS, TEXTS, st.text(max_size=30))
def test_what_comes_later_and_the_own_answer_change_no_signal(before, after, answer):
    told = tuple(Turn(user, agent) for user, agent in before)
    later = (*told[:-1], replace(told[-1], agent=answer), *(Turn(user, agent) for user, agent in after))
    now, then = signals_of([Dialogue("d", told)]), signals_of([Dialogue("d", later)])
    assert now.tobytes() == then[: len(now)].tobytes()
    assert now.shape == (len(told), len(SIGNALS))


def test_what_comes_later_and_the_own_answer_change_no_score(model):
    one = dialogues(1, 8, seed=5)[0]
    whole = model.predict_proba(moments_of([one]))
    for upto in range(1, 8):
        cut = (*one.turns[: upto - 1], replace(one.turns[upto - 1], agent="sorry no", satisfaction=None))
        later = Dialogue("d", (*cut, Turn("thank you so much", "bye", 2)))
        assert model.predict_proba(moments_of([later]))[:upto].tobytes() == whole[:upto].tobytes()


def test_true_levels_are_no_input(model):
    one = dialogues(1, 8, seed=6)[0]
    blind = Dialogue("d", tuple(replace(turn, satisfaction=None) for turn in one.turns))
    said = [model.predict_proba(moments_of([each])).tobytes() for each in (one, blind)]
    assert said[0] == said[1]


def test_the_neighbours_in_a_batch_change_no_score(model):
    first, second = dialogues(2, 8, seed=7)
    alone = model.predict_proba(moments_of([second]))
    assert np.array_equal(model.predict_proba(moments_of([first, second]))[8:], alone)


def test_the_order_of_dialogues_does_not_matter(model):
    again = fit_model(learning_moments(dialogues()[::-1]), 3)
    shuffled = fit_model(learning_moments(dialogues()).sample(frac=1, random_state=3), 3)
    seen = moments_of(dialogues(3, seed=9))
    said = model.predict_proba(seen)
    assert np.array_equal(again.predict_proba(seen), said)
    assert np.array_equal(shuffled.predict_proba(seen), said)


def test_the_model_tells_levels_beyond_its_baselines():
    told = cross_validate(dialogues(), folds=2)
    assert told.model.accuracy > told.by_model["majority"].accuracy + 0.2
    assert told.model.log_loss < told.by_model["majority"].log_loss
    assert set(told.by_model) == {"model", "majority", "rule", "linear"}
    assert evaluate(dialogues(), dialogues(10, seed=4)).model.accuracy > 0.6


@pytest.mark.parametrize("by", [CONVERSATION, DIALOGUE])
def test_folds_share_nothing_that_must_not_be_split_and_hold_each_row_once(by):
    frame = learning_moments(dialogues())
    tested = []
    for train, test in split_by(frame, by, 5):
        assert not set(frame.iloc[train][by]) & set(frame.iloc[test][by])
        tested += list(test)
    assert sorted(tested) == list(range(len(frame)))


def test_trees_asked_one_by_one_say_what_the_forest_says(model):
    signals = signals_of(dialogues(9, seed=8)).astype(np.float32)
    assert np.array_equal(_by_trees(model.trees, signals, 3), model.trees.predict_proba(signals))


def test_too_little_is_refused_in_a_sentence():
    with pytest.raises(NothingLabelled):
        cross_validate(dialogues(3))
    same = [Dialogue(f"d{n}", (Turn(f"hello {n}", "", 1), Turn(f"again {n}", "", 1))) for n in range(9)]
    with pytest.raises(NothingLabelled):
        cross_validate(same)
    five = [Dialogue("d", (Turn("hello", "", 4),))]
    with pytest.raises(NothingLabelled):
        evaluate(dialogues(), five)


def test_five_levels_are_learned_though_one_was_never_seen():
    lifted = [
        Dialogue(
            one.dialogue_id, tuple(replace(t, satisfaction=t.satisfaction and t.satisfaction * 2) for t in one.turns)
        )
        for one in dialogues()
    ]
    said = fit_model(learning_moments(lifted), 5).predict_proba(moments_of(lifted[:3]))
    assert said.shape == (18, 5)
    assert said.sum(axis=1) == pytest.approx(1)


def test_a_fitted_model_holds_no_text(model):
    kept = pickle.dumps(model)
    for planted in ("zanzibar", "quokkaprice", "this is terrible", "什么时候发货", "d-001", "0x1"):
        for encoding in ("utf-8", "utf-16-le", "utf-32-le"):
            assert planted.encode(encoding) not in kept
    assert b"ExtraTreesClassifier" in kept


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_levels_rise_with_the_score(scores):
    places = [NAMES.index(level_of(score)) for score in sorted(scores)]
    assert places == sorted(places)


def test_each_of_the_five_levels_can_be_had():
    assert [level_of(score) for score in (0.0, *CUTS)] == list(NAMES)


@given(st.floats(0, 0.3), st.floats(0.01, 0.2), st.lists(st.floats(0, 1), max_size=4))
def test_the_slope_of_rising_scores_is_positive_and_looks_at_three_turns(start, step, before):
    rising = [start, start + step, start + 2 * step]
    assert slope_of([*before, *rising]) == pytest.approx(step)
    assert slope_of([*before, *rising[::-1]]) == pytest.approx(-step)
    assert slope_of(rising[:1]) == 0


def test_a_dialogue_that_turns_good_is_followed_upwards(model):
    turns = tuple(Turn(text, "") for text in ("this is terrible", "I need a room for two", "thank you that is great"))
    scores = scores_of(model.predict_proba(moments_of([Dialogue("d", turns)])))
    assert 0 <= scores[0] < scores[1] < scores[2] <= 1
    assert slope_of(scores) > 0


@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), st.floats(0.3, 3))
def test_opinions_that_agree_keep_the_order_of_levels(weights, weight):
    p = np.array([weights]) / np.sum(weights)
    told = pooled(np.stack([p, p]), np.array([weight, 0.1]))
    assert told.sum() == pytest.approx(1)
    assert p[0][told[0].argmax()] == pytest.approx(p[0].max())


def test_who_knows_nothing_has_no_weight_in_the_pool():
    chance = np.random.default_rng(3)
    labels = chance.integers(3, size=400)
    knows, guesses = 0.1 + 0.7 * np.eye(3)[labels], chance.dirichlet(np.ones(3), 400)
    weights = fit_weights(np.stack([knows, guesses]), labels)
    assert weights[0] > 1
    assert weights[1] < 0.1
    assert pooled(np.stack([knows, guesses]), np.array([1.0, 0.0])) == pytest.approx(knows)


def test_quality_of_a_hand_computed_case():
    told = quality([0, 0, 1, 2], np.eye(3)[[0, 1, 1, 2]])
    assert told.accuracy == pytest.approx(0.75)
    assert told.uar == pytest.approx((0.5 + 1 + 1) / 3)
    assert told.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert told.kappa == pytest.approx((0.75 - 0.3125) / (1 - 0.3125))


def test_ahead_is_true_where_one_of_the_next_three_is_dissatisfied():
    levels = (2, 2, 2, 2, 0, 1, None, 2, 1)
    turns = tuple(Turn(f"turn number {n}", "", level) for n, level in enumerate(levels))
    told = moments_ahead([Dialogue("d", (*turns, Turn("OVERALL", "", 0)))])
    assert dict(zip(told["turn_number"], told[LEVEL], strict=True)) == {0: 0, 1: 1, 2: 1, 3: 1, 4: 0, 5: 0, 6: 0, 7: 0}


def test_ahead_is_measured_beside_its_baselines():
    for by in (DIALOGUE, CONVERSATION):
        told = cross_validate_ahead(dialogues(12), by, folds=2)
        assert set(told.by_model) == {"model", "majority", "rule", "linear"}
        assert told.by_model["majority"]["auc"] == 0.5
        assert 0 < told.share < 1


def test_nobody_dissatisfied_cannot_be_told_ahead():
    happy = [
        Dialogue(one.dialogue_id, tuple(replace(turn, satisfaction=2) for turn in one.turns)) for one in dialogues(6)
    ]
    with pytest.raises(NothingLabelled, match="some customers, and not all"):
        cross_validate_ahead(happy, folds=2)


def test_what_is_learned_from_as_well_never_tells_what_is_measured():
    known = dialogues(12)
    others = [Dialogue(f"o-{one.dialogue_id}", one.turns) for one in dialogues(12, seed=9)]
    alone = cross_validate(known, folds=2)
    assert cross_validate(known, folds=2, also=known) == alone
    helped = cross_validate(known, folds=2, also=others)
    assert helped.turns == alone.turns
    assert helped.model.log_loss != alone.model.log_loss
    assert cross_validate_ahead(known, folds=2, also=known) == cross_validate_ahead(known, folds=2)


def test_ahead_is_measured_on_a_file_of_its_own():
    told = evaluate_ahead(dialogues(12), dialogues(8, seed=9))
    assert told.moments == len(moments_ahead(dialogues(8, seed=9)))
    assert set(told.by_model) == {"model", "majority", "rule", "linear"}
