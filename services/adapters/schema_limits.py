"""Says whether a message keeps the limits that the schema declares, before it is sent."""

import re
from functools import cache
from typing import Any

from google.protobuf.message import Message

from mangrove.privacy.v1 import options_pb2


def fits(message: Message) -> bool:
    """Say whether every field, those of parts too, is set where it must be and within its length, range and form.

    Structs, maps and lists are not looked into. The collector's own check is the one that counts; this one lets an
    adapter choose another form for what would be refused.
    """
    present = {field.number: value for field, value in message.ListFields()}
    return all(_field_fits(field, present.get(field.number)) for field in message.DESCRIPTOR.fields)


def _field_fits(field: Any, value: Any) -> bool:
    limits = _limits(field)
    if value is None:
        return not limits.required
    if isinstance(value, str):
        return _text_fits(limits, value)
    if isinstance(value, Message):
        return not _is_ours(value) or fits(value)
    if isinstance(value, int | float):
        over = limits.HasField("max") and value > limits.max
        return not over and not (limits.HasField("min") and value < limits.min)
    return True


def _text_fits(limits: options_pb2.Limits, value: str) -> bool:
    within = not limits.max_length or len(value) <= limits.max_length
    formed = not limits.pattern or re.fullmatch(limits.pattern, value) is not None
    return within and formed and bool(value.strip() or not limits.required)


def _is_ours(message: Message) -> bool:
    return message.DESCRIPTOR.file.package.startswith("mangrove.")


@cache
def _limits(field: Any) -> options_pb2.Limits:
    limits: options_pb2.Limits = field.GetOptions().Extensions[options_pb2.limits]
    return limits
