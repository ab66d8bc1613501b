import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ml.next_action.task import HandOver
from ml.private.membership import TooFewToAttack, _drawn, attack, measure
from ml.task import Split
from tests.unit.ml.moments import moments


def test_the_strength_of_an_attack_is_the_area_under_its_curve_averaged_over_models():
    chance = np.random.default_rng(2)
    scores, member = chance.integers(0, 9, (3, 200)).astype(float), chance.random((3, 200)) < 0.4
    scores[member] += 2
    found = measure(scores, member, np.arange(200))
    assert found.auc == pytest.approx(np.mean([roc_auc_score(m, s) for m, s in zip(member, scores, strict=True)]))
    assert measure(-scores, member, np.arange(200)).auc == pytest.approx(found.auc)


def test_the_interval_holds_the_truth_and_is_wider_where_rows_are_of_few_people():
    chance, inside, trials = np.random.default_rng(3), 0, 300
    for _ in range(trials):
        people = np.repeat(np.arange(60), 5)
        member = (people % 2 == 0)[None, :]
        scores = (chance.normal(size=60)[people] + 0.3 * chance.normal(size=300) + 0.8 * member[0])[None, :]
        found = measure(scores, member, people)
        inside += found.low <= 0.7057 <= found.high
        alone = measure(scores, member, np.arange(300))
        assert found.high - found.low > alone.high - alone.low
    assert inside / trials > 0.9


def test_each_round_leaves_every_person_out_once():
    saw = _drawn(103, 3)
    assert saw.shape == (12, 103)
    assert (saw.reshape(3, 4, 103).sum(axis=1) == 3).all()


def test_too_few_people_are_told_in_a_sentence():
    task = HandOver()
    rows = task.learnable(moments(400, people=30))
    split = Split(rows[:300], rows[300:350], rows[350:])
    with pytest.raises(TooFewToAttack, match="at least 40"):
        attack(task, None, split)
