"""Says which rules of the schema an event breaks, without ever showing a value."""

from typing import Any

from google.protobuf.message import Message

from privacy.masking.limits import Violation
from privacy.masking.plan import FieldPlan, MessagePlan

NO_BODY = Violation("body", "REQUIRED", "Set exactly one body that this collector knows.")
UNKNOWN_FIELD = Violation(
    "event", "UNKNOWN_FIELD", "It has a field that this collector does not know. Use the schema it was built with."
)


def violations(message: Message, plan: MessagePlan) -> list[Violation]:
    """Return every broken rule of an event, in the order of its fields; empty if it is valid."""
    found: list[Violation] = []
    _walk(message, plan, "", found)
    if message.WhichOneof("body") is None:
        found.append(NO_BODY)
    if has_unknown_fields(message):
        found.append(UNKNOWN_FIELD)
    return found


def _walk(message: Message, plan: MessagePlan, path: str, found: list[Violation]) -> None:
    fields = plan.fields
    missing = len(plan.required)
    for descriptor, value in message.ListFields():
        field = fields[descriptor.number]
        missing -= field.limits.required
        broken = field.check(value)
        if broken is not None:
            found.append(Violation(path + field.name, *broken))
        elif field.child is not None:
            _walk_child(field, field.child, value, path, found)
    if missing:
        unset = set(plan.required) - {descriptor.number for descriptor, _ in message.ListFields()}
        found += [Violation(path + plan.required[number], "REQUIRED", "It must be set.") for number in sorted(unset)]


def _walk_child(field: FieldPlan, child: MessagePlan, value: Any, path: str, found: list[Violation]) -> None:
    if field.repeated:
        for index, item in enumerate(value):
            _walk(item, child, f"{path}{field.name}[{index}].", found)
    else:
        _walk(value, child, f"{path}{field.name}.", found)


def has_unknown_fields(message: Message) -> bool:
    """Unknown fields survive parsing unseen; a copy without them is smaller."""
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    return known.ByteSize() != message.ByteSize()
