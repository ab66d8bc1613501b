"""What is promised of the quick way through an event: it says and makes the same as the plain one."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from privacy.masking import Invalid, MaskedEvent, Masker, SchemaUntreated, compile_plan
from privacy.masking.compiled import compile_reader
from privacy.masking.event import EventMasker
from privacy.masking.sealed import ENVELOPE
from privacy.masking.validate import violations
from tests.generated import ALLOWED, an_event, identifier
from tests.unit.masking.build import NOW, encoder, event_masker, message, pseudonymiser
from tests.unit.masking.events_any import BODIES, any_events
from tests.unit.masking.test_event import clear_broken, full_event
from tests.unit.masking.test_plan import schema_with

PLAN = compile_plan(event_pb2.Event.DESCRIPTOR)
QUICK = event_masker()
PLAIN = event_masker()
PLAIN._read = lambda _event, _run: None
THOROUGH = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def outcome(masker: EventMasker, event: event_pb2.Event) -> Any:
    [one] = [one for part in masker.mask_slices([event], "web", NOW) for one in part.events]
    return one.to_bytes() if isinstance(one, MaskedEvent) else one


@given(any_events)
@THOROUGH
def test_any_event_is_taken_and_refused_alike(event: event_pb2.Event) -> None:
    expected = violations(event, PLAN)
    assert QUICK.violations(event) == expected
    told = outcome(QUICK, event)
    assert told == outcome(PLAIN, event)
    assert told == Invalid(tuple(expected)) if expected else isinstance(told, bytes)


@given(any_events)
@THOROUGH
def test_what_is_left_of_any_event_is_masked_alike(event: event_pb2.Event) -> None:
    for _ in range(20):
        broken = [one.field for one in violations(event, PLAN) if "[" not in one.field and one.reason != "REQUIRED"]
        if not broken:
            break
        clear_broken(event, broken)
    assert outcome(QUICK, event) == outcome(PLAIN, event)


@pytest.mark.parametrize("body", BODIES)
def test_every_body_goes_the_quick_way(body: str) -> None:
    event = full_event(body)
    clear_broken(event, [one.field for one in violations(event, PLAN)])
    closely: list[event_pb2.Event] = []
    masker = event_masker()
    masker._read_closely = lambda one, run: closely.append(one) or EventMasker._read_closely(masker, one, run)
    assert isinstance(outcome(masker, event), bytes)
    assert closely == []


def test_a_text_is_masked_alike_the_first_and_every_other_time() -> None:
    masker = event_masker()
    event = an_event(
        event_id="e",
        page_viewed=event_pb2.PageViewed(url="/u/13800138000?name=x", title="电话 13800138000", referrer="/a"),
        context=event_pb2.Context(ip="203.0.113.77", locale="zh-CN"),
        identifiers=[identifier("cookie", "null"), identifier("phone", "13800138000")],
    )
    assert len({outcome(masker, event) for _ in range(3)}) == 1
    assert masker.violations(event) == []


def test_looking_for_violations_leaves_nothing_behind() -> None:
    masker = event_masker()
    event = an_event(event_id="e", identifiers=[identifier("phone", "13800138000")], conversation_id="c")
    masker.violations(event)
    assert outcome(masker, event) == outcome(event_masker(), event)


def test_what_one_source_sent_is_not_masked_as_another_asks() -> None:
    masker = event_masker(sources={"app": {"entities": {"PHONE_NUMBER": "drop"}}})
    event = an_event(searched=event_pb2.Searched(query="call 13800138000"))
    told = [masker.mask_batch([event], source, NOW)[0].record["body"] for source in ("web", "app", "web", "app")]
    assert told == ['{"query":"call <PHONE_NUMBER>"}', '{"query":"call "}'] * 2


def test_a_message_between_others_is_never_taken_from_memory() -> None:
    masker = event_masker()
    alone = masker.mask_batch([message("00138000")], "web", NOW)[0].record["body"]
    together = masker.mask_batch([message("138"), message("00138000")], "web", NOW)[1].record["body"]
    assert "00138000" in alone
    assert "<PHONE_NUMBER>" in together


@pytest.mark.parametrize(
    "place", ["event", "identifiers", "consent", "context", "location", "body", "emotion", "struct"]
)
def test_an_unknown_field_anywhere_is_seen(place: str) -> None:
    event = full_event("custom" if place == "struct" else "message_sent")
    clear_broken(event, [one.field for one in violations(event, PLAN)])
    event.context.location.latitude = 1
    if place != "struct":
        event.message_sent.emotion.sentiment = 1
    part: Any = {
        "event": lambda: event,
        "identifiers": lambda: event.identifiers[1],
        "consent": lambda: event.consent,
        "context": lambda: event.context,
        "location": lambda: event.context.location,
        "body": lambda: event.message_sent,
        "emotion": lambda: event.message_sent.emotion,
        "struct": lambda: event.custom.properties,
    }[place]()
    assert outcome(QUICK, event) != Invalid(())
    assert QUICK.violations(event) == []
    part.MergeFromString(bytes([0xBA, 0x3E, 3]) + b"abc")
    assert [one.reason for one in QUICK.violations(event)] == ["UNKNOWN_FIELD"]
    assert isinstance(outcome(QUICK, event), Invalid)


def test_a_treatment_of_a_newer_schema_is_refused_wherever_it_stands() -> None:
    for message_name, field, event in (
        ("MessageSent", "text", message("hello")),
        ("Consent", "purposes", an_event()),
        ("Context", "locale", an_event(context=event_pb2.Context(locale="zh-CN"))),
        ("Custom", "properties", an_event(custom=event_pb2.Custom(name="x", properties={"a": 1}))),
    ):
        masker = EventMasker(schema_with(message_name, field, 99), pseudonymiser(), Masker.default(), encoder=encoder())
        assert [one.reason for one in masker.violations(event)] == ["TREATMENT_UNKNOWN"]


def test_a_text_in_a_part_of_the_envelope_without_room_for_one_stops_the_start() -> None:
    plan = schema_with("Context", "locale", options_pb2.TREATMENT_FREE_TEXT)
    with pytest.raises(SchemaUntreated, match="context"):
        EventMasker(plan, pseudonymiser(), Masker.default(), encoder=encoder())


def test_texts_of_events_that_are_given_back_do_not_wait() -> None:
    masker = event_masker()
    broken = an_event(feedback_given=event_pb2.FeedbackGiven(kind=1, comment="电话 13800138000", turn=100_001))
    [part] = masker._parts([broken, message("hello")], "web", {})
    assert [waiting.event for waiting in part.run._waiting] == [1]


def test_long_titles_and_pages_are_not_remembered() -> None:
    masker = event_masker()
    events = [
        an_event(
            identifiers=[identifier("cookie", f"c{number}")],
            context=event_pb2.Context(ip="203.0.113.7", user_agent=f"{number}" * 100),
            page_viewed=event_pb2.PageViewed(url="/" + f"{number}" * 200, title=f"{number}" * 30),
        )
        for number in range(1000, 1100)
    ]
    masker.mask_batch(events, "web", NOW)
    held = list(masker._memories._memories.values())
    assert sum(len(memory.recent) + len(memory._earlier) for memory in held) == 0


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_events_of_one_customer_share_what_is_remembered_of_them(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(["a", "b", "null"]), min_size=1, max_size=3))
    event = an_event(event_id="e", identifiers=[identifier("cookie", name) for name in names], consent=ALLOWED)
    record = QUICK.mask_batch([event], "web", NOW)[0].record
    assert len(record["identifiers"]) == len([name for name in names if name != "null"])
    assert record["purposes"] == ["service", "analytics"]


def test_the_reader_makes_no_record_of_what_breaks_a_rule() -> None:
    read = compile_reader(PLAN, pseudonymiser().token, ENVELOPE)
    run = next(iter(QUICK._parts([an_event()], "web", {}))).run
    assert read(an_event(event_id=""), run) is None
