"""What is promised of events: no raw value survives, broken rules are told without values."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from mangrove.event.v1 import event_pb2
from privacy.masking import EventMasker, MaskedEvent, Masker, MaskingFailed, Unmaskable, compile_plan
from privacy.masking.detector import Detector
from privacy.masking.event import NotMasked
from privacy.pseudonyms import PERSON_TYPES, REFERENCE_TYPES, FileKeyProvider, Pseudonymiser, make_key_file
from tests.generated import an_event, identifier, with_id_check, with_luhn
from tests.unit.masking.build import Failing, body_of, encoder, event_masker, message
from tests.unit.masking.test_plan import schema_with

NOW = datetime(2026, 1, 5, tzinfo=UTC)
BODIES = [f.name for f in event_pb2.Event.DESCRIPTOR.oneofs_by_name["body"].fields]
PLANTED = {
    "phone": "13912345678",
    "email": "li.lei@example.com",
    "id": with_id_check("11010119900307123"),
    "card": with_luhn("622202123456789"),
    "name": "我叫欧阳晓峰",
}
NEEDLES = [*(v for k, v in PLANTED.items() if k != "name"), "欧阳晓峰"]


@pytest.fixture(scope="module")
def pseudonymiser(tmp_path_factory: pytest.TempPathFactory) -> Pseudonymiser:
    path: Path = tmp_path_factory.mktemp("keys") / "keys.json"
    make_key_file(path, (*PERSON_TYPES, *REFERENCE_TYPES))
    return Pseudonymiser(FileKeyProvider(path))


@pytest.fixture(scope="module")
def masker(pseudonymiser: Pseudonymiser) -> EventMasker:
    return EventMasker(compile_plan(event_pb2.Event.DESCRIPTOR), pseudonymiser, Masker.default(), encoder=encoder())


def plant(message: Message, texts: Iterator[str]) -> None:
    """Put personal data into every field that can hold text, at every depth."""
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof is not None:
            continue
        text = f"{next(texts)}，{PLANTED['phone']} {PLANTED['email']} {PLANTED['name']}，"
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name)[text] = text
        elif field.message_type is not None and field.message_type.full_name == "google.protobuf.Struct":
            getattr(message, field.name).update({text: text, "n": 13912345678, "deep": [{text: [text, 13912345678]}]})
        elif field.message_type is not None and not field.is_repeated:
            plant(getattr(message, field.name), texts)
        elif field.type == FieldDescriptor.TYPE_STRING:
            setattr(message, field.name, text)
        elif field.type == FieldDescriptor.TYPE_BYTES:
            setattr(message, field.name, text.encode())
        elif field.enum_type is not None and not field.is_repeated:
            setattr(message, field.name, 1)


def full_event(body: str) -> event_pb2.Event:
    event = an_event(page_viewed=None)
    plant(event, itertools.cycle(PLANTED.values()))
    event.occurred_at_unix_nano = 1_767_571_200_000_000_000
    event.identifiers.extend([identifier("phone", PLANTED["phone"]), identifier("email", PLANTED["email"])])
    getattr(event, body).SetInParent()
    plant(getattr(event, body), itertools.cycle(PLANTED.values()))
    return event


def clear_broken(message: Message, broken: list[str]) -> None:
    for path in broken:
        parts = path.split(".")
        parent: Any = message
        for part in parts[:-1]:
            parent = getattr(parent, part)
        field = parent.DESCRIPTOR.fields_by_name[parts[-1]]
        kept = {"store": "SH-014"}.get(parts[-1])
        parent.ClearField(field.name) if kept is None else setattr(parent, field.name, kept)


@pytest.mark.parametrize("body", BODIES)
def test_personal_data_in_every_field_of_every_body_is_gone(body: str, masker: EventMasker) -> None:
    event = full_event(body)
    clear_broken(event, [v.field for v in masker.violations(event)])
    assert masker.violations(event) == []
    stored = masker.mask_batch([event], "web", NOW)[0].to_bytes().decode()
    assert [needle for needle in NEEDLES if needle in stored] == []


@pytest.mark.parametrize("body", BODIES)
def test_a_refusal_holds_nothing_of_the_event(body: str, masker: EventMasker) -> None:
    event = full_event(body)
    event.channel = 99  # type: ignore[assignment]
    broken = masker.violations(event)
    told = repr(broken) + masker.refusal(event, "web", NOW, broken).to_bytes().decode()
    assert broken
    assert [needle for needle in NEEDLES if needle in told] == []


def test_a_treatment_that_the_collector_does_not_know_refuses_the_event(pseudonymiser: Pseudonymiser) -> None:
    masker = EventMasker(schema_with("MessageSent", "text", 99), pseudonymiser, Masker.default(), encoder=encoder())
    event = an_event(message_sent=event_pb2.MessageSent(party=event_pb2.PARTY_CUSTOMER, text="hello"))
    assert [(v.field, v.reason) for v in masker.violations(event)] == [("message_sent.text", "TREATMENT_UNKNOWN")]


def test_an_unknown_field_is_refused_and_not_carried_along(masker: EventMasker) -> None:
    secret = an_event().SerializeToString() + bytes([0xBA, 0x3E, 3]) + b"abc"
    event = event_pb2.Event.FromString(secret)
    assert [v.reason for v in masker.violations(event)] == ["UNKNOWN_FIELD"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"event_id": ""}, ("event_id", "REQUIRED")),
        ({"event_id": "  "}, ("event_id", "REQUIRED")),
        ({"event_id": "x" * 129}, ("event_id", "MAX_LENGTH")),
        ({"channel": 0}, ("channel", "REQUIRED")),
        ({"channel": 77}, ("channel", "UNKNOWN_VALUE")),
        ({"occurred_at_unix_nano": 0}, ("occurred_at_unix_nano", "REQUIRED")),
        ({"occurred_at_unix_nano": 5}, ("occurred_at_unix_nano", "RANGE")),
        ({"identifiers": [identifier("phone", str(i)) for i in range(17)]}, ("identifiers", "MAX_ITEMS")),
        ({"context": event_pb2.Context(locale="my secret")}, ("context.locale", "PATTERN")),
        (
            {"context": event_pb2.Context(location=event_pb2.Location(latitude=float("nan")))},
            ("context.location.latitude", "RANGE"),
        ),
        ({"message_sent": event_pb2.MessageSent(text="hi")}, ("message_sent.party", "REQUIRED")),
        ({"feedback_given": event_pb2.FeedbackGiven(kind=1, score=11)}, ("feedback_given.score", "RANGE")),
    ],
)
def test_each_declared_limit_is_enforced(
    change: dict[str, Any], expected: tuple[str, str], masker: EventMasker
) -> None:
    assert expected in [(v.field, v.reason) for v in masker.violations(an_event(**change))]


def test_a_struct_that_is_too_deep_or_too_wide_is_refused(masker: EventMasker) -> None:
    deep: dict[str, Any] = {}
    for _ in range(30):
        deep = {"a": deep}
    for properties, rule in ((deep, "MAX_DEPTH"), ({str(i): i for i in range(300)}, "MAX_ITEMS")):
        event = an_event(custom=event_pb2.Custom(name="x"))
        event.custom.properties.update(properties)
        assert rule in [v.reason for v in masker.violations(event)]


def test_an_event_without_a_body_is_refused(masker: EventMasker) -> None:
    event = an_event()
    event.ClearField("body")
    assert ("body", "REQUIRED") in [(v.field, v.reason) for v in masker.violations(event)]


def test_only_masking_can_build_a_masked_event() -> None:
    with pytest.raises(NotMasked):
        MaskedEvent("id", {}, object())


def test_treatments_do_what_the_schema_says(masker: EventMasker) -> None:
    event = an_event(
        context=event_pb2.Context(
            ip="203.0.113.77", user_agent="secret agent", locale="zh-CN", location=event_pb2.Location(latitude=31.2345)
        ),
        message_sent=event_pb2.MessageSent(
            party=event_pb2.PARTY_CUSTOMER, text="hi", emotion=event_pb2.Emotion(sentiment=-0.5)
        ),
        identifiers=[identifier("cookie", "null"), identifier("device", "d1")],
    )
    record = masker.mask_batch([event], "web", NOW)[0].record
    assert record["context"] == '{"ip":"203.0.113.0/24","locale":"zh-CN","location":{"latitude":31.2}}'
    assert record["emotion"] == '{"sentiment":-0.5}'
    assert record["body"] == '{"party":"customer","text":"hi"}'
    assert [i["type"] for i in record["identifiers"]] == ["device"]


def test_odd_numbers_and_long_queries_do_not_break_a_batch(masker: EventMasker) -> None:
    odd = an_event(custom=event_pb2.Custom(name="x"))
    odd.custom.properties.update({"a": 5e19, "b": -1e19, "c": 110105194912310038, "d": float("inf"), "e": 1.5, "f": 12})
    url = "https://x.example/?b=%20x&" + "&".join(["a=1"] * 300)
    masked = masker.mask_batch([odd, an_event(page_viewed=event_pb2.PageViewed(url=url))], "web", NOW)
    stored = masked[0].to_bytes().decode()
    assert "11010519491231" not in stored
    assert '\\"e\\":1.5' in stored
    assert '\\"f\\":12' in stored


def test_no_entry_is_lost_when_keys_are_masked_alike(masker: EventMasker) -> None:
    event = an_event(custom=event_pb2.Custom(name="x", labels={"13800138000": "a", "13900139000": "b"}))
    event.custom.properties.update({"13800138000": "c", "13900139000": "d", "13700137000": "e"})
    body = masker.mask_batch([event], "web", NOW)[0].record["body"]
    assert all(f'"{letter}"' in body for letter in "abcde")
    assert "13800138000" not in body


def test_an_unspecified_purpose_is_refused(masker: EventMasker) -> None:
    event = an_event(consent=event_pb2.Consent(purposes=[0, 2]))
    assert ("consent.purposes", "UNKNOWN_VALUE") in [(v.field, v.reason) for v in masker.violations(event)]


def test_event_ids_are_taken_to_the_letter(masker: EventMasker) -> None:
    ids = ["a1", "ａ１", " a1 ", "a\u00ad1", "\u200bx", "\u200cx"]
    masked = masker.mask_batch([an_event(event_id=i) for i in ids], "web", NOW)
    assert len({event.event_id for event in masked}) == len(ids)


def results_of(masked: EventMasker, events: list[event_pb2.Event]) -> list[MaskedEvent | Unmaskable]:
    return [event for part in masked.mask_slices(events, "web", NOW) for event in part.events]


def failures_of(masked: EventMasker, events: list[event_pb2.Event]) -> list[tuple[str, str]]:
    slices = masked.mask_slices(events, "web", NOW)
    return [(failure.detector, failure.cause) for part in slices for failure in part.failures]


def test_a_detector_that_fails_refuses_its_event_and_no_other() -> None:
    events = [message("hello"), message("poison here"), message("good bye"), an_event()]
    told = results_of(event_masker(Detector(others=[Failing("poison")])), events)
    assert [type(one).__name__ for one in told] == ["MaskedEvent", "Unmaskable", "MaskedEvent", "MaskedEvent"]
    assert told[1] == Unmaskable("message_sent.text")
    assert failures_of(event_masker(Detector(others=[Failing("poison")])), events) == [("failing", "error")]


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (an_event(custom=event_pb2.Custom(name="x", labels={"a": "poison"})), "custom.labels"),
        (an_event(custom=event_pb2.Custom(name="x", labels={"poison": "a"})), "custom.labels"),
        (an_event(page_viewed=event_pb2.PageViewed(url="/a/poison?b=1")), "page_viewed.url"),
        (an_event(searched=event_pb2.Searched(query="poison")), "searched.query"),
    ],
)
def test_the_field_that_could_not_be_searched_is_named(event: event_pb2.Event, path: str) -> None:
    assert results_of(event_masker(Detector(others=[Failing("poison")])), [event]) == [Unmaskable(path)]


def test_with_drop_field_only_the_text_is_withheld() -> None:
    masked = event_masker(Detector(others=[Failing("poison")]), detectors={"on_failure": "drop_field"})
    event = an_event(page_viewed=event_pb2.PageViewed(url="/a/poison?b=1", title="shoes"))
    assert body_of(masked, event) == {"url": "<WITHHELD>", "title": "shoes"}
    event = an_event(custom=event_pb2.Custom(name="x", labels={"a": "poison", "b": "c", "poison": "d"}))
    assert body_of(masked, event)["labels"] == {"a": "<WITHHELD>", "b": "c", "<WITHHELD>": "<WITHHELD>"}
    assert failures_of(masked, [message("poison")]) == [("failing", "error")]


def test_what_fails_across_messages_refuses_the_later_one_or_withholds_its_text() -> None:
    events = [message("138"), message("00138000")]
    told = results_of(event_masker(Detector(others=[Failing("13800138000")])), events)
    assert [type(one).__name__ for one in told] == ["MaskedEvent", "Unmaskable"]
    lenient = event_masker(Detector(others=[Failing("13800138000")]), detectors={"on_failure": "drop_field"})
    assert [
        '"<WITHHELD>"' in one.to_bytes().decode().replace("\\", "") for one in lenient.mask_batch(events, "web", NOW)
    ] == [
        False,
        True,
    ]


def test_a_batch_that_is_masked_at_once_is_refused_as_one() -> None:
    with pytest.raises(MaskingFailed):
        event_masker(Detector(others=[Failing("poison")])).mask_batch([message("poison"), an_event()], "web", NOW)


def test_a_detector_that_hangs_is_not_waited_for_again_and_again() -> None:
    slow = Failing("poison", slow_s=0.2)
    masked = event_masker(Detector(others=[slow], timeout_s=0.01))
    told = results_of(masked, [message(f"poison {number}", conversation="") for number in range(200)])
    assert {type(one) for one in told} == {Unmaskable}
    assert slow.failed <= 10


def test_a_large_batch_is_masked_in_slices_that_hold_every_event_once(pseudonymiser: Pseudonymiser) -> None:
    events = [message("13800138000 " * 600, conversation=f"c{number}", event_id=str(number)) for number in range(150)]
    masked = EventMasker(compile_plan(event_pb2.Event.DESCRIPTOR), pseudonymiser, Masker.default(), encoder=encoder())
    parts = [part.events for part in masked.mask_slices(events, "web", NOW)]
    assert sum(map(bool, parts)) > 3
    together = [event.event_id for part in parts for event in part if isinstance(event, MaskedEvent)]
    assert together == [pseudonymiser.token("event", event.event_id) for event in events]


def test_parts_of_a_number_are_masked_though_they_lie_in_different_slices() -> None:
    filler = [message("长" * 8000, conversation=f"f{number}") for number in range(30)]
    masked = event_masker()
    told = [
        one
        for one in results_of(masked, [message("138"), *filler, message("00138000")])
        if isinstance(one, MaskedEvent)
    ]
    assert ["<PHONE_NUMBER>" in told[place].record["body"] for place in (0, -1)] == [True, True]
