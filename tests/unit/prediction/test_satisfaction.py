"""What is promised of satisfaction while a conversation runs: that of the lake, at the customer's newest message."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mangrove.prediction.v1 import prediction_pb2
from ml.satisfaction.judged import EVENT_COLUMNS, MOMENT_COLUMNS, talked_moments
from ml.satisfaction.levels import NAMES, level_of, scores_of, slope_of
from ml.satisfaction.model import SatisfactionModel
from services.prediction import handlers, wire
from services.prediction.moment import events_frame, in_order
from services.prediction.ports import Seeming
from services.prediction.trial import ModelUnfit, prepared
from spark_jobs.gold.moments import build_moments
from tests.fakes.prediction import FakeModels
from tests.unit.prediction.talks import LATE_US, TALK, a_request, a_talk, happened, said, satisfaction_model, tell

ONLY = FakeModels({"satisfaction": satisfaction_model()}, version=3)
SPOKEN = st.tuples(
    st.integers(0, 9),
    st.sampled_from(["customer", "bot", "agent"]),
    st.sampled_from(["thank you that is great", "this is terrible", "太慢了我要投诉", "", "I am sorry we have none"]),
)


def seeming(*events: prediction_pb2.CustomerEvent) -> Seeming:
    satisfaction = tell(*events, models=ONLY).satisfaction
    assert satisfaction is not None
    return satisfaction


def of_the_lake(events: list[prediction_pb2.CustomerEvent]) -> list[float]:
    """The scores that gold.satisfaction would have of the conversation, by turn."""
    timed = in_order(wire.asked_from_proto(a_request(*events)).events, LATE_US)
    frame = events_frame(timed, [event.text for _, event in timed])
    unjudged = {"feedback_kind": pl.lit(None, pl.String), "score": pl.lit(None, pl.Int32)}
    silver = frame.with_columns(purposes=pl.lit(["learning"]), **unjudged)
    moments = build_moments(frame).with_columns(may_learn=pl.lit(True))
    rows = talked_moments(silver.select(EVENT_COLUMNS), moments.select(MOMENT_COLUMNS))
    scores: list[float] = scores_of(satisfaction_model().predict_proba(rows[rows["dialogue_id"] == TALK])).tolist()
    return scores


@given(st.lists(SPOKEN, min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_it_is_what_the_lake_says_at_the_newest_message(spoken: list[tuple[int, str, str]]) -> None:
    events = [said(at_s, text, party, turn=turn + 1) for turn, (at_s, party, text) in enumerate(spoken)]
    events = [*events, said(5, "hello", turn=99), said(2, "this is terrible", talk="another")]
    told, lake = seeming(*events).felt, of_the_lake(events)
    assert told.score == lake[-1]
    assert told.slope == pytest.approx(slope_of(lake))
    assert told.level == level_of(told.score)


def test_good_words_seem_content_and_complaints_do_not_and_the_slope_tells_which_way_it_goes() -> None:
    good, bad = "thank you that is great", "this is terrible zanzibar"
    content, angry = seeming(said(0, bad), said(9, good)), seeming(said(0, good), said(9, bad))
    assert NAMES.index(content.felt.level) > NAMES.index(angry.felt.level)
    assert content.felt.slope > 0 > angry.felt.slope
    assert seeming(said(0, good)).felt.slope == 0
    assert content.model_version == 3


def test_an_answer_and_another_conversation_change_nothing() -> None:
    talk = a_talk(5)
    told = seeming(*talk)
    answered = said(500, "I am sorry we have none", "bot")
    assert seeming(*talk, answered, *a_talk(4, talk="before"), happened(1, other={}, talk="")) == told


def test_without_a_model_of_satisfaction_the_next_actions_are_told_and_the_other_way_round() -> None:
    told = tell()
    assert told.satisfaction is None and len(told.foretold) == 4
    assert not wire.told_to_proto(told).HasField("satisfaction")
    only = tell(models=ONLY)
    assert only.foretold == () and len(only.without_model) == 4
    assert wire.told_to_proto(only).satisfaction.level != 0


def test_only_masked_texts_reach_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    kept = handlers.felt
    monkeypatch.setattr(handlers, "felt", lambda model, turns: seen.append(turns) or kept(model, turns))
    seeming(said(1, "call me: 13800138000"), said(2, "ann@example.com", "bot"), said(3, "well"))
    ((first, second),) = seen
    assert (first.user, first.agent, second.user) == ("call me: <PHONE_NUMBER>", "<EMAIL_ADDRESS>", "well")


def test_a_model_that_was_made_for_other_signals_is_unfit() -> None:
    good = satisfaction_model()
    assert prepared(good) is good
    other = SatisfactionModel(good.linear, good.trees, good.weights)
    other.signals = good.signals[:-1]
    with pytest.raises(ModelUnfit):
        prepared(other)
