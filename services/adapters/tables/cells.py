"""Turns what a table's cell holds into what a field of the event holds, by the field's type in the schema."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from privacy.errors import MangroveError

Cell = Any
"""What a column holds in a row: a text, None for nothing, or in JSON also a number, a truth, a list, an object."""

Convert = Callable[[Cell], Any]
"""Turns a cell that holds something into a field's value, or raises `CellUnfit`."""

STRUCT = "google.protobuf.Struct"
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_BEYOND_WHOLE = Decimal(2**64)
_MOST_LEVELS = 16
_TRUTHS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}
_FLOATS = frozenset((FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT))
_NUMBERS = _FLOATS | {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}


class CellUnfit(MangroveError):
    """A cell does not hold what its place in the event takes; `rule` says which rule it breaks."""

    reason = "CELL_UNFIT"

    def __init__(self, rule: str) -> None:
        super().__init__(f"A cell breaks the rule {rule}.")
        self.rule = rule


class FieldUnsupported(MangroveError):
    """A field of the event cannot be set from a table."""

    reason = "FIELD_UNSUPPORTED"

    def __init__(self) -> None:
        super().__init__("it cannot be set from a table; name a field that holds text, a number, a word or a Struct")


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read.

    Attributes:
        number: The line on which it begins, from 1.
        place: Which row of the file it is, from 1.
        cells: What its columns hold.
        empty: Texts that stand for nothing.
    """

    number: int
    place: int
    cells: Mapping[str, Cell]
    empty: frozenset[str] = frozenset({""})

    def column(self, path: str) -> Cell:
        """Return what a column holds, None for nothing; `a.b` goes into nested objects."""
        cell = self.cells.get(path)
        if cell is None and "." in path:
            cell = self._nested(path)
        return None if isinstance(cell, str) and cell in self.empty else cell

    def _nested(self, path: str) -> Cell:
        at: Cell = self.cells
        for part in path.split("."):
            if not isinstance(at, Mapping):
                return None
            at = at.get(part)
        return at


def text_of(cell: Cell) -> str:
    """Return a cell's text. Whole numbers and truths have one; fractions have several, so they are refused."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(cell)
    raise CellUnfit("NOT_TEXT")


def truth_of(cell: Cell) -> bool:
    """Return whether a cell says yes: true, t, yes, y, 1 or false, f, no, n, 0, in any case."""
    truth = _TRUTHS.get(text_of(cell).strip().lower())
    if truth is None:
        raise CellUnfit("NOT_TRUE_OR_FALSE")
    return truth


def number_of(cell: Cell) -> Decimal:
    """Return a cell's number exactly as it is written, with a point and without grouping."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        raise CellUnfit("NOT_A_NUMBER")
    text = cell.strip() if isinstance(cell, str) else repr(cell)
    if _NUMBER.fullmatch(text) is None:
        raise CellUnfit("NOT_A_NUMBER")
    return Decimal(text)


def enum_names(enum: EnumDescriptor) -> dict[str, int]:
    """Return an enum's numbers by lower-case name without its prefix, such as customer for PARTY_CUSTOMER."""
    prefix = re.sub("(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
    return {value.name.removeprefix(prefix).lower(): value.number for value in enum.values if value.number}


def convert_of(field: FieldDescriptor, times: int = 1) -> Convert:
    """Return how a cell becomes the value of a field.

    Args:
        field: The field.
        times: What a number is multiplied by, such as 100 for hundredths.

    Raises:
        FieldUnsupported: if nothing in a table can.
    """
    if field.enum_type is not None:
        one = _enum(enum_names(field.enum_type))
        return _each(one) if field.is_repeated else one
    if is_open(field):
        return _labels if is_map(field) else _properties
    if field.is_repeated:
        raise FieldUnsupported
    if field.type == field.TYPE_STRING:
        return text_of
    if field.type == field.TYPE_BOOL:
        return truth_of
    if not is_number(field):
        raise FieldUnsupported
    return _float(times) if field.cpp_type in _FLOATS else _whole(times)


def is_map(field: FieldDescriptor) -> bool:
    """Say whether a field is a map."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def is_open(field: FieldDescriptor) -> bool:
    """Say whether a field takes keys of the sender's own: a map or a Struct."""
    return is_map(field) or (field.message_type is not None and field.message_type.full_name == STRUCT)


def is_number(field: FieldDescriptor) -> bool:
    """Say whether a field holds a number."""
    return field.cpp_type in _NUMBERS


def put(message: Message, field: FieldDescriptor, value: Any) -> None:
    """Set a field of a message to a converted value.

    Raises:
        CellUnfit: if the field's type cannot hold it.
    """
    try:
        if is_open(field):
            getattr(message, field.name).update(value)
        elif field.is_repeated:
            getattr(message, field.name).extend(value)
        else:
            setattr(message, field.name, value)
    except UnicodeError:
        raise CellUnfit("ENCODING") from None
    except ValueError:  # more than the number's type can hold
        raise CellUnfit("RANGE") from None


def _whole(times: int) -> Convert:
    def convert(cell: Cell) -> int:
        value = number_of(cell) * times
        if not -_BEYOND_WHOLE < value < _BEYOND_WHOLE:
            raise CellUnfit("RANGE")
        if value != value.to_integral_value():
            raise CellUnfit("NOT_WHOLE")
        return int(value)

    return convert


def _float(times: int) -> Convert:
    def convert(cell: Cell) -> float:
        value = float(number_of(cell) * times)
        if not math.isfinite(value):
            raise CellUnfit("RANGE")
        return value

    return convert


def _enum(numbers: Mapping[str, int]) -> Convert:
    def convert(cell: Cell) -> int:
        number = numbers.get(text_of(cell).strip().lower())
        if number is None:
            raise CellUnfit("UNKNOWN_VALUE")
        return number

    return convert


def words_of(cell: Cell, separator: str = ",") -> list[str]:
    """Return the words of a list: a JSON list, or a text in which a separator stands between them."""
    if isinstance(cell, list):
        return [text_of(item).strip() for item in cell]
    return [word for part in text_of(cell).split(separator) if (word := part.strip())]


def _each(one: Convert) -> Convert:
    return lambda cell: [one(word) for word in words_of(cell)]


def _properties(cell: Cell) -> dict[str, Any]:
    """Read an object, or a text that holds one in JSON, that is no deeper than what a parser of messages takes."""
    if isinstance(cell, str):
        try:
            cell = orjson.loads(cell)
        except orjson.JSONDecodeError:
            raise CellUnfit("NOT_JSON") from None
    if not isinstance(cell, dict):
        raise CellUnfit("NOT_AN_OBJECT")
    level: list[Any] = [cell]
    for _ in range(_MOST_LEVELS + 1):
        level = [child for one in level for child in (one.values() if isinstance(one, dict) else one)]
        level = [child for child in level if isinstance(child, dict | list)]
    if level:
        raise CellUnfit("MAX_DEPTH")
    return cell


def _labels(cell: Cell) -> dict[str, str]:
    return {key: text_of(value) for key, value in _properties(cell).items()}
