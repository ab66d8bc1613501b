"""The parts of the making of an event: each reads some columns of a row and sets what they are for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from services.adapters.tables import cells
from services.adapters.tables.cells import Cell, CellUnfit, Convert, FieldUnsupported, Row
from services.adapters.tables.mapping import ConsentRule, Id, MappingInvalid, OccurredAt, Value
from services.adapters.tables.moments import moments

_EVENT = event_pb2.Event.DESCRIPTOR
_CHANNEL = _EVENT.fields_by_name["channel"]
_FIRST_REFERENCE = 20
_IDENTIFIERS = {
    name: number
    for name, number in cells.enum_names(options_pb2.IdentifierType.DESCRIPTOR).items()
    if number < _FIRST_REFERENCE
}
_PURPOSES = cells.enum_names(event_pb2.Purpose.DESCRIPTOR)

Read = Callable[[Row], Any]
"""Gives a converted value, None for nothing, or raises `CellUnfit`."""


class Step(NamedTuple):
    """One part of the making of an event, and how it is called in reasons."""

    where: str
    apply: Callable[[Row, event_pb2.Event], None]


def id_step(rule: Id) -> Step:
    """Set the event id: the dataset and the key's cells with colons between them, or the row's place.

    Colons in cells are escaped, so that two keys never read the same.
    """

    def apply(row: Row, event: event_pb2.Event) -> None:
        parts = [_required(row.column(column)) for column in rule.columns] or [str(row.place)]
        if len(parts) > 1:
            parts = [part.replace("\\", "\\\\").replace(":", "\\:") for part in parts]
        event.event_id = ":".join(filter(None, [rule.dataset, *parts]))

    return Step("id", apply)


def channel_step(value: Value) -> Step:
    """Set the channel; a row must have one."""
    read = _reader("channel", value, cells.convert_of(_CHANNEL))

    def apply(row: Row, event: event_pb2.Event) -> None:
        number = read(row)
        if number is None:
            raise CellUnfit("EMPTY")
        event.channel = number

    return Step("channel", apply)


def occurred_at_step(rule: OccurredAt) -> Step:
    """Set when it happened; a row must say it unless the mapping does."""
    read = moments(rule.format, rule.time_zone, rule.ambiguous)
    fixed = read(rule.fixed.isoformat()) if rule.fixed is not None else None

    def apply(row: Row, event: event_pb2.Event) -> None:
        if fixed is not None:
            event.occurred_at_unix_nano = fixed
            return
        cell = row.column(rule.column)
        if cell is None:
            raise CellUnfit("EMPTY")
        event.occurred_at_unix_nano = read(cell)

    return Step("occurred_at", apply)


def identifier_steps(identifiers: Mapping[str, Sequence[str]]) -> Iterator[Step]:
    """Add an identifier for each column that holds one.

    Raises:
        MappingInvalid: if a type names no person, or there is no such type.
    """
    for name, columns in identifiers.items():
        if name not in _IDENTIFIERS:
            raise MappingInvalid((f"identifiers.{name}", f"write one of {', '.join(_IDENTIFIERS)}"))
        for column in columns:
            yield Step(f"identifiers.{name}", _identifier(_IDENTIFIERS[name], column))


def _identifier(number: int, column: str) -> Callable[[Row, event_pb2.Event], None]:
    def apply(row: Row, event: event_pb2.Event) -> None:
        name = _text(row.column(column))
        if name:
            event.identifiers.add(type=number, value=name)

    return apply


def conversation_step(column: str) -> Step:
    """Set the conversation, if the row is part of one."""

    def apply(row: Row, event: event_pb2.Event) -> None:
        event.conversation_id = _text(row.column(column))

    return Step("conversation", apply)


def consent_step(rule: ConsentRule) -> Step:
    """Set what the customer allowed; a word that is not understood refuses the row."""
    allowed: list[Any] = [_PURPOSES[purpose] for purpose in rule.purposes or ()]

    def listed(cell: Cell) -> list[Any]:
        return [_purpose(word) for word in cells.words_of(cell, rule.separator)]

    def agreed(cell: Cell) -> list[Any]:
        return allowed if cells.truth_of(cell) else []

    value = Value(column=rule.column, values=rule.values) if rule.column else None
    read = _reader("consent", value, listed if rule.purposes is None else agreed) if value else None

    def apply(row: Row, event: event_pb2.Event) -> None:
        purposes = read(row) if read else allowed
        if purposes:
            event.consent.purposes.extend(purposes)

    return Step("consent", apply)


def _purpose(word: str) -> Any:
    number = _PURPOSES.get(word.lower())
    if number is None:
        raise CellUnfit("UNKNOWN_VALUE")
    return number


def field_step(path: str, value: Value) -> Step:
    """Set a field of the body or of the context, typed as the schema says.

    Raises:
        MappingInvalid: if the schema has no such field, or it cannot be set from a table.
    """
    where = f'fields."{path}"'
    *names, last = path.split(".")
    message = _EVENT
    for name in names:
        field = message.fields_by_name.get(name)
        if field is None or field.message_type is None or field.is_repeated or cells.is_open(field):
            raise MappingInvalid((where, f"the schema has no message '{name}' there"))
        message = field.message_type
    target = message.fields_by_name.get(last)
    if target is None:
        raise MappingInvalid((where, f"the schema has no field '{last}' there; see event.proto"))
    if value.columns and not cells.is_open(target):
        raise MappingInvalid((where, "columns are for a Struct or a map; name one column"))
    if value.times != 1 and not cells.is_number(target):
        raise MappingInvalid((where, "times is for numbers"))
    try:
        read = _reader(where, value, cells.convert_of(target, value.times))
    except FieldUnsupported as error:
        raise MappingInvalid((where, error.sentence)) from None
    return Step(path, _setter(names, target, read))


def _setter(names: list[str], field: FieldDescriptor, read: Read) -> Callable[[Row, event_pb2.Event], None]:
    def apply(row: Row, event: event_pb2.Event) -> None:
        value = read(row)
        if value is None:
            return
        message: Message = event
        for name in names:
            message = getattr(message, name)
        cells.put(message, field, value)

    return apply


def _reader(where: str, value: Value, convert: Convert) -> Read:
    """Return how a value is found in a row; words that the mapping itself writes are converted, and refused, now."""
    if value.fixed is not None:
        fixed = _written(f"{where}.fixed", value.fixed, convert)
        return lambda _: fixed
    if value.columns:
        return lambda row: _gathered(row, value.columns, convert)
    if not value.values:
        return lambda row: None if (cell := row.column(value.column)) is None else convert(cell)
    meant = {word: _written(f"{where}.values.{word}", told, convert) for word, told in value.values.items()}

    def read(row: Row) -> Any:
        cell = row.column(value.column)
        word = _text(cell)
        if word in meant:
            return meant[word]
        if cell is None:
            return None
        raise CellUnfit("UNKNOWN_VALUE")

    return read


def _written(where: str, told: Cell, convert: Convert) -> Any:
    try:
        return convert(told)
    except CellUnfit as unfit:
        raise MappingInvalid((where, f"it breaks the rule {unfit.rule} of its field")) from None


def _gathered(row: Row, columns: Mapping[str, str], convert: Convert) -> Any:
    found = {key: row.column(column) for key, column in columns.items()}
    told = {key: cell for key, cell in found.items() if cell is not None}
    return convert(told) if told else None


def _text(cell: Cell) -> str:
    return "" if cell is None else cells.text_of(cell).strip()


def _required(cell: Cell) -> str:
    text = _text(cell)
    if not text:
        raise CellUnfit("EMPTY")
    return text
