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
from services.adapters.tables.mapping import Condition, ConsentRule, Id, MappingInvalid, OccurredAt, TableMapping, Value
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
        self._steps = [
            id_step(mapping.id),
            channel_step(mapping.channel),
            occurred_at_step(mapping.occurred_at),
            *identifier_steps(mapping),
        ]
        self._steps += [conversation_step(mapping.conversation), consent_step(mapping.consent)]
        self._fields: dict[str, list[Step]] = {"context": [], **{body: [] for body, _ in self._rules}}
        for path, value in mapping.fields.items():
            root = path.partition(".")[0]
            if root not in self._fields:
                raise MappingInvalid((f'fields."{path}"', "write context or the name of a body under [[event]] first"))
            self._fields[root].append(field_step(path, value))

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
    for types in mapping.identifiers.values():
        yield from types
    for value in (mapping.channel, *mapping.fields.values()):
        yield from (value.columns.values() if value.columns else [value.column] if value.column else [])
    for condition in (*mapping.skip_when, *(rule.when for rule in mapping.event if rule.when)):
        yield condition.column
    yield from filter(None, [mapping.occurred_at.column, mapping.conversation, mapping.consent.column])


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
