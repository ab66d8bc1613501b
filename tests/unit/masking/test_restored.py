"""What is promised of events that broke a rule: restored once they are mended, as if they had come so."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2
from privacy.masking import EventMasker, Masker
from privacy.masking.detector import Detector
from privacy.masking.quarantine import MOST_BYTES
from tests.generated import an_event, identifier
from tests.unit.masking.build import NOW, Failing, encoder, event_masker, message, pseudonymiser
from tests.unit.masking.events_any import BODIES, any_events
from tests.unit.masking.kept import (
    MASKER,
    PHONE,
    THOROUGH,
    content_of,
    masked,
    quarantined,
    record_of,
    restored,
    rules,
    valid,
)
from tests.unit.masking.test_event import clear_broken
from tests.unit.masking.test_plan import schema_with


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


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("searched.query", "hello"),
        ("event_id", "event.1." + "A" * 52),
        ("identifiers.value", "x"),
        ("identifiers.type", None),
        ("identifiers.type", "cookie"),
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
    plan = schema_with("MessageSent", "agent_id", 99)
    older = EventMasker(plan, pseudonymiser(), Masker.default(), encoder=encoder())
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


def test_content_that_is_nested_without_end_is_told() -> None:
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    content = b'{"held":[],"event":{"custom":{"name":"x","properties":' + deep + b"}}}"
    assert rules(restored(content)) == [("event", "CONTENT_UNREADABLE")]


@pytest.mark.parametrize("kind", [0, 19, 300])
def test_without_what_names_somebody_in_an_unknown_way_it_is_only_restored_if_told_so(kind: int) -> None:
    event = an_event(identifiers=[event_pb2.Identifier(type=kind, value=PHONE), identifier("cookie", "c")])
    refusal = quarantined(event)
    assert [rule.partition(":")[0] for rule in refusal.broken] == ["identifiers[0].type"]
    assert refusal.content is not None
    assert rules(restored(refusal.content))[0] == ("identifiers.type", "UNKNOWN_VALUE")
    record = record_of(restored(refusal.content, identifiers__type=None))
    assert [one["type"] for one in record["identifiers"]] == ["cookie"]


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
