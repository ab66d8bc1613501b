"""Fields that senders set and the schema does not have, as those of a newer sender."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Literal, cast

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from privacy.masking.limits import Kind
from privacy.masking.plan import MessagePlan

UnknownFields = Literal["refuse", "mask"]
"""What becomes of an event with fields that the schema does not have."""

MOST = 64
"""So many of them may be kept of one event."""

_LONGEST = 4_096
_LENGTH_DELIMITED, _GROUP = 2, 3

Value = str | int | None
"""What a field says; None for what cannot be read as a text or a number."""


def has_unknown_fields(message: Message) -> bool:
    """Unknown fields survive parsing unseen; a copy without them is smaller."""
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    return known.ByteSize() != message.ByteSize()


def unknown_values(event: Message, plan: MessagePlan) -> list[tuple[str, Value]]:
    """Return the unknown fields of an event and all messages in it, with paths of field numbers; one more than `MOST`.

    What says nothing readable or more than 4,096 bytes has no value.
    """
    return list(islice(_walk(event, plan, ""), MOST + 1))


def _walk(message: Message, plan: MessagePlan, path: str) -> Iterator[tuple[str, Value]]:
    for unknown in cast(Iterable[Any], UnknownFieldSet(message)):
        yield f"{path}{unknown.field_number}", _value(unknown.wire_type, unknown.data)
    for descriptor, value in message.ListFields():
        one = plan.fields[descriptor.number]
        items = value if one.repeated else [value]
        if one.child is not None:
            for item in items:
                yield from _walk(item, one.child, f"{path}{descriptor.number}.")
        elif one.kind is Kind.STRUCT and any(map(has_unknown_fields, items)):
            yield f"{path}{descriptor.number}", None


def _value(wire_type: int, data: Any) -> Value:
    if wire_type == _GROUP:
        return None
    if wire_type != _LENGTH_DELIMITED:
        return int(data)
    if len(data) > _LONGEST:
        return None
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(c.isprintable() or c in "\t\r\n" for c in text) else None
