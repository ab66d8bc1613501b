"""What is promised of requests: every field has a treatment, and each broken rule is told without a value."""

from typing import Any

import pytest

from mangrove.event.v1 import event_pb2
from mangrove.prediction.v1 import prediction_pb2
from ml import tasks
from ml.online import Lineup
from ml.satisfaction.levels import NAMES
from privacy.masking import compile_plan
from services.prediction import wire
from services.prediction.ports import NEXT_ACTIONS, SATISFACTION
from services.prediction.refusals import PredictionInvalid
from tests.fakes.prediction import LOADED_AT, FakeModels
from tests.unit.prediction.talks import TALK, a_request, a_talk, happened, nanos, said

MARK = "nobody-must-see-this"


def broken(request: prediction_pb2.PredictRequest) -> PredictionInvalid:
    with pytest.raises(PredictionInvalid) as refused:
        wire.asked_from_proto(request)
    assert MARK not in str(refused.value) and MARK not in str(refused.value.violations)
    return refused.value


def test_every_field_of_a_request_has_a_treatment() -> None:
    requests = [m for name, m in prediction_pb2.DESCRIPTOR.message_types_by_name.items() if name.endswith("Request")]
    assert len(requests) == 2
    for message in requests:
        compile_plan(message)


def test_every_next_action_has_a_number_of_its_own() -> None:
    names = [name.removeprefix("NEXT_ACTION_").lower() for name in prediction_pb2.NextAction.DESCRIPTOR.values_by_name]
    assert names == ["unspecified", *NEXT_ACTIONS]
    assert [task.name for task in tasks.NEXT_ACTIONS] == list(NEXT_ACTIONS)


def test_every_level_of_satisfaction_has_a_number_of_its_own() -> None:
    levels = list(prediction_pb2.SatisfactionLevel.DESCRIPTOR.values_by_name)
    names = [level.removeprefix("SATISFACTION_LEVEL_").replace("_", " ").lower() for level in levels]
    assert names == ["unspecified", *NAMES]
    assert SATISFACTION in tasks.TASKS


def test_every_body_becomes_an_event_of_the_lake() -> None:
    bodies: list[dict[str, Any]] = [
        {"message": {"party": 1, "text": "hello", "turn": 2}},
        {"transfer": {"to_party": 3}},
        {"ending": {"reason": 2}},
        {"payment": {"status": 3}},
        {"page_view": {}},
        {"complaint": {}},
        {"other": {}},
    ]
    assert len(bodies) == len(prediction_pb2.CustomerEvent.DESCRIPTOR.oneofs_by_name["body"].fields)
    lake = {field.name for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["body"].fields}
    asked = wire.asked_from_proto(a_request(*(happened(1, **body) for body in bodies)))
    assert {event.event_type for event in asked.events} <= lake
    said_, transfer, ending, payment, page = asked.events[:5]
    assert (said_.party, said_.text, said_.turn) == ("customer", "hello", 2)
    assert (transfer.to_party, ending.end_reason, payment.payment_status) == ("agent", "abandoned", "cancelled")
    assert page.page and not said_.page
    assert {event.channel for event in asked.events} == {"chat"}
    assert said_.at_us == nanos(1) // 1000


def test_what_is_not_set_is_unknown() -> None:
    (event,) = wire.asked_from_proto(a_request(said(1, "", talk=""))).events
    assert (event.text, event.turn, event.locale, event.conversation_id) == (None, None, None, None)


@pytest.mark.parametrize(
    ("request_", "field", "reason"),
    [
        (prediction_pb2.PredictRequest(conversation_id=TALK), "events", "REQUIRED"),
        (prediction_pb2.PredictRequest(events=a_talk(2)), "conversation_id", "REQUIRED"),
        (prediction_pb2.PredictRequest(conversation_id="  ", events=a_talk(2)), "conversation_id", "REQUIRED"),
        (prediction_pb2.PredictRequest(conversation_id=MARK * 9, events=a_talk(2)), "conversation_id", "MAX_LENGTH"),
        (a_request(*a_talk(2) * 1001), "events", "MAX_ITEMS"),
        (a_request(said(1, MARK * 1000)), "events[0].message.text", "MAX_LENGTH"),
        (a_request(prediction_pb2.CustomerEvent(channel=3)), "events[0].occurred_at_unix_nano", "REQUIRED"),
        (a_request(happened(-1e9, other={})), "events[0].occurred_at_unix_nano", "RANGE"),
        (a_request(happened(3e9, other={})), "events[0].occurred_at_unix_nano", "RANGE"),
        (a_request(happened(1)), "events[0].body", "REQUIRED"),
        (a_request(happened(1, channel=0, other={})), "events[0].channel", "REQUIRED"),
        (a_request(happened(1, channel=99, other={})), "events[0].channel", "UNKNOWN_VALUE"),
        (a_request(happened(1, message={"text": "x"})), "events[0].message.party", "REQUIRED"),
        (a_request(happened(1, transfer={})), "events[0].transfer.to_party", "REQUIRED"),
        (a_request(happened(1, ending={"reason": 99})), "events[0].ending.reason", "UNKNOWN_VALUE"),
        (a_request(happened(1, payment={})), "events[0].payment.status", "REQUIRED"),
        (a_request(happened(1, other={}, locale=MARK)), "events[0].locale", "PATTERN"),
        (a_request(happened(1, other={}, talk=MARK * 9)), "events[0].conversation_id", "MAX_LENGTH"),
        (a_request(said(1, "x", turn=100_001)), "events[0].message.turn", "RANGE"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_told(request_: prediction_pb2.PredictRequest, field: str, reason: str) -> None:
    assert (field, reason) in [violation[:2] for violation in broken(request_).violations]


def test_a_request_with_very_many_broken_rules_is_told_a_few() -> None:
    assert len(broken(a_request(*[happened(1)] * 2000)).violations) == 10


def test_fields_of_another_schema_are_refused() -> None:
    request = a_request(said(1, "hello"))
    request.events[0].MergeFromString(b"\xf2\x3f\x04" + MARK[:4].encode())
    assert broken(request).violations[0][1] == "UNKNOWN_FIELD"


def test_models_are_told_also_where_there_is_none() -> None:
    lineup: Lineup = FakeModels({"escalation": object()}, {"handover": 4, "escalation": 9}, version=8).lineup
    told = wire.models_to_proto(lineup).models
    assert [(m.name, m.version, m.failed_version) for m in told] == [
        ("handover", 0, 4), ("abandonment", 0, 0), ("escalation", 8, 9), ("resolution", 0, 0), ("satisfaction", 0, 0),
    ]  # fmt: skip
    assert [m.loaded_at_unix_nano for m in told] == [0, 0, round(LOADED_AT.timestamp()) * 10**9, 0, 0]
    assert [m.action for m in told] == [1, 2, 3, 4, 0]
