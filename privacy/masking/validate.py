"""Says which rules of the schema an event breaks, without ever showing a value."""

from typing import Any

from google.protobuf.message import Message

from privacy.masking.limits import Violation
from privacy.masking.plan import FieldPlan, MessagePlan
from privacy.masking.unknown import MOST, UnknownFields, has_unknown_fields, unknown_values

NO_BODY = Violation("body", "REQUIRED", "Set exactly one body that this collector knows.")
UNKNOWN_FIELD = Violation(
    "event", "UNKNOWN_FIELD", "It has a field that this collector does not know. Use the schema it was built with."
)
_TOO_MANY_UNKNOWN = Violation(
    "event", "UNKNOWN_FIELD", f"It has more than {MOST} fields that this collector does not know. Send fewer of them."
)


def violations(message: Message, plan: MessagePlan, unknown_fields: UnknownFields = "refuse") -> list[Violation]:
    """Return every broken rule of an event, in the order of its fields; empty if it is valid.

    Args:
        message: The event.
        plan: Its plan.
        unknown_fields: Whether fields that the schema does not have break a rule.
    """
    found: list[Violation] = []
    _walk(message, plan, "", found)
    if message.WhichOneof("body") is None:
        found.append(NO_BODY)
    if has_unknown_fields(message):
        if unknown_fields == "refuse":
            found.append(UNKNOWN_FIELD)
        elif len(unknown_values(message, plan)) > MOST:
            found.append(_TOO_MANY_UNKNOWN)
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
