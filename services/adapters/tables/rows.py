"""Makes events of rows as a mapping says, compiled once against the schema so that typing errors are found early."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from mangrove.event.v1 import event_pb2
from mangrove.privacy.v1 import options_pb2
from services.adapters.account import Mapped, Outcome, Skipped, Unmapped
from services.adapters.tables import cells
from services.adapters.tables.cells import Cell, CellUnfit, Convert, FieldUnsupported, Row
from services.adapters.tables.mapping import Condition, ConsentRule, Id, MappingInvalid, TableMapping, Value
from services.adapters.tables.moments import moments

MOST_EVENT_BYTES = 3_000_000
"""A larger event would make the collector refuse the whole batch that it travels in."""

_EVENT = event_pb2.Event.DESCRIPTOR
_BODIES = frozenset(field.name for field in _EVENT.oneofs_by_name["body"].fields)
_CHANNEL = _EVENT.fields_by_name["channel"]
_FIRST_REFERENCE = 20
_IDENTIFIERS = {
    name: number
    for name, number in cells.enum_names(options_pb2.IdentifierType.DESCRIPTOR).items()
    if number < _FIRST_REFERENCE
}
_PURPOSES = cells.enum_names(event_pb2.Purpose.DESCRIPTOR)


_Read = Callable[[Row], Any]
"""Gives a converted value, None for nothing, or raises `CellUnfit`."""


class _Step(NamedTuple):
    """One part of the making of an event, and how it is called in reasons."""

    where: str
    apply: Callable[[Row, event_pb2.Event], None]


class RowMapper:
    """Makes events of rows.

    Args:
        mapping: What becomes what.

    Raises:
        MappingInvalid: if it names a body, a field, a word or a type of identifier that the schema does not have.
    """

    def __init__(self, mapping: TableMapping) -> None:
        self.columns = tuple(dict.fromkeys(_columns(mapping)))
        """The columns that the mapping names, each once."""
        self._skips = [_condition(one) for one in mapping.skip_when]
        self._rules = [
            (_body(n, rule.body), _condition(rule.when) if rule.when else None) for n, rule in enumerate(mapping.event)
        ]
        self._steps = [_id(mapping.id), _channel(mapping.channel), _occurred_at(mapping), *_identifiers(mapping)]
        self._steps += [_conversation(mapping.conversation), _consent(mapping.consent)]
        self._fields: dict[str, list[_Step]] = {"context": [], **{body: [] for body, _ in self._rules}}
        for path, value in mapping.fields.items():
            root = path.partition(".")[0]
            if root not in self._fields:
                raise MappingInvalid((f'fields."{path}"', "write context or the name of a body under [[event]] first"))
            self._fields[root].append(_field(path, value))

    def map(self, row: Row) -> Outcome:
        """Return what becomes of a row: one event, or why there is none."""
        if any(skip(row) for skip in self._skips):
            return Skipped(row.number, "skip_when")
        body = next((body for body, when in self._rules if when is None or when(row)), None)
        if body is None:
            return Unmapped(row.number, "event:NO_RULE")
        event = event_pb2.Event()
        getattr(event, body).SetInParent()
        for step in (*self._steps, *self._fields["context"], *self._fields[body]):
            try:
                step.apply(row, event)
            except CellUnfit as unfit:
                return Unmapped(row.number, f"{step.where}:{unfit.rule}")
            except UnicodeError:
                return Unmapped(row.number, f"{step.where}:ENCODING")
        if event.ByteSize() > MOST_EVENT_BYTES:
            return Unmapped(row.number, "event:TOO_LARGE")
        return Mapped(row.number, (event,))


def _columns(mapping: TableMapping) -> Iterator[str]:
    yield from mapping.id.columns
    yield mapping.occurred_at.column
    for types in mapping.identifiers.values():
        yield from types
    for value in (mapping.channel, *mapping.fields.values()):
        yield from (value.columns.values() if value.columns else [value.column] if value.column else [])
    for condition in (*mapping.skip_when, *(rule.when for rule in mapping.event if rule.when)):
        yield condition.column
    yield from filter(None, [mapping.conversation, mapping.consent.column])


def _body(place: int, name: str) -> str:
    if name not in _BODIES:
        raise MappingInvalid(
            (f"event.{place}.body", f"there is no such body; write one of {', '.join(sorted(_BODIES))}")
        )
    return name


def _condition(condition: Condition) -> Callable[[Row], bool]:
    wanted = frozenset(condition.equals)

    def holds(row: Row) -> bool:
        cell = row.column(condition.column)
        if condition.empty is not None:
            return (cell is None) is condition.empty
        return isinstance(cell, str | int) and cells.text_of(cell) in wanted

    return holds


def _id(rule: Id) -> _Step:
    """The dataset and the key's cells with colons between them, or the row's place; a colon in a cell is escaped."""

    def apply(row: Row, event: event_pb2.Event) -> None:
        parts = [_required(row.column(column)) for column in rule.columns] or [str(row.place)]
        if len(parts) > 1:
            parts = [part.replace("\\", "\\\\").replace(":", "\\:") for part in parts]
        event.event_id = ":".join(filter(None, [rule.dataset, *parts]))

    return _Step("id", apply)


def _channel(value: Value) -> _Step:
    read = _reader("channel", value, cells.convert_of(_CHANNEL))

    def apply(row: Row, event: event_pb2.Event) -> None:
        number = read(row)
        if number is None:
            raise CellUnfit("EMPTY")
        event.channel = number

    return _Step("channel", apply)


def _occurred_at(mapping: TableMapping) -> _Step:
    rule = mapping.occurred_at
    read = moments(rule.format, rule.time_zone, rule.ambiguous)

    def apply(row: Row, event: event_pb2.Event) -> None:
        cell = row.column(rule.column)
        if cell is None:
            raise CellUnfit("EMPTY")
        event.occurred_at_unix_nano = read(cell)

    return _Step("occurred_at", apply)


def _identifiers(mapping: TableMapping) -> Iterator[_Step]:
    for name, columns in mapping.identifiers.items():
        if name not in _IDENTIFIERS:
            raise MappingInvalid((f"identifiers.{name}", f"write one of {', '.join(_IDENTIFIERS)}"))
        for column in columns:
            yield _Step(f"identifiers.{name}", _identifier(_IDENTIFIERS[name], column))


def _identifier(number: int, column: str) -> Callable[[Row, event_pb2.Event], None]:
    def apply(row: Row, event: event_pb2.Event) -> None:
        cell = row.column(column)
        if cell is not None:
            event.identifiers.add(type=number, value=cells.text_of(cell).strip())

    return apply


def _conversation(column: str) -> _Step:
    def apply(row: Row, event: event_pb2.Event) -> None:
        cell = row.column(column) if column else None
        if cell is not None:
            event.conversation_id = cells.text_of(cell).strip()

    return _Step("conversation", apply)


def _consent(rule: ConsentRule) -> _Step:
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

    return _Step("consent", apply)


def _purpose(word: str) -> Any:
    number = _PURPOSES.get(word.lower())
    if number is None:
        raise CellUnfit("UNKNOWN_VALUE")
    return number


def _field(path: str, value: Value) -> _Step:
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
    try:
        read = _reader(where, value, cells.convert_of(target, value.times))
    except FieldUnsupported as error:
        raise MappingInvalid((where, error.sentence)) from None
    return _Step(path, _setter(names, target, read))


def _setter(names: list[str], field: FieldDescriptor, read: _Read) -> Callable[[Row, event_pb2.Event], None]:
    def apply(row: Row, event: event_pb2.Event) -> None:
        value = read(row)
        if value is None:
            return
        message: Message = event
        for name in names:
            message = getattr(message, name)
        cells.put(message, field, value)

    return apply


def _reader(where: str, value: Value, convert: Convert) -> _Read:
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
        word = "" if cell is None else cells.text_of(cell).strip()
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


def _required(cell: Cell) -> str:
    text = "" if cell is None else cells.text_of(cell).strip()
    if not text:
        raise CellUnfit("EMPTY")
    return text
