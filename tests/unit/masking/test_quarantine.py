"""What is promised of events that break a rule: kept masked, restored once they are mended, never raw."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2
from privacy.masking import EventMasker, MaskedEvent, Masker, Refusal, Violation
from privacy.masking.detector import Detector
from privacy.masking.quarantine import MOST_BYTES
from tests.generated import an_event, identifier
from tests.unit.masking.build import NOW, Failing, event_masker, message, pseudonymiser
from tests.unit.masking.events_any import BODIES, any_events
from tests.unit.masking.test_event import NEEDLES, clear_broken, full_event
from tests.unit.masking.test_plan import schema_with

MASKER = event_masker()
PHONE = "13800138000"
THOROUGH = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def quarantined(event: event_pb2.Event, masker: EventMasker = MASKER) -> Refusal:
    broken = masker.violations(event)
    assert broken
    [refusal] = masker.quarantined([(event, broken)], "web", NOW)
    return refusal


def content_of(event: event_pb2.Event, masker: EventMasker = MASKER) -> bytes:
    content = quarantined(event, masker).content
    assert content is not None
    return content


def fields_of(event: event_pb2.Event) -> Any:
    return json.loads(content_of(event))["event"]


def restored(content: bytes, masker: EventMasker = MASKER, **changes: Any) -> MaskedEvent | list[Violation]:
    paths = {path.replace("__", "."): value for path, value in changes.items()}
    return masker.restored(content, source="web", received_at=NOW, changes=paths)


def rules(told: MaskedEvent | list[Violation]) -> list[tuple[str, str]]:
    assert isinstance(told, list), told
    return [(one.field, one.reason) for one in told]


def record_of(told: MaskedEvent | list[Violation]) -> dict[str, Any]:
    """The record of an event, its JSON read, so that the order of keys does not matter."""
    assert isinstance(told, MaskedEvent), told
    return {
        name: json.loads(value) if name in ("body", "context", "emotion") and value else value
        for name, value in told.record.items()
    }


def masked(event: event_pb2.Event, masker: EventMasker = MASKER) -> dict[str, Any]:
    return record_of(masker.mask_batch([event], "web", NOW)[0])


def valid(body: str) -> event_pb2.Event:
    """An event full of personal data that breaks no rule."""
    event = full_event(body)
    clear_broken(event, [one.field for one in MASKER.violations(event)])
    return event


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


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ({"channel": 99}, {"channel": "web"}),
        ({"channel": 0}, {"channel": "web"}),
        ({"occurred_at_unix_nano": 0}, {"occurred_at_unix_nano": 1_767_571_200_000_000_000}),
        ({"occurred_at_unix_nano": 1_767_571_200}, {"occurred_at_unix_nano": 1_767_571_200_000_000_000}),
        ({"context": {"locale": f"zh {PHONE}"}}, {"context.locale": "zh-CN"}),
        ({"feedback_given": {"kind": 1, "score": 11, "comment": PHONE}}, {"feedback_given.score": 5}),
        ({"feedback_given": {"score": 5, "comment": PHONE}}, {"feedback_given.kind": "csat"}),
        ({"feedback_given": {"kind": 77, "score": 5, "comment": PHONE}}, {"feedback_given.kind": "csat"}),
        ({"store_visited": {"store": "Shanghai"}}, {"store_visited.store": "SH-014"}),
        ({"cart_changed": {"product": PHONE, "price": {"currency": "yuan"}}}, {"cart_changed.price.currency": "CNY"}),
        ({"cart_changed": {"product": PHONE, "quantity": -2000}}, {"cart_changed.quantity": -2}),
        ({"conversation_transferred": {"from_party": 9, "to_party": 3}}, {"conversation_transferred.from_party": None}),
    ],
)
def test_what_is_mended_is_masked_as_if_it_had_come_so(broken: dict[str, Any], mended: dict[str, Any]) -> None:
    fixed: dict[str, Any] = {"event_id": "e", "channel": 1, "occurred_at_unix_nano": 1_767_571_200_000_000_000}
    fixed |= {"identifiers": [identifier("phone", PHONE), identifier("cookie", "null")], "conversation_id": "c"}
    body = next((name for name in broken if name in BODIES), "searched")
    fixed[body] = broken.get(body, {"query": f"电话 {PHONE}"})
    event = an_event(**{**fixed, **broken})
    content = content_of(event)
    assert rules(restored(content))
    for path, value in mended.items():
        parent: Any = event
        *parts, name = path.split(".")
        for part in parts:
            parent = getattr(parent, part)
        field = parent.DESCRIPTOR.fields_by_name[name]
        if value is None:
            parent.ClearField(name)
        elif field.enum_type is not None:
            prefix = {"channel": "CHANNEL", "kind": "FEEDBACK_KIND"}[name]
            setattr(parent, name, field.enum_type.values_by_name[f"{prefix}_{value.upper()}"].number)
        else:
            setattr(parent, name, value)
    told = MASKER.restored(content, source="web", received_at=NOW, changes=mended)
    assert record_of(told) == masked(event)


@pytest.mark.parametrize("body", BODIES)
def test_every_body_survives_quarantine_unchanged(body: str) -> None:
    event = valid(body)
    expected = masked(event)
    event.channel = 99  # type: ignore[assignment]
    content = content_of(event)
    assert record_of(restored(content, channel="web")) == {**expected, "channel": "web"}
    assert restored(content, channel="web") == restored(content, channel="web")


@given(any_events, st.sampled_from(["channel", "occurred_at_unix_nano"]))
@THOROUGH
def test_any_event_survives_quarantine_unchanged(event: event_pb2.Event, field: str) -> None:
    for _ in range(20):
        broken = [one.field for one in MASKER.violations(event) if "[" not in one.field and one.reason != "REQUIRED"]
        if not broken:
            break
        clear_broken(event, broken)
    event.channel, event.occurred_at_unix_nano = 1, 1_767_571_200_000_000_000  # type: ignore[assignment]
    if MASKER.violations(event):
        return
    expected = masked(event)
    event.ClearField(field)
    broken_rules = MASKER.violations(event)
    [refusal] = MASKER.quarantined([(event, broken_rules)], "web", NOW)
    if refusal.content is None:
        assert "analytics" not in expected["purposes"] or event.ByteSize() > MOST_BYTES // 2
        return
    told = restored(refusal.content, channel="web", occurred_at_unix_nano=1_767_571_200_000_000_000)
    assert record_of(told) == expected


def test_what_a_rule_asks_for_is_asked_for_again() -> None:
    cases = [
        (an_event(event_id=""), ("event_id", "REQUIRED")),
        (an_event(event_id="  "), ("event_id", "REQUIRED")),
        (an_event(event_id="x" * 129), ("event_id", "MAX_LENGTH")),
        (an_event(identifiers=[identifier("phone", "1" * 300)]), ("identifiers.value", "MAX_LENGTH")),
        (an_event(context=event_pb2.Context(user_agent="x" * 513)), ("context.user_agent", "MAX_LENGTH")),
        (an_event(context=event_pb2.Context(ip="1" * 65)), ("context.ip", "MAX_LENGTH")),
        (an_event(searched=event_pb2.Searched(query="长" * 600)), ("searched.query", "MAX_LENGTH")),
        (an_event(screen_viewed=event_pb2.ScreenViewed(screen=" ")), ("screen_viewed.screen", "REQUIRED")),
        (
            an_event(consent_changed=event_pb2.ConsentChanged(granted=[99])),
            ("consent_changed.granted", "UNKNOWN_VALUE"),
        ),
        (
            an_event(context=event_pb2.Context(location=event_pb2.Location(latitude=float("nan")))),
            ("context.location.latitude", "RANGE"),
        ),
    ]
    for event, expected in cases:
        assert expected in rules(restored(content_of(event)))


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


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("searched.query", "hello"),
        ("event_id", "event.1." + "A" * 52),
        ("identifiers.value", "x"),
        ("identifiers", []),
        ("consent.purposes", ["analytics"]),
        ("consent", {}),
        ("context.ip", "203.0.113.0/24"),
        ("context.location.latitude", 1.0),
        ("context.locale", f"call {PHONE}"),
        ("context.user_agent", "x"),
        ("channel", "WEB"),
        ("channel", 1),
        ("channel", "unspecified"),
        ("channel", ["web"]),
        ("searched.result_count", "5"),
        ("searched.result_count", -1),
        ("searched.result_count", 1.5),
        ("searched.result_count", True),
        ("searched.result_count", 10**30),
        ("feedback_given.score", 5),
        ("nothing", 5),
        ("", 5),
        ("channel.x", 5),
        ("message_sent.emotion.sentiment", 0.5),
    ],
)
def test_only_what_is_kept_as_it_is_can_be_changed_and_only_to_what_its_rules_allow(path: str, value: object) -> None:
    content = content_of(an_event(channel=99, searched=event_pb2.Searched(query="x")))
    told = MASKER.restored(content, source="web", received_at=NOW, changes={"channel": "web", path: value})
    assert (path, "CHANGE_REFUSED") in rules(told)


def test_a_value_that_the_schema_has_learnt_since_is_filled_in() -> None:
    content = json.loads(content_of(an_event(event_id="e", channel=99)))
    assert ["channel", "UNKNOWN_VALUE", 99] in content["held"]
    content["held"] = [["channel", "UNKNOWN_VALUE", 3], ["consent.purposes", "UNKNOWN_VALUE", [2, 3]]]
    record = record_of(restored(json.dumps(content).encode()))
    assert (record["channel"], record["purposes"]) == ("chat", ["analytics", "learning"])


def test_a_treatment_that_is_known_since_gives_the_event_without_the_field() -> None:
    older = EventMasker(schema_with("MessageSent", "agent_id", 99), pseudonymiser(), Masker.default())
    event = an_event(message_sent=event_pb2.MessageSent(party=1, text="hello", agent_id="a1"))
    content = content_of(event, older)
    assert rules(restored(content, older)) == [("message_sent.agent_id", "TREATMENT_UNKNOWN")]
    assert record_of(restored(content))["body"] == {"party": "customer", "text": "hello"}


def test_texts_are_searched_again_by_the_policy_of_today() -> None:
    content = content_of(message("call the XY shop", channel=99))
    stricter = event_masker(fields={"message_sent.text": {"action": "drop"}})
    told = restored(content, stricter, channel="web")
    assert record_of(told)["body"] == {"party": "customer"}
    failing = event_masker(Detector(others=[Failing("XY")]))
    assert rules(restored(content, failing, channel="web")) == [("message_sent.text", "MASKING_FAILED")]


def test_raw_texts_that_were_put_into_content_are_masked_and_raw_names_refused() -> None:
    content = json.loads(content_of(an_event(channel=99, searched=event_pb2.Searched(query="x"), conversation_id="c")))
    content["event"]["searched"]["query"] = PHONE
    told = restored(json.dumps(content).encode(), channel="web")
    assert record_of(told)["body"] == {"query": "<PHONE_NUMBER>"}
    for path, value in (("event_id", PHONE), ("conversation_id", "c"), ("event_id", None), ("event_id", 5)):
        forged = {**content, "event": {**content["event"], path: value}}
        assert (path, "MISFIT") in rules(restored(json.dumps(forged).encode(), channel="web"))
    for context in ({"ip": "203.0.113.7"}, {"ip": 5}, {"user_agent": PHONE}, {"locale": PHONE}, {"other": PHONE}):
        forged = {**content, "event": {**content["event"], "context": context}}
        told = restored(json.dumps(forged).encode(), channel="web")
        assert isinstance(told, list) or PHONE not in told.to_bytes().decode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"event": [], "held": []}',
        b'{"event": {}, "held": [[1]]}',
        b'{"event": {}}',
        b"\xff",
    ],
)
def test_content_that_cannot_be_read_is_told(content: bytes) -> None:
    assert rules(restored(content)) == [("event", "CONTENT_UNREADABLE")]


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda values: st.one_of(st.lists(values, max_size=3), st.dictionaries(st.text(max_size=5), values, max_size=3)),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from([*BODIES, "event_id", "channel", "consent", "context", "identifiers", "unknown"]), _JSON
    ),
    st.lists(st.tuples(st.sampled_from(["channel", "consent.purposes", "context.ip", "a.b"]), st.text(), _JSON)),
)
@THOROUGH
def test_whatever_content_says_it_is_restored_or_told_what_is_wrong(fields: Any, held: Any) -> None:
    content = json.dumps({"event": fields, "held": held}).encode()
    assert isinstance(restored(content, channel="web"), list)


def test_without_consent_nothing_is_restored() -> None:
    content = json.loads(content_of(an_event(channel=99)))
    content["event"]["consent"] = {"purposes": ["service"]}
    assert rules(restored(json.dumps(content).encode(), channel="web")) == [("consent", "REQUIRED")]


def test_an_event_keeps_the_moment_and_source_that_it_is_restored_with() -> None:
    content = content_of(an_event(channel=99))
    told = MASKER.restored(
        content, source="app", received_at=datetime(2025, 1, 2, tzinfo=NOW.tzinfo), changes={"channel": "web"}
    )
    assert [record_of(told)[name] for name in ("source", "received_date")] == ["app", "2025-01-02"]
