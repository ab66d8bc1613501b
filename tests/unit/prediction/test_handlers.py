"""What is promised of a prediction: what it is of, what it is never of, and that nothing unmasked reaches a model."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from mangrove.prediction.v1 import prediction_pb2
from ml.binary import BinaryModel
from privacy.masking import Masker, MaskingFailed, Policy
from privacy.masking.detector import Detector
from services.access import Caller
from services.prediction import handlers, wire
from services.prediction.ports import NEXT_ACTIONS, Event
from services.prediction.refusals import ChannelNotInScope, ConversationOver, NoModel, PredictionInvalid
from services.prediction.texts import masked_texts
from services.prediction.trial import ModelUnfit, prepared
from tests.fakes.prediction import FakeModels
from tests.unit.prediction.talks import TALK, a_request, a_talk, happened, models, nanos, said, tell


def test_every_next_action_is_told_with_its_time_and_version() -> None:
    told = tell()
    assert [one.action for one in told.foretold] == list(NEXT_ACTIONS)
    for one in told.foretold:
        assert 0 <= one.probability <= 1
        assert one.seconds is not None and 0 <= one.seconds[0] <= one.seconds[1] <= one.seconds[2]
        assert one.model_version == 1
    assert (told.turn, told.as_of_us, told.without_model) == (6, nanos(220) // 1000, ())


def test_the_same_request_gets_the_same_answer() -> None:
    assert tell() == tell()


def test_requests_at_once_get_what_each_gets_alone() -> None:
    quick = FakeModels({name: prepared(model) for name, model in models().items()})
    asked = [
        [said(second, f"{text} 1380013{number:04d} ann{number}@example.com") for second in range(3)]
        for number, text in enumerate(("thanks", "这个没用", "I want a human", "退款", "hello?") * 8)
    ]
    alone = [tell(*events, models=quick, masker=Masker(Detector())) for events in asked]
    masker = Masker(Detector())
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda events: tell(*events, models=quick, masker=masker), asked)) == alone


def test_prepared_models_say_the_same() -> None:
    quick = FakeModels({name: prepared(model) for name, model in models().items()})
    for plain, fast in zip(tell().foretold, tell(models=quick).foretold, strict=True):
        assert fast.probability == pytest.approx(plain.probability, abs=1e-9)
        assert fast.seconds == pytest.approx(plain.seconds, rel=1e-9)


def test_what_is_said_changes_what_is_told() -> None:
    calm, angry = (tell(said(0, text), said(9, text)).foretold[0] for text in ("thanks", "this is useless"))
    assert angry.action == "handover"
    assert angry.probability > calm.probability


def test_a_model_that_knows_no_times_tells_none() -> None:
    kept = models()["handover"]
    timeless = prepared(BinaryModel(kept.columns, kept.classifier, kept.learner))
    (told,) = tell(models=FakeModels({"handover": timeless})).foretold
    assert (told.probability, told.seconds) == (tell().foretold[0].probability, None)


def test_actions_without_a_model_are_named() -> None:
    some = FakeModels({name: models()[name] for name in ("resolution", "handover")})
    told = tell(models=some)
    assert [one.action for one in told.foretold] == ["handover", "resolution"]
    assert told.without_model == ("abandonment", "escalation")


def test_without_any_model_it_is_said_what_to_do() -> None:
    with pytest.raises(NoModel) as refused:
        tell(models=FakeModels({}))
    assert "mangrove ml train" in refused.value.sentence


@pytest.mark.parametrize(
    "takes_over",
    [happened(500, transfer={"to_party": 3}), said(500, "hello, I take over", "agent"), said(0, "hello", "agent")],
)
def test_no_hand_over_is_told_once_a_human_has_the_conversation(takes_over: prediction_pb2.CustomerEvent) -> None:
    assert [one.action for one in tell(*a_talk(), takes_over).foretold] == list(NEXT_ACTIONS[1:])


def test_a_conversation_that_ended_is_refused_and_one_that_goes_on_is_not() -> None:
    ended = happened(500, ending={"reason": 1})
    with pytest.raises(ConversationOver):
        tell(*a_talk(), ended)
    assert tell(*a_talk(), ended, said(600, "one more thing")).turn == 7


def test_the_end_of_another_conversation_ends_nothing() -> None:
    assert tell(*a_talk(), happened(500, ending={"reason": 1}, talk="another")).turn == 6


@pytest.mark.parametrize(
    ("events", "field"),
    [
        ([said(1, "hello", talk="another")], "conversation_id"),
        ([said(1, "hello", "bot")], "events"),
        ([said(1, "hello", "bot"), said(2, "hello", talk="another")], "events"),
        ([happened(1, ending={"reason": 1})], "events"),
    ],
)
def test_a_conversation_in_which_the_customer_wrote_nothing_is_refused(events: list[Any], field: str) -> None:
    with pytest.raises(PredictionInvalid) as refused:
        tell(*events)
    assert refused.value.violations[0][0] == field


def test_a_key_for_some_channels_is_good_for_their_events_only() -> None:
    chat = Caller("bot", "source", channels=frozenset({"chat"}))
    assert tell(caller=chat).turn == 6
    with pytest.raises(ChannelNotInScope):
        tell(*a_talk(), happened(1, other={}, channel=1, talk=""), caller=chat)


class Broken(Detector):
    def detect(self, texts: Sequence[str]) -> Any:
        raise MaskingFailed("rules", "timeout")


def test_a_text_that_cannot_be_searched_refuses_the_request() -> None:
    with pytest.raises(MaskingFailed):
        tell(masker=Masker(Broken()))


def test_only_masked_texts_reach_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []
    kept = handlers.events_frame

    def events_frame(timed: Any, texts: Sequence[str | None]) -> Any:
        seen.extend(texts)
        return kept(timed, texts)

    monkeypatch.setattr(handlers, "events_frame", events_frame)
    tell(
        said(1, "call me: 13800138000"), said(2, "my number is 1380013", turn=1), said(3, "8001", turn=2),
        said(4, "ann@example.com", "bot"),
    )  # fmt: skip
    assert "call me: <PHONE_NUMBER>" in seen and "<EMAIL_ADDRESS>" in seen
    assert not [text for text in seen if text and any(part in text for part in ("1380013", "8001", "ann@"))]


def an_event(text: str, party: str = "customer") -> Event:
    return Event("message_sent", TALK, "chat", 1, party=party, text=text)


def test_a_policy_that_drops_what_a_source_says_drops_it_here() -> None:
    masker = Masker(Detector(), Policy({"sources": {"web": {"fields": {"message_sent.text": {"action": "drop"}}}}}))
    assert masked_texts([an_event("hello")], masker, "web") == [None]
    assert masked_texts([an_event("hello")], masker, "shop") == ["hello"]


def test_what_different_people_say_is_not_read_as_one() -> None:
    texts = masked_texts([an_event("1380013"), an_event("8001", "bot")], Masker.default(), "web")
    assert texts == ["1380013", "8001"]


class Mad:
    def __init__(self, probability: float, columns: object = None, early: float = 0.0) -> None:
        self.columns = models()["handover"].columns if columns is None else columns
        self.early = early
        self.probability = probability

    def predict_proba(self, rows: Any) -> Any:
        return np.array([[1 - self.probability, self.probability]] * len(rows))

    def seconds_to_event(self, rows: Any) -> Any:
        return np.array([[self.early, 2.0, 3.0]] * len(rows))


@pytest.mark.parametrize("probability", [float("nan"), -0.1, 1.1])
def test_a_model_that_says_no_probability_is_unfit(probability: float) -> None:
    with pytest.raises(ModelUnfit):
        prepared(Mad(probability))


@pytest.mark.parametrize("early", [float("nan"), -1.0, 2.5])
def test_a_model_whose_times_are_in_no_order_is_unfit(early: float) -> None:
    with pytest.raises(ModelUnfit):
        prepared(Mad(0.5, early=early))


def test_a_model_of_other_features_is_unfit() -> None:
    with pytest.raises(ModelUnfit):
        prepared(Mad(0.5, columns=("turn",)))


def test_nothing_of_a_request_is_shown() -> None:
    shown = repr(wire.asked_from_proto(a_request())) + repr(an_event("nobody-must-see-this"))
    assert "nobody" not in shown and TALK not in shown
