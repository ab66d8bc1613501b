"""Who was learned from cannot be told from a model, and the attack finds it out where it can.

The attack must find memory where there is some: 1-nearest neighbour and a forest of unpruned trees are its mutants.
"""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from ml.binary import BinaryModel
from ml.next_action.task import HandOver
from ml.private.edges import NEXT_ACTION
from ml.private.membership import PROMISED, attack
from ml.private.price import price, price_table, train_privately
from tests.unit.ml.moments import moments

DELTA = 1e-6


class Learned(HandOver):
    """The hand-over task with another learner, without calibration and time."""

    def __init__(self, make):
        self.make = make

    def fit(self, split):
        classifier = self.make(len(split.train)).fit(self.columns.matrix(split.train), self.labels(split.train))
        return BinaryModel(self.columns, classifier, "other")


class Private(HandOver):
    """The hand-over task with private training."""

    def fit(self, split):
        return train_privately(self, split, NEXT_ACTION, epsilon=1.0, delta=DELTA)


class Numbered(KNeighborsClassifier):
    """1-nearest neighbour, which takes no missing values."""

    def fit(self, inputs, labels):
        return super().fit(np.nan_to_num(inputs, nan=-1), labels)

    def predict_proba(self, inputs):
        return super().predict_proba(np.nan_to_num(inputs, nan=-1))


def forgetful(rows):
    """Boosting that remembers nobody: few leaves, of a twentieth of the rows each."""
    return HistGradientBoostingClassifier(
        learning_rate=0.15, max_iter=40, max_leaf_nodes=4, min_samples_leaf=max(40, rows // 20),
        l2_regularization=1.0, early_stopping=False, random_state=7,
    )  # fmt: skip


def split_of(rows):
    task = HandOver()
    return task.split(task.learnable(moments(rows, people=int(rows * 0.6), seed=5)))


@pytest.fixture(scope="module")
def split():
    return split_of(16_000)


MEMORIES = {
    "nearest neighbour": lambda rows: Numbered(1),
    "unpruned forest": lambda rows: RandomForestClassifier(40, random_state=1),
}


@pytest.mark.parametrize("name", MEMORIES)
def test_a_model_that_remembers_is_found_out(name):
    task, rows = Learned(MEMORIES[name]), split_of(2_000)
    found = attack(task, task.fit(rows), rows, rounds=2)
    assert found.auc >= 0.8
    assert found.low > PROMISED
    assert not found.kept


def test_a_boosted_model_of_many_leaves_on_few_people_breaks_the_promise():
    task, rows = Learned(lambda rows: HistGradientBoostingClassifier(max_iter=150, max_leaf_nodes=15)), split_of(2_000)
    assert not attack(task, task.fit(rows), rows, rounds=2).kept


def test_a_boosted_model_of_few_large_leaves_tells_nobody(split):
    task = Learned(forgetful)
    model = task.fit(split)
    found = attack(task, model, split)
    assert found.kept, found.sentence
    assert roc_auc_score(task.labels(split.test), task.predict(model, split.test)) > 0.75


def test_a_private_model_tells_nobody_even_of_few_people():
    task, rows = Private(), split_of(3_000)
    found = attack(task, task.fit(rows), rows, rounds=2)
    assert found.low <= PROMISED, found.sentence


def test_the_same_split_gives_the_same_figures():
    task, rows = Learned(forgetful), split_of(2_000)
    model = task.fit(rows)
    assert attack(task, model, rows, rounds=2) == attack(task, model, rows, rounds=2)


def test_the_price_falls_as_epsilon_grows(split):
    task = Learned(forgetful)
    none, least, middle, most = price(task, task.fit(split), split, NEXT_ACTION, epsilons=(0.1, 2.0, 50.0), delta=DELTA)
    assert none.guarantee is None
    assert least.auc + 0.1 < middle.auc < most.auc + 0.02
    assert none.auc - middle.auc < 0.05
    assert middle.log_loss < least.log_loss
    assert len(price_table((none, least, middle, most)).splitlines()) == 6


def test_two_trainings_on_the_same_people_differ():
    rows = split_of(1_000)
    said = [HandOver().predict(Private().fit(rows), rows.test) for _ in range(2)]
    assert not np.array_equal(*said)
