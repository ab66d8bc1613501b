"""What the schema must state before a collector starts."""

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from privacy.masking import SchemaUntreated, compile_plan
from privacy.masking.plan import MessagePlan, Treatment
from privacy.pseudonyms import PERSON_TYPES, REFERENCE_TYPES


def schema_with(message: str, field: str, treatment: int | None, pattern: str | None = None) -> MessagePlan:
    """Compile the event's plan from a copy of the schema in which one field is treated differently."""
    copy = descriptor_pb2.FileDescriptorProto.FromString(event_pb2.DESCRIPTOR.serialized_pb)
    options = _field(copy, message, field).options
    options.ClearExtension(options_pb2.treatment)
    if treatment is not None:
        options.MergeFromString(_raw_treatment(treatment))
    if pattern is not None:
        options.Extensions[options_pb2.limits].pattern = pattern
    return _plan_of(copy)


def schema_renaming(message: str, field: str, name: str) -> MessagePlan:
    """Compile the event's plan from a copy of the schema in which one field has another name."""
    copy = descriptor_pb2.FileDescriptorProto.FromString(event_pb2.DESCRIPTOR.serialized_pb)
    _field(copy, message, field).name = name
    return _plan_of(copy)


def _field(file: Any, message: str, field: str) -> Any:
    return next(f for m in file.message_type if m.name == message for f in m.field if f.name == field)


def _plan_of(file: Any) -> MessagePlan:
    pool = descriptor_pool.DescriptorPool()
    for name in (
        "google/protobuf/descriptor.proto",
        "google/protobuf/struct.proto",
        "mangrove/privacy/v1/options.proto",
    ):
        source = descriptor_pool.Default().FindFileByName(name)  # type: ignore[no-untyped-call]
        pool.AddSerializedFile(source.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return compile_plan(pool.FindMessageTypeByName("mangrove.event.v1.Event"))  # type: ignore[no-untyped-call]


def _raw_treatment(number: int) -> bytes:
    tag = (50001 << 3) | 0
    return bytes([(tag & 0x7F) | 0x80, (tag >> 7 & 0x7F) | 0x80, tag >> 14, number])


def test_every_field_of_the_event_that_can_hold_text_has_a_treatment() -> None:
    plan = compile_plan(event_pb2.Event.DESCRIPTOR)
    assert len(plan.fields) == len(event_pb2.Event.DESCRIPTOR.fields)


@pytest.mark.parametrize(
    ("message", "field"),
    [("MessageSent", "text"), ("Custom", "properties"), ("Custom", "labels"), ("Custom", "attachment")],
)
def test_a_text_bytes_map_or_struct_field_without_treatment_stops_the_collector(message: str, field: str) -> None:
    with pytest.raises(SchemaUntreated) as refused:
        schema_with(message, field, None)
    assert field in refused.value.sentence


def test_a_string_that_is_kept_needs_a_pattern() -> None:
    with pytest.raises(SchemaUntreated):
        schema_with("MessageSent", "text", options_pb2.TREATMENT_KEEP)


@pytest.mark.parametrize(
    ("message", "field", "treatment"),
    [
        ("MessageSent", "turn", options_pb2.TREATMENT_FREE_TEXT),
        ("MessageSent", "party", options_pb2.TREATMENT_IDENTIFIER),
        ("Emotion", "sentiment", options_pb2.TREATMENT_URL),
        ("MessageSent", "text", options_pb2.TREATMENT_IDENTIFIER),
    ],
)
def test_what_is_treated_as_a_text_or_a_name_must_be_one(message: str, field: str, treatment: int) -> None:
    with pytest.raises(SchemaUntreated) as refused:
        schema_with(message, field, treatment)
    assert field in refused.value.sentence


def test_bytes_can_only_be_dropped() -> None:
    with pytest.raises(SchemaUntreated):
        schema_with("Custom", "attachment", options_pb2.TREATMENT_FREE_TEXT)


def test_a_treatment_of_a_newer_schema_is_unknown_and_not_taken_for_keep() -> None:
    plan = schema_with("MessageSent", "text", 99)
    body = next(f for f in plan.fields.values() if f.name == "message_sent").child
    assert body is not None
    assert next(f for f in body.fields.values() if f.name == "text").treatment is Treatment.UNKNOWN


def test_every_identifier_type_of_the_schema_has_keys() -> None:
    names = {v.name.removeprefix("IDENTIFIER_TYPE_").lower() for v in options_pb2.IdentifierType.DESCRIPTOR.values}
    assert names - {"unspecified"} == {*PERSON_TYPES, *REFERENCE_TYPES}
