"""Checks a field's value against the limits that the schema declares, before anything else is done with it."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from google.protobuf.descriptor import FieldDescriptor


class Kind(Enum):
    """What a field holds."""

    TEXT = "text"
    BYTES = "bytes"
    ENUM = "enum"
    INTEGER = "integer"
    NUMBER = "number"
    BOOL = "bool"
    MESSAGE = "message"
    STRUCT = "struct"
    MAP = "map"


_KINDS = {
    FieldDescriptor.TYPE_STRING: Kind.TEXT,
    FieldDescriptor.TYPE_BYTES: Kind.BYTES,
    FieldDescriptor.TYPE_ENUM: Kind.ENUM,
    FieldDescriptor.TYPE_BOOL: Kind.BOOL,
    FieldDescriptor.TYPE_DOUBLE: Kind.NUMBER,
    FieldDescriptor.TYPE_FLOAT: Kind.NUMBER,
    FieldDescriptor.TYPE_MESSAGE: Kind.MESSAGE,
    FieldDescriptor.TYPE_GROUP: Kind.MESSAGE,
}

_UNSIGNED = frozenset(
    {
        FieldDescriptor.TYPE_UINT32,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_FIXED32,
        FieldDescriptor.TYPE_FIXED64,
    }
)


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule: the field's path from the event, the rule, and a sentence without the value."""

    field: str
    reason: str
    description: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a field's value must satisfy; infinite where nothing is declared.

    Attributes:
        required: It must be set, and not blank.
        max_length: Longest string in code points, bytes in bytes.
        max_items: Most items, entries, or values anywhere in a Struct.
        max_depth: Deepest nesting of a Struct.
        low: The smallest number.
        high: The largest number.
        pattern: What a whole string must match.
        known: The numbers of an enum that say something.
    """

    required: bool
    max_length: float
    max_items: float
    max_depth: float
    low: float
    high: float
    pattern: re.Pattern[str] | None
    known: frozenset[int]


Broken = tuple[str, str]
"""A rule and a sentence."""

Check = Callable[[Any], Broken | None]
"""Looks at a set field's value; returns (rule, sentence) if it breaks one."""

UNKNOWN_VALUE: Broken = ("UNKNOWN_VALUE", "It is a value that the schema does not know.")


def kind_of(field: FieldDescriptor, *, is_struct: bool, is_map: bool) -> Kind:
    """Return what one value of a field is."""
    if is_struct:
        return Kind.STRUCT
    return Kind.MAP if is_map else _KINDS.get(field.type, Kind.INTEGER)


def limits_of(field: FieldDescriptor, declared: Any) -> Limits:
    """Return what a field's value must satisfy.

    Args:
        field: The field.
        declared: Its `mangrove.privacy.v1.Limits`.
    """
    values = field.enum_type.values if field.enum_type is not None else ()
    lowest = 0.0 if field.type in _UNSIGNED else -math.inf
    return Limits(
        required=declared.required,
        max_length=declared.max_length or math.inf,
        max_items=declared.max_items or math.inf,
        max_depth=declared.max_depth or math.inf,
        low=max(declared.min, lowest) if declared.HasField("min") else lowest,
        high=declared.max if declared.HasField("max") else math.inf,
        pattern=re.compile(declared.pattern) if declared.pattern else None,
        known=frozenset(value.number for value in values if value.number),
    )


def check_of(kind: Kind, limits: Limits, *, repeated: bool) -> Check:
    """Return the check of a field."""
    single = _CHECKS[kind](limits)
    return _repeated_check(single, limits) if repeated else single


def _text_check(limits: Limits) -> Check:
    longest, pattern, required = limits.max_length, limits.pattern, limits.required

    def check(value: str) -> Broken | None:
        if len(value) > longest:
            return "MAX_LENGTH", f"It is longer than {longest} characters."
        if pattern is not None and pattern.fullmatch(value) is None:
            return "PATTERN", "It does not have the form that the schema asks for."
        if required and not value.strip():
            return "REQUIRED", "It must not be blank."
        return None

    return check


def _bytes_check(limits: Limits) -> Check:
    longest = limits.max_length
    return lambda value: ("MAX_LENGTH", f"It holds more than {longest} bytes.") if len(value) > longest else None


def _enum_check(limits: Limits) -> Check:
    known = limits.known
    return lambda value: None if value in known else UNKNOWN_VALUE


def _number_check(limits: Limits) -> Check:
    low, high = limits.low, limits.high

    def check(value: float) -> Broken | None:
        if not low <= value <= high:
            return "RANGE", f"It must be a number from {low:.15g} to {high:.15g}."
        return None

    return check


def _no_check(_limits: Limits) -> Check:
    return lambda _: None


def _repeated_check(single: Check, limits: Limits) -> Check:
    most = limits.max_items

    def check(values: Any) -> Broken | None:
        if len(values) > most:
            return "MAX_ITEMS", f"It has more than {most} items."
        return next((broken for broken in map(single, values) if broken), None)

    return check


def _map_check(limits: Limits) -> Check:
    most, longest = limits.max_items, limits.max_length

    def check(values: Any) -> Broken | None:
        if len(values) > most:
            return "MAX_ITEMS", f"It has more than {most} entries."
        if any(len(key) > longest or len(values[key]) > longest for key in values):
            return "MAX_LENGTH", f"A key or a value is longer than {longest} characters."
        return None

    return check


def _struct_check(limits: Limits) -> Check:
    most, deepest, longest = limits.max_items, limits.max_depth, limits.max_length

    def check(struct: Any) -> Broken | None:
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


_CHECKS: dict[Kind, Callable[[Limits], Check]] = {
    Kind.TEXT: _text_check,
    Kind.BYTES: _bytes_check,
    Kind.ENUM: _enum_check,
    Kind.INTEGER: _number_check,
    Kind.NUMBER: _number_check,
    Kind.BOOL: _no_check,
    Kind.MESSAGE: _no_check,
    Kind.STRUCT: _struct_check,
    Kind.MAP: _map_check,
}
