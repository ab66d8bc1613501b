"""What is promised of events that break a rule: what may be kept of them is kept masked, and nothing raw."""

import json
from typing import Any

import pytest
from hypothesis import given

from mangrove.event.v1 import event_pb2
from privacy.masking.detector import Detector
from tests.generated import an_event, identifier
from tests.unit.masking.build import NOW, Failing, event_masker, message, pseudonymiser
from tests.unit.masking.events_any import BODIES, any_events
from tests.unit.masking.kept import (
    MASKER,
    PHONE,
    THOROUGH,
    content_of,
    fields_of,
    quarantined,
    restored,
    rules,
)
from tests.unit.masking.test_event import NEEDLES, full_event


@pytest.mark.parametrize("body", BODIES)
def test_nothing_raw_of_any_body_is_kept(body: str) -> None:
    event = full_event(body)
    event.channel = 99  # type: ignore[assignment]
    kept = quarantined(event).to_bytes().decode()
    assert [needle for needle in NEEDLES if needle in kept] == []
    assert json.loads(kept)["content"]


@given(any_events)
@THOROUGH
def test_any_broken_event_is_recorded_and_what_is_kept_is_not_restored_before_it_is_mended(
    event: event_pb2.Event,
) -> None:
    broken = MASKER.violations(event)
    if not broken:
        return
    refusal = quarantined(event)
    assert json.loads(refusal.to_bytes())["violations"] == [f"{one.field}:{one.reason}" for one in broken]
    lost = {"TREATMENT", "UNKNOWN_VALUE", "REQUIRED", "MAX_LENGTH"}
    if refusal.content is None or all("identifiers" in one.field or one.reason in lost for one in broken):
        return
    assert rules(restored(refusal.content))


def test_what_breaks_a_rule_is_masked_more_strictly_than_what_does_not() -> None:
    event = an_event(
        context=event_pb2.Context(
            locale=f"my phone is {PHONE}", ip="x" * 70, location=event_pb2.Location(latitude=121.4737, longitude=31.2)
        ),
        identifiers=[event_pb2.Identifier(value=PHONE), identifier("cookie", "c")],
        feedback_given=event_pb2.FeedbackGiven(kind=1, score=3_999_999_999, comment="x" * 5000),
    )
    fields = fields_of(event)
    assert fields["context"] == {
        "ip": "<IP_ADDRESS>",
        "locale": "my phone is <PHONE_NUMBER>",
        "location": {"latitude": 121.5, "longitude": 31.2},
    }
    assert [one["type"] for one in fields["identifiers"]] == ["cookie"]
    assert len(fields["feedback_given"]["comment"]) == 5000
    paid = an_event(
        payment_made=event_pb2.PaymentMade(order_id="o", status=1, amount=event_pb2.Money(amount_minor=13800138000))
    )
    assert fields_of(paid)["payment_made"]["amount"] == {"amount_minor": "<PHONE_NUMBER>"}


@pytest.mark.parametrize(
    "event",
    [
        an_event(channel=99, identifiers=[identifier("phone", str(number)) for number in range(17)]),
        an_event(channel=99, custom=event_pb2.Custom(name="x", properties={str(number): 1 for number in range(300)})),
        an_event(channel=99, message_sent=event_pb2.MessageSent(party=1, text="长" * 30_000)),
        an_event(channel=99, message_sent=event_pb2.MessageSent(party=1, text='"' * 60_000)),
    ],
)
def test_what_is_too_much_is_not_kept(event: event_pb2.Event) -> None:
    refusal = quarantined(event)
    assert refusal.content is None
    assert refusal.event_id == pseudonymiser().token("event", event.event_id)
    assert refusal.occurred_at == event.occurred_at_unix_nano // 1000


@pytest.mark.parametrize("purposes", [[], [event_pb2.PURPOSE_SERVICE], [99]])
def test_without_consent_nothing_is_kept(purposes: list[Any]) -> None:
    refusal = quarantined(an_event(channel=99, consent=event_pb2.Consent(purposes=purposes)))
    assert (refusal.content, refusal.event_id, refusal.occurred_at) == (None, None, None)


def test_an_event_without_a_body_is_kept_only_with_consent() -> None:
    event = an_event()
    event.ClearField("body")
    assert set(json.loads(content_of(event))["event"]) == {"event_id", "channel", "occurred_at_unix_nano", "consent"}
    assert rules(restored(content_of(event))) == [("body", "REQUIRED")]
    event.ClearField("consent")
    assert quarantined(event).content is None


def test_a_very_deep_event_is_not_kept_and_breaks_nothing() -> None:
    deep: dict[str, Any] = {}
    for _ in range(30):
        deep = {"a": deep}
    event = an_event(custom=event_pb2.Custom(name="x"))
    event.custom.properties.update(deep)
    assert quarantined(event).content is None


def test_an_event_that_could_not_be_searched_is_not_kept_and_others_are() -> None:
    masker = event_masker(Detector(others=[Failing("poison")]), detectors={"on_failure": "drop_field"})
    events = [message(text, channel=99) for text in ("hello", "poison", "good bye")]
    told = masker.quarantined([(event, masker.violations(event)) for event in events], "web", NOW)
    assert [one.content is not None for one in told] == [True, False, True]


def test_only_so_much_is_masked_in_one_call() -> None:
    events = [message("长" * 8000, channel=99, conversation=str(number)) for number in range(60)]
    told = MASKER.quarantined([(event, MASKER.violations(event)) for event in events], "web", NOW)
    kept = [one.content is not None for one in told]
    assert len(told) == 60
    assert kept == sorted(kept, reverse=True)
    assert 30 < sum(kept) < 60


def test_parts_of_a_number_are_masked_in_quarantine_too() -> None:
    masker = event_masker()
    masker.mask_batch([message("138")], "web", NOW)
    assert "00138000" not in content_of(message("00138000", channel=99), masker).decode()


def test_columns_of_a_refusal() -> None:
    event = message(f"电话 {PHONE}", event_id="e", channel=99, occurred_at_unix_nano=1_767_571_200_000_000_000)
    columns = json.loads(quarantined(event).to_bytes())
    assert columns["event_id"] == pseudonymiser().token("event", "e")
    assert columns["occurred_at"] == 1_767_571_200_000_000
    assert columns["violations"] == ["channel:UNKNOWN_VALUE"]
    assert json.loads(columns["content"])["event"]["message_sent"]["text"] == "电话 <PHONE_NUMBER>"
    assert PHONE not in repr(quarantined(event))
