"""A label that another stands in the way of."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from ml.chained import Chained
from ml.tasks import NEXT_ACTIONS
from tests.unit.ml.moments import moments

ABANDONMENT = next(task for task in NEXT_ACTIONS if task.name == "abandonment")


def few_trees() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=4, min_samples_leaf=100, early_stopping=False)


def test_a_chain_knows_what_stands_in_the_way() -> None:
    """Whoever the rival does not take comes at random: only the rival can be learned, and it tells the label."""
    chance = np.random.default_rng(5)
    inputs = chance.normal(size=(6_000, 12))
    rival = inputs.sum(axis=1) + chance.logistic(size=6_000) > 0
    label = ~rival & (chance.random(6_000) < 0.2)
    seen, unseen = slice(0, 3_000), slice(3_000, None)
    alone = few_trees().fit(inputs[seen], label[seen])
    chain = Chained(few_trees(), few_trees()).fit(inputs[seen], np.column_stack([rival, label])[seen].astype(float))
    by_chain = roc_auc_score(label[unseen], chain.predict_proba(inputs[unseen])[:, 1])
    assert by_chain > roc_auc_score(label[unseen], alone.predict_proba(inputs[unseen])[:, 1])
    np.testing.assert_allclose(1 / (1 + np.exp(-chain.decision_function(inputs))), chain.predict_proba(inputs)[:, 1])
    assert set(chain.predict(inputs)) <= {0.0, 1.0}


def test_without_any_hand_over_there_is_no_chain() -> None:
    rows = moments(1_500, 500)
    rows["handed_over_later"] = False
    model = ABANDONMENT.fit(ABANDONMENT.split(ABANDONMENT.learnable(rows)))
    assert np.isfinite(model.predict_proba(rows)).all()
