import numpy as np
import pytest

from ml.next_action.features import COLUMNS
from ml.next_action.task import Abandonment, HandOver
from ml.tasks import NEXT_ACTIONS
from ml.train import feature_hash
from spark_jobs.lake.tables import GOLD_FEATURES
from tests.unit.ml.moments import LABELS, moments

HIDDEN = {
    *("conversation_id", "person_id", "as_of", "may_learn", "had_by_bot", "settled", "handed_over_at", "ended_at"),
    *LABELS,
}


def test_the_model_sees_no_id_no_label_no_time_and_no_text():
    assert set(COLUMNS.names) == set(GOLD_FEATURES.schema.names) - HIDDEN
    types = {column.name: column.type for column in GOLD_FEATURES.columns}
    assert all(types[name] == "string" for name in COLUMNS.categories)
    assert all(types[name] in ("int64", "double") for name in COLUMNS.numbers)


def test_a_category_that_is_not_declared_is_as_one_that_is_missing():
    rows = moments(50)
    rows.loc[:, "language"] = None
    strange = rows.assign(language="a name that somebody wrote here")
    assert np.array_equal(COLUMNS.matrix(rows), COLUMNS.matrix(strange), equal_nan=True)
    assert np.array_equal(COLUMNS.matrix(COLUMNS.matrix(rows)), COLUMNS.matrix(rows), equal_nan=True)


def test_the_fingerprint_follows_how_the_model_is_made():
    class Other(HandOver):
        def settings(self):
            return {**super().settings(), "max_iter": 9}

    assert feature_hash(HandOver()) == feature_hash(HandOver()) != feature_hash(Other())


def test_the_fingerprint_follows_what_a_category_is_coded_as():
    turned = HandOver()
    turned.declared = {**turned.declared, "topic": turned.declared["topic"][::-1]}
    assert feature_hash(turned) != feature_hash(HandOver())


@pytest.mark.parametrize("task", NEXT_ACTIONS, ids=lambda task: task.name)
def test_only_settled_moments_whose_consent_covers_learning_are_learned_from(task):
    rows = moments(400)
    rows.loc[::4, "may_learn"] = False
    rows.loc[1::4, "settled"] = False
    assert set(task.learnable(rows)["conversation_id"]) == set(rows.loc[2::4, "conversation_id"]) | set(
        rows.loc[3::4, "conversation_id"]
    )


def test_a_hand_over_is_told_only_while_a_bot_has_the_conversation():
    rows = moments(300)
    rows.loc[::3, "with_agent"] = 1
    rows.loc[1::3, "had_by_bot"] = False
    assert set(HandOver().learnable(rows)["conversation_id"]) == set(rows.loc[2::3, "conversation_id"])
    assert len(Abandonment().learnable(rows)) == 300
