"""What is promised of fields that the schema does not have: refused, or kept masked, never carried along raw."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2
from privacy.masking import EventMasker, Invalid, MaskedEvent, compile_plan
from privacy.masking.plan import SchemaUntreated
from tests.generated import KINDS, an_event, identifier
from tests.unit.masking.build import NOW, encoder, masker, message, pseudonymiser
from tests.unit.masking.kept import record_of
from tests.unit.masking.test_plan import schema_renaming

PLAN = compile_plan(event_pb2.Event.DESCRIPTOR)
PHONE = "13800138000"
MASKING = EventMasker(PLAN, pseudonymiser(), masker(), encoder=encoder(), unknown_fields="mask")
REFUSING = EventMasker(PLAN, pseudonymiser(), masker(), encoder=encoder())
Value = bytes | str | int | float


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: Value) -> bytes:
    """A field on the wire: an int as a varint, a double as 64 bits, the rest with its length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def with_fields(part: Any, *fields: tuple[int, Value]) -> None:
    part.MergeFromString(b"".join(field(number, value) for number, value in fields))


def an_event_with(*fields: tuple[int, Value]) -> event_pb2.Event:
    event = an_event(searched=event_pb2.Searched(query="shoes"))
    with_fields(event, *fields)
    return event


def unknown_in(event: event_pb2.Event, using: EventMasker = MASKING) -> Any:
    assert using.violations(event) == []
    body = record_of(using.mask_batch([event], "web", NOW)[0])["body"]
    return body.get("unknown")


def test_by_default_they_are_refused() -> None:
    event = an_event_with((999, "hello"))
    assert [one.reason for one in REFUSING.violations(event)] == ["UNKNOWN_FIELD"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hello", "hello"),
        ("", ""),
        (f"call {PHONE}", "call <PHONE_NUMBER>"),
        ("我叫欧阳晓峰", "我叫<PERSON>"),
        ("two\nlines\tand", "two\nlines\tand"),
        (5, 5),
        (int(PHONE), "<NUMBER>"),
        (2 * int(PHONE), "<NUMBER>"),
        (2**53, "<NUMBER>"),
        (2**64 - 1, "<NUMBER>"),
        (float(PHONE), "<NUMBER>"),
        (b"\xff\xfe", "<BYTES>"),
        (b"\x08\x96\x01", "<BYTES>"),
        ("x" * 4096, "x" * 4096),
        ("x" * 4097, "<BYTES>"),
    ],
)
def test_by_policy_they_are_kept_masked(value: Value, expected: object) -> None:
    assert unknown_in(an_event_with((999, value))) == {"999": expected}


def test_a_group_is_only_noted() -> None:
    event = an_event_with()
    event.MergeFromString(varint(999 << 3 | 3) + field(1, PHONE) + varint(999 << 3 | 4))
    assert unknown_in(event) == {"999": "<BYTES>"}


def test_they_are_found_at_every_depth_under_the_numbers_of_their_fields() -> None:
    event = message(
        "hi",
        context=event_pb2.Context(location=event_pb2.Location(latitude=1)),
        identifiers=[identifier("cookie", "a"), identifier("cookie", "b")],
    )
    event.message_sent.emotion.sentiment = 0.5
    with_fields(event, (99, "event"))
    with_fields(event.consent, (9, "consent"))
    with_fields(event.context.location, (9, "location"))
    with_fields(event.message_sent, (9, "body"))
    with_fields(event.message_sent.emotion, (9, "emotion"))
    for one in event.identifiers:
        with_fields(one, (9, "identifier"))
    assert unknown_in(event) == {
        "99": "event",
        "4.9": "identifier",
        "4.9#2": "identifier",
        "5.9": "consent",
        "6.4.9": "location",
        "28.9": "body",
        "28.5.9": "emotion",
    }


def test_one_in_a_struct_is_noted() -> None:
    event = an_event(custom=event_pb2.Custom(name="x", properties={"a": 1}))
    with_fields(event.custom.properties.fields["a"], (9, PHONE))
    assert unknown_in(event) == {"36.2": "<BYTES>"}


def test_an_event_without_any_is_as_it_was() -> None:
    event = message("hi", event_id="e")
    told = [using.mask_batch([event], "web", NOW)[0].to_bytes() for using in (MASKING, REFUSING)]
    assert told[0] == told[1]


def test_the_rest_of_the_event_is_as_if_there_were_none() -> None:
    event = message(f"call {PHONE}", event_id="e", identifiers=[identifier("phone", PHONE)])
    expected = record_of(REFUSING.mask_batch([event], "web", NOW)[0])
    with_fields(event.identifiers[0], (9, "x"))
    told = record_of(MASKING.mask_batch([event], "web", NOW)[0])
    assert told["body"].pop("unknown") == {"4.9": "x"}
    assert told == expected


def test_more_than_64_of_them_are_refused() -> None:
    assert len(unknown_in(an_event_with(*[(999, number) for number in range(64)]))) == 64
    event = an_event_with(*[(999, number) for number in range(65)])
    assert [one.reason for one in MASKING.violations(event)] == ["UNKNOWN_FIELD"]


def test_an_unknown_body_is_refused_and_kept_as_far_as_it_is_known() -> None:
    event = an_event_with((50, field(1, "some text of a new body")))
    event.ClearField("body")
    broken = MASKING.violations(event)
    assert [(one.field, one.reason) for one in broken] == [("body", "REQUIRED")]
    [outcome] = [one for part in MASKING.mask_slices([event], "web", NOW) for one in part.events]
    assert outcome == Invalid(tuple(broken))
    [refusal] = MASKING.quarantined([(event, broken)], "web", NOW)
    assert refusal.content is not None
    assert {"event_id", "channel", "unknown"} <= json.loads(refusal.content)["event"].keys()


def test_what_was_refused_for_them_is_restored_where_they_are_kept() -> None:
    event = an_event_with((999, f"call {PHONE}"), (998, 7), (997, int(PHONE)))
    [refusal] = REFUSING.quarantined([(event, REFUSING.violations(event))], "web", NOW)
    assert refusal.content is not None
    told = REFUSING.restored(refusal.content, source="web", received_at=NOW)
    assert isinstance(told, list)
    assert [one.reason for one in told] == ["UNKNOWN_FIELD"]
    restored = MASKING.restored(refusal.content, source="web", received_at=NOW)
    assert isinstance(restored, MaskedEvent)
    assert record_of(restored) == record_of(MASKING.mask_batch([event], "web", NOW)[0])


def test_too_many_of_them_are_never_restored() -> None:
    event = an_event_with(*[(999, number) for number in range(65)])
    [refusal] = MASKING.quarantined([(event, MASKING.violations(event))], "web", NOW)
    assert refusal.content is not None
    assert isinstance(MASKING.restored(refusal.content, source="web", received_at=NOW), list)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([500, 501]),
            st.one_of(*KINDS.values(), KINDS["PHONE_NUMBER"].map(int), st.binary(max_size=9)),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["event", "consent", "searched"]),
)
@settings(max_examples=200, deadline=None)
def test_nothing_personal_in_them_survives(fields: list[tuple[int, Value]], place: str) -> None:
    event = an_event_with()
    with_fields(event if place == "event" else getattr(event, place), *fields)
    stored = MASKING.mask_batch([event], "web", NOW)[0].to_bytes().decode()
    assert [value for _, value in fields if isinstance(value, (str, int)) and str(value) in stored] == []


def test_a_schema_must_leave_their_name_free() -> None:
    with pytest.raises(SchemaUntreated, match="unknown"):
        schema_renaming("Searched", "query", "unknown")
