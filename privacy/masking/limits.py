"""Checks a field's value against the limits that the schema declares, before anything else is done with it."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

NUMBERS = frozenset(
    {
        FieldDescriptor.TYPE_DOUBLE,
        FieldDescriptor.TYPE_FLOAT,
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_INT32,
        FieldDescriptor.TYPE_UINT32,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_FIXED32,
        FieldDescriptor.TYPE_SFIXED64,
        FieldDescriptor.TYPE_SFIXED32,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_SINT32,
    }
)


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule: the field's path from the event, the rule, and a sentence without the value."""

    field: str
    reason: str
    description: str


Check = Callable[[Any], tuple[str, str] | None]
"""Looks at a set field's value; returns (rule, sentence) if it breaks one."""


def check_of(field: FieldDescriptor, limits: Any, *, is_struct: bool, is_map: bool) -> Check:
    """Compile the check of one field from its declared limits.

    Args:
        field: The field.
        limits: Its `mangrove.privacy.v1.Limits`.
        is_struct: Whether it is a google.protobuf.Struct.
        is_map: Whether it is a map with string keys.
    """
    if is_struct:
        return _struct_check(limits)
    if is_map:
        return _map_check(limits)
    single = _single_check(field, limits)
    return _repeated_check(single, limits) if field.is_repeated else single


def _single_check(field: FieldDescriptor, limits: Any) -> Check:
    if field.type == field.TYPE_STRING:
        return _text_check(limits)
    if field.type == field.TYPE_BYTES:
        longest = limits.max_length or math.inf
        return lambda value: ("MAX_LENGTH", f"It holds more than {longest} bytes.") if len(value) > longest else None
    if field.enum_type is not None:
        known = frozenset(v.number for v in field.enum_type.values if v.number)
        return lambda value: (
            None if value in known else ("UNKNOWN_VALUE", "It is a value that the schema does not know.")
        )
    if field.type in NUMBERS:
        return _number_check(limits)
    return lambda _: None


def _text_check(limits: Any) -> Check:
    longest = limits.max_length or math.inf
    pattern = re.compile(limits.pattern) if limits.pattern else None
    required = limits.required

    def check(value: str) -> tuple[str, str] | None:
        if len(value) > longest:
            return "MAX_LENGTH", f"It is longer than {longest} characters."
        if pattern is not None and pattern.fullmatch(value) is None:
            return "PATTERN", "It does not have the form that the schema asks for."
        if required and not value.strip():
            return "REQUIRED", "It must not be blank."
        return None

    return check


def _number_check(limits: Any) -> Check:
    low = limits.min if limits.HasField("min") else -math.inf
    high = limits.max if limits.HasField("max") else math.inf

    def check(value: float) -> tuple[str, str] | None:
        if not low <= value <= high:
            return "RANGE", f"It must be a number from {low:g} to {high:g}."
        return None

    return check


def _repeated_check(single: Check, limits: Any) -> Check:
    most = limits.max_items or math.inf

    def check(values: Any) -> tuple[str, str] | None:
        if len(values) > most:
            return "MAX_ITEMS", f"It has more than {most} items."
        return next((broken for broken in map(single, values) if broken), None)

    return check


def _map_check(limits: Any) -> Check:
    most, longest = limits.max_items or math.inf, limits.max_length or math.inf

    def check(values: Any) -> tuple[str, str] | None:
        if len(values) > most:
            return "MAX_ITEMS", f"It has more than {most} entries."
        if any(len(key) > longest or len(values[key]) > longest for key in values):
            return "MAX_LENGTH", f"A key or a value is longer than {longest} characters."
        return None

    return check


def _struct_check(limits: Any) -> Check:
    most, deepest = limits.max_items or math.inf, limits.max_depth or math.inf
    longest = limits.max_length or math.inf

    def check(struct: Any) -> tuple[str, str] | None:
        open_values = [(value, key, 1) for key, value in struct.fields.items()]
        seen = 0
        while open_values:
            value, key, depth = open_values.pop()
            seen += 1
            if seen > most:
                return "MAX_ITEMS", f"It holds more than {most} values."
            if depth > deepest:
                return "MAX_DEPTH", f"It is nested deeper than {deepest} levels."
            if len(key) > longest or len(value.string_value) > longest:
                return "MAX_LENGTH", f"A key or a string is longer than {longest} characters."
            if value.HasField("struct_value"):
                open_values += [(v, k, depth + 1) for k, v in value.struct_value.fields.items()]
            elif value.HasField("list_value"):
                open_values += [(v, "", depth + 1) for v in value.list_value.values]
        return None

    return check
