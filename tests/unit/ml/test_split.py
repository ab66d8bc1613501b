import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.next_action.task import HandOver
from ml.split import NotEnoughToLearn, split_by_unit_and_time
from tests.unit.ml.moments import moments

learnable = HandOver().learnable


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), people=st.integers(150, 900))
def test_slices_share_no_person_and_lie_one_after_the_other(seed, people):
    split = split_by_unit_and_time(learnable(moments(900, people, seed)))
    slices = (split.train, split.calibrate, split.test)
    for earlier, later in ((0, 1), (1, 2), (0, 2)):
        assert not set(slices[earlier]["person_id"]) & set(slices[later]["person_id"])
        assert slices[earlier]["as_of"].max() < slices[later]["as_of"].min()


def test_rows_without_consent_to_learning_are_never_learned_from():
    rows = moments(400)
    rows.loc[::2, "may_learn"] = False
    assert set(learnable(rows)["conversation_id"]) == set(rows["conversation_id"][1::2])


def test_the_order_of_rows_does_not_matter():
    rows = moments(400)
    shuffled = rows.sample(frac=1, random_state=3)
    assert split_by_unit_and_time(learnable(rows)).test.equals(split_by_unit_and_time(learnable(shuffled)).test)


def test_too_few_rows_and_one_class_are_told_in_a_sentence():
    with pytest.raises(NotEnoughToLearn, match="50 moments may be learned from, at least 100"):
        split_by_unit_and_time(learnable(moments(50)))
    rows = moments(600)
    rows["handed_over_later"] = False
    with pytest.raises(NotEnoughToLearn, match="holds 0 moments where it came"):
        HandOver().split(learnable(rows))
